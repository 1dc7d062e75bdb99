"""E-mails of automations at a real SMTP server: what arrives, over which connection, and what is made of refusals."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.notify.action_email import SUBJECT_CHARS_MAX, Emails
from services.notify.automation_samples import LEAD, OCCASION
from services.notify.domain.actions import Email, Unrenderable
from services.notify.domain.mail import MailServer, Tls, mail_server
from services.notify.errors import NoMailServer
from services.notify.texts import Texts
from services.shared.clock import SystemClock
from tests.support.certificates import certificate
from tests.support.mail_room import MailRoom

TEXTS = Texts()
EMAIL = Email(
    to=("{{ lead.owner }}", "team@example.com"),
    subject="{{ lead.display_name }} is {{ lead.stage }}",
    text_body="Score: {{ lead.score | round }}\n{{ lead.company }}",
    html_body="<p>{{ lead.company }}</p>",
)


@pytest.fixture
async def room() -> AsyncIterator[MailRoom]:
    async with MailRoom().serve() as serving:
        yield serving


def emails(room: MailRoom, scheme: str = "smtp", host: str = "127.0.0.1", **more: Any) -> Emails:
    login = more.pop("login", "")
    return Emails(
        mail_server(f"{scheme}://{login}{host}:{room.port}"),
        "Scoreline Ünits <alerts@scoreline.test>",
        more.pop("timeout_s", 20.0),
        TEXTS,
        SystemClock(),
        **more,
    )


async def test_an_email_arrives_as_it_was_written(room: MailRoom) -> None:
    occasion = replace(OCCASION, lead=LEAD | {"company": "Café & <b>Söhne</b>\n" + "x" * 2_000})
    outcome = await emails(room).do(EMAIL, occasion)
    assert (outcome.error, outcome.detail) == ("", "sent to 2 of 2")
    (letter,) = room.letters
    assert room.envelopes[0].rcpt_tos == ["sam@example.com", "team@example.com"]
    assert room.envelopes[0].mail_from == "alerts@scoreline.test"
    assert letter["From"] == "Scoreline Ünits <alerts@scoreline.test>"
    assert letter["To"] == "sam@example.com, team@example.com"
    assert letter["Subject"] == "Ada Lovelace is qualified"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Date"].datetime is not None
    text, html = letter.iter_parts()
    assert text.get_content_type() == "text/plain"
    assert text.get_content().splitlines() == ["Score: 85", "Café & <b>Söhne</b>", "x" * 2_000]
    assert html.get_content_type() == "text/html"
    assert html.get_content().startswith("<p>Café &amp; &lt;b&gt;Söhne&lt;/b&gt;")


async def test_without_html_it_is_plain_text(room: MailRoom) -> None:
    await emails(room).do(replace(EMAIL, html_body=""), OCCASION)
    assert room.letters[0].get_content_type() == "text/plain"


async def test_a_repetition_is_told_by_its_id(room: MailRoom) -> None:
    sending = emails(room)
    await sending.do(EMAIL, OCCASION)
    await sending.do(EMAIL, replace(OCCASION, lead=LEAD | {"score": 99.0}))
    await sending.do(replace(EMAIL, subject="another of the same execution"), OCCASION)
    await sending.do(EMAIL, replace(OCCASION, execution_id="exe_other"))
    first, again, other, later = (letter["Message-ID"] for letter in room.letters)
    assert first == again
    assert len({first, other, later}) == 3
    assert first.endswith("@scoreline.test>")


async def test_a_lead_can_add_no_header_and_no_recipient(room: MailRoom) -> None:
    evil = "x\r\nBcc: eve@evil.test\r\n\r\nbody\r\n.\r\nMAIL FROM:<eve@evil.test>"
    occasion = replace(OCCASION, lead=LEAD | {"display_name": evil, "company": evil})
    outcome = await emails(room).do(EMAIL, occasion)
    assert outcome.succeeded
    (letter,) = room.letters
    assert letter["Bcc"] is None
    assert letter["Subject"].startswith("x Bcc: eve@evil.test body . MAIL FROM")
    assert room.envelopes[0].rcpt_tos == ["sam@example.com", "team@example.com"]
    assert "MAIL FROM:<eve@evil.test>" in letter.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    owner = replace(OCCASION, lead=LEAD | {"owner": "sam@example.com>\r\nRCPT TO:<eve@evil.test"})
    outcome = await emails(room).do(EMAIL, owner)
    assert outcome.detail == "sent to 1 of 2: to[0] is no e-mail address"
    assert room.envelopes[1].rcpt_tos == ["team@example.com"]


async def test_a_long_subject_is_cut(room: MailRoom) -> None:
    occasion = replace(OCCASION, lead=LEAD | {"display_name": "é" * 5_000})
    assert (await emails(room).do(EMAIL, occasion)).succeeded
    assert room.letters[0]["Subject"] == "é" * SUBJECT_CHARS_MAX


async def test_empty_addresses_are_left_out(room: MailRoom) -> None:
    nobody = replace(OCCASION, lead=LEAD | {"owner": ""})
    outcome = await emails(room).do(EMAIL, nobody)
    assert outcome.detail == "sent to 1 of 1"
    outcome = await emails(room).do(replace(EMAIL, to=("{{ lead.owner }}",)), nobody)
    assert outcome.permanent
    assert outcome.error == "there is nobody to send to: all addresses are empty"
    outcome = await emails(room).do(replace(EMAIL, to=("{{ lead.company }}",)), OCCASION)
    assert outcome.error == "there is nobody to send to: to[0] is no e-mail address"
    assert len(room.letters) == 1


async def test_two_that_are_the_same_get_one(room: MailRoom) -> None:
    outcome = await emails(room).do(replace(EMAIL, to=("a@b.test", "a@b.test")), OCCASION)
    assert (outcome.detail, room.envelopes[0].rcpt_tos) == ("sent to 1 of 1", ["a@b.test"])


async def test_who_is_refused_is_told_by_place(room: MailRoom) -> None:
    room.answers["team@example.com"] = "550 5.1.1 <team@example.com>: no such user"
    outcome = await emails(room).do(EMAIL, OCCASION)
    assert outcome.succeeded
    assert outcome.detail == "sent to 1 of 2: to[1] refused: 550 5.1.1 <...>: no such user"
    assert room.envelopes[0].rcpt_tos == ["sam@example.com"]


@pytest.mark.parametrize(
    ("answers", "permanent", "error"),
    [
        (
            {"RCPT": "550 5.1.1 no such user"},
            True,
            "to[0] refused: 550 5.1.1 no such user; to[1] refused",
        ),
        ({"RCPT": "450 4.2.0 greylisted"}, False, "to[0] refused: 450 4.2.0 greylisted"),
        (
            {"sam@example.com": "550 no", "team@example.com": "450 later"},
            False,
            "to[0] refused: 550",
        ),
        (
            {"DATA": "554 5.7.1 spam from sam@example.com"},
            True,
            "the mail server says 554 5.7.1 spam from ...",
        ),
        ({"DATA": "452 4.3.1 full"}, False, "the mail server says 452 4.3.1 full"),
        ({"MAIL": "550 5.7.1 sender not allowed"}, False, "the mail server refuses us: 550 5.7.1"),
        ({"MAIL": "421 4.3.2 going down"}, False, "the mail server refuses us: 421"),
        ({"DATA": "cut"}, False, "the mail server broke off"),
        ({"MAIL": "cut"}, False, "the mail server broke off"),
        ({"MAIL": "stall"}, False, "timeout of the mail server"),
        ({"DATA": "stall"}, False, "timeout of the mail server"),
    ],
)
async def test_what_the_server_says_decides(
    room: MailRoom, answers: dict[str, str], permanent: bool, error: str
) -> None:
    everybody = answers.pop("RCPT", None)
    if everybody is not None:
        answers |= dict.fromkeys(("sam@example.com", "team@example.com"), everybody)
    room.answers |= answers
    outcome = await emails(room, timeout_s=0.5 if "stall" in answers.values() else 20.0).do(
        EMAIL, OCCASION
    )
    assert not outcome.succeeded
    assert outcome.error.startswith(error)
    assert outcome.permanent is permanent
    assert not room.letters


async def test_who_is_put_off_is_not_tried_again(room: MailRoom) -> None:
    """A repetition would go to those, too, who have it: the outcome says that they do and the other does not."""
    room.answers["team@example.com"] = "450 4.2.0 greylisted"
    outcome = await emails(room).do(EMAIL, OCCASION)
    assert outcome.succeeded
    assert outcome.detail == (
        "sent to 1 of 2: to[1] refused: 450 4.2.0 greylisted; "
        "not tried again, for the others have it"
    )


async def test_what_a_server_says_can_be_kept_whatever_it_is() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test\r\n")
        while (asked := await reader.readline()) and not asked.startswith(b"MAIL"):
            writer.write(b"250 mail.test\r\n")
        writer.write(b"550 no\xff\x00 \x1b[31mway\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        to = MailServer("127.0.0.1", server.sockets[0].getsockname()[1], Tls.OFFERED)
        outcome = await Emails(to, "a@b.test", 5, TEXTS, SystemClock()).do(EMAIL, OCCASION)
    assert outcome.error == "the mail server refuses us: 550 no\ufffd [31mway"


async def test_a_goodbye_that_fails_takes_nothing_back(room: MailRoom) -> None:
    room.answers["QUIT"] = "cut"
    assert (await emails(room).do(EMAIL, OCCASION)).succeeded
    assert len(room.letters) == 1


async def test_nobody_listens() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        server = MailServer("127.0.0.1", silent.getsockname()[1], Tls.OFFERED)
        made = Emails(server, "a@b.test", 5, TEXTS, SystemClock())
        outcome = await made.do(EMAIL, OCCASION)
    assert (outcome.error, outcome.permanent) == ("can't connect to the mail server", False)


async def test_who_gives_up_is_let_go(room: MailRoom) -> None:
    room.answers["DATA"] = "stall"
    doing = asyncio.create_task(emails(room).do(EMAIL, OCCASION))
    await room.asked_for("DATA")
    doing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await doing


class TestEncrypted:
    """Certificates are for `mail.test`; the server is asked for by an address or by that name."""

    @pytest.fixture
    def serving(self, tmp_path: Path) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate(tmp_path, "localhost"))
        return context

    @pytest.fixture
    def trusting(self, serving: ssl.SSLContext, tmp_path: Path) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(tmp_path / "host.pem"))

    @pytest.mark.parametrize("scheme", ["smtp", "smtp+starttls"])
    async def test_starttls_is_taken_where_it_is_offered(
        self, serving: ssl.SSLContext, trusting: ssl.SSLContext, scheme: str
    ) -> None:
        async with MailRoom().serve(tls_context=serving) as room:
            made = emails(room, scheme, "localhost", ssl_context=trusting)
            assert (await made.do(EMAIL, OCCASION)).succeeded
        assert room.encrypted == [True]

    async def test_from_the_beginning(
        self, serving: ssl.SSLContext, trusting: ssl.SSLContext
    ) -> None:
        async with MailRoom().serve(whole_tls=serving) as room:
            made = emails(room, "smtps", "localhost", ssl_context=trusting)
            assert (await made.do(EMAIL, OCCASION)).succeeded
        assert len(room.letters) == 1

    @pytest.mark.parametrize("login", ["", "ada:right@"])
    async def test_nothing_is_sent_in_the_clear_where_it_must_not(
        self, room: MailRoom, login: str
    ) -> None:
        """A server that offers no STARTTLS, or somebody between who takes the offer away."""
        scheme = "smtp" if login else "smtp+starttls"
        outcome = await emails(room, scheme, "localhost", login=login).do(EMAIL, OCCASION)
        assert (
            outcome.error
            == "the mail server can't be used: SMTP STARTTLS extension not supported by server."
        )
        assert not outcome.permanent
        assert (room.commands, room.logins) == ([], [])

    @pytest.mark.parametrize("scheme", ["smtp", "smtp+starttls", "smtps"])
    async def test_the_certificate_must_be_the_servers(
        self, serving: ssl.SSLContext, scheme: str
    ) -> None:
        settings = {"whole_tls" if scheme == "smtps" else "tls_context": serving}
        async with MailRoom().serve(**settings) as room:
            outcome = await emails(room, scheme, "localhost").do(EMAIL, OCCASION)
        assert not outcome.succeeded
        assert not outcome.permanent
        assert not room.letters

    async def test_a_login(self, serving: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
        async with MailRoom().serve(tls_context=serving, auth_required=True) as room:
            made = emails(room, "smtp", "localhost", login="ada:right@", ssl_context=trusting)
            assert (await made.do(EMAIL, OCCASION)).succeeded
            assert room.logins == ["ada"]
            wrong = emails(room, "smtp", "localhost", login="ada:hunter2@", ssl_context=trusting)
            outcome = await wrong.do(EMAIL, OCCASION)
            assert outcome.error.startswith("the mail server refuses us: 535")
            # The operator mends it.
            assert not outcome.permanent
            assert "hunter2" not in outcome.error
            none = emails(room, "smtp", "localhost", ssl_context=trusting)
            assert (await none.do(EMAIL, OCCASION)).error.startswith(
                "the mail server refuses us: 530"
            )
        assert len(room.letters) == 1


def test_what_is_wrong_is_found_before_it_is_kept() -> None:
    made = Emails(MailServer("m", 25, Tls.OFFERED), "a@b.test", 5, TEXTS, SystemClock())
    assert made.check(EMAIL) == []
    wrong = Email(
        to=("a@b.test", "nobody", "{{ laed.owner }}"),
        subject="{{ lead.scroe }}",
        text_body="{% if %}",
        html_body="\n{{ lead.score | safe }}",
    )
    found = dict(made.check(wrong))
    assert set(found) == {
        "email.to[1]",
        "email.to[2]",
        "email.subject",
        "email.text_body",
        "email.html_body",
    }
    assert found["email.to[1]"] == "is no e-mail address"
    assert found["email.html_body"] == "line 2: unknown filter 'safe'"


def test_a_preview_is_what_would_be_sent() -> None:
    made = Emails(MailServer("m", 25, Tls.OFFERED), "a@b.test", 5, TEXTS, SystemClock())
    assert made.preview(EMAIL, OCCASION) == {
        "to": ["sam@example.com", "team@example.com"],
        "subject": "Ada Lovelace is qualified",
        "text_body": "Score: 85\nAnalytical Engines",
        "html_body": "<p>Analytical Engines</p>",
    }
    with pytest.raises(Unrenderable, match=r"^subject: line 1: "):
        made.preview(replace(EMAIL, subject="{{ lead.score | divided_by: 0 }}"), OCCASION)


async def test_without_a_mail_server_nothing_is_kept_or_sent() -> None:
    made = Emails(None, "", 5, TEXTS, SystemClock())
    with pytest.raises(NoMailServer):
        made.check(EMAIL)
    outcome = await made.do(EMAIL, OCCASION)
    assert (outcome.error, outcome.permanent) == ("no mail server is set up", False)
