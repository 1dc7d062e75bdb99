"""The mail server as operators write it, and which texts are addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify.config import NotifyConfig
from services.notify.domain.mail import MailServer, Tls, is_address, mail_server, sender
from services.shared.config import InvalidConfig, load


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail", MailServer("mail", 25, Tls.OFFERED)),
        ("smtp://mail:2525/", MailServer("mail", 2525, Tls.OFFERED)),
        # A login is worth more than a message: never in the clear.
        ("smtp://u:p@mail", MailServer("mail", 25, Tls.REQUIRED, "u", "p")),
        ("smtp+starttls://mail", MailServer("mail", 587, Tls.REQUIRED)),
        (
            "smtps://u%40x.test:p%2F%3A%40@mail.test",
            MailServer("mail.test", 465, Tls.WHOLE, "u@x.test", "p/:@"),
        ),
        ("smtp://[::1]:25", MailServer("::1", 25, Tls.OFFERED)),
    ],
)
def test_a_mail_server_is_one_url(url: str, server: MailServer) -> None:
    assert mail_server(url) == server
    assert "p/:@" not in repr(server)


@pytest.mark.parametrize(
    "url",
    [
        "mail:25",
        "http://mail",
        "smtp://",
        "smtp://mail:x",
        "smtp://mail:99999",
        "smtp://m/x",
        "smtp://hunter2@mail",
        "smtp://:hunter2@mail",
        "smtp://mail?hunter2",
        "smtp://[hunter2",
    ],
)
def test_what_is_no_mail_server_is_refused_without_a_secret(url: str) -> None:
    with pytest.raises(ValueError, match="must") as refused:
        mail_server(url)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("alerts@example.com", "", "alerts@example.com"),
        ("Scoreline <alerts@example.com>", "Scoreline", "alerts@example.com"),
        ('"Ünits, Inc." <a.b+c@x-y.test>', "Ünits, Inc.", "a.b+c@x-y.test"),
    ],
)
def test_a_sender_has_a_name_or_none(text: str, name: str, address: str) -> None:
    assert sender(text) == (name, address)


@pytest.mark.parametrize("text", ["", "Scoreline", "a@b@c", "a@b\r\nBcc: c@d", "<a@b", "a b@c"])
def test_what_is_no_sender_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be an address"):
        sender(text)


@pytest.mark.parametrize(
    "text",
    [
        *[
            "a",
            "a@",
            "@b",
            "a@b@c",
            "a..b@c",
            ".a@b",
            "a@b..c",
            "a@-b",
            "a@b-",
            "a@b,c@d",
            "ä@b",
            "a@ä",
        ],
        *(
            "",
            "a b@c",
            "a@b c",
            "a@b\n",
            "A <a@b>",
            "a@b\x00",
            "a@" + "b" * 260,
            "a" * 250 + "@b.test",
        ),
    ],
)
def test_what_is_no_address(text: str) -> None:
    assert not is_address(text)


@given(st.emails(domains=st.sampled_from(["example.com", "a.b-c.test"])))
def test_addresses_of_people_are_addresses(address: str) -> None:
    assert is_address(address) or len(address) > 254


def test_the_settings_hang_together(monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = "SCORELINE_NOTIFY_"
    monkeypatch.setenv(f"{prefix}DATABASE_URL", "postgresql://u:p@h/d")
    monkeypatch.setenv(f"{prefix}TOKEN_KEY", "k" * 32)
    monkeypatch.setenv(f"{prefix}SECRET_KEYS", "k" * 32)
    monkeypatch.setenv(f"{prefix}SERVICE_KEY", "k" * 32)
    assert load(NotifyConfig, prefix).smtp_url is None
    monkeypatch.setenv(f"{prefix}SMTP_URL", "")
    assert load(NotifyConfig, prefix).smtp_url is None
    monkeypatch.setenv(f"{prefix}SMTP_URL", "smtp://hunter2@mail")
    monkeypatch.setenv(f"{prefix}SMTP_FROM", "nobody")
    with pytest.raises(InvalidConfig) as refused:
        load(NotifyConfig, prefix)
    assert "hunter2" not in str(refused.value)
    assert {line.split(":")[0] for line in str(refused.value).splitlines()} == {
        f"{prefix}SMTP_URL",
        f"{prefix}SMTP_FROM",
    }
    monkeypatch.setenv(f"{prefix}SMTP_URL", "smtp://mail")
    monkeypatch.delenv(f"{prefix}SMTP_FROM")
    with pytest.raises(InvalidConfig, match="SMTP_FROM"):
        load(NotifyConfig, prefix)
    monkeypatch.setenv(f"{prefix}SMTP_FROM", "a@b.test")
    assert load(NotifyConfig, prefix).smtp_from == "a@b.test"
