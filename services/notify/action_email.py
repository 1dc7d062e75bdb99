"""E-mails of automations: written, and handed in to the operator's mail server. A repetition has the same Message-ID:
mailboxes that look at it show it once."""

import asyncio
import hashlib
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

import aiosmtplib
from aiosmtplib import SMTP

from services.notify.domain import mail
from services.notify.domain.actions import Email, Occasion, Outcome, Unrenderable
from services.notify.domain.mail import MailServer, Tls
from services.notify.domain.said import one_line
from services.notify.errors import NoMailServer
from services.notify.texts import ACTION_S_MAX, Escaping, Texts
from services.shared.budgets import Budget
from services.shared.clock import Clock

SUBJECT_CHARS_MAX = 255

SAID_CHARS_MAX = 200
"""Of what a server says."""

GOODBYE_S_MAX = 2.0

_ADDRESS = re.compile(r"[^\s<>@\"']+@[^\s<>@\"']+")


@dataclass(frozen=True, slots=True)
class _Letter:
    to: dict[str, int]
    """Addresses, and the place of each among those of the action."""
    no_addresses: tuple[int, ...]
    """Places of what is none."""
    subject: str
    text_body: str
    html_body: str


class Emails:
    """A Doing of e-mails. `server`: None where the operator has set up none; `sender`: `Name <address>`."""

    def __init__(
        self,
        server: MailServer | None,
        sender: str,
        timeout_s: float,
        texts: Texts,
        clock: Clock,
        *,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._server = server
        self._name, self._address = mail.sender(sender) if server is not None else ("", "")
        self._timeout_s = timeout_s
        self._texts = texts
        self._clock = clock
        self._ssl_context = ssl_context

    def check(self, action: Email) -> list[tuple[str, str]]:
        """What is wrong with it. Raises NoMailServer."""
        if self._server is None:
            raise NoMailServer
        sources = [
            *((f"email.to[{place}]", one, Escaping.NONE) for place, one in enumerate(action.to)),
            ("email.subject", action.subject, Escaping.NONE),
            ("email.text_body", action.text_body, Escaping.NONE),
            ("email.html_body", action.html_body, Escaping.HTML),
        ]
        budget = Budget(ACTION_S_MAX)
        found = [
            (field, problem)
            for field, source, escaping in sources
            if (problem := self._texts.problem(source, escaping, budget)) is not None
        ]
        for place, one in enumerate(action.to):
            if "{" not in one and not mail.is_address(one.strip()):
                found.append((f"email.to[{place}]", "is no e-mail address"))
        return found

    def preview(self, action: Email, occasion: Occasion) -> Mapping[str, Any]:
        """What would be sent. Raises Unrenderable."""
        letter = self._letter(action, occasion)
        shown: dict[str, Any] = {
            "to": list(letter.to),
            "subject": letter.subject,
            "text_body": letter.text_body,
        }
        if letter.html_body:
            shown["html_body"] = letter.html_body
        return shown

    async def do(self, action: Email, occasion: Occasion) -> Outcome:
        """Send it."""
        if self._server is None:
            return Outcome(error="no mail server is set up")
        try:
            letter, message = await asyncio.to_thread(self._written, action, occasion)
        except Unrenderable as error:
            return Outcome(error=str(error), permanent=True)
        try:
            refused = await self._hand_in(self._server, message, list(letter.to))
        except aiosmtplib.SMTPRecipientsRefused as error:
            refused = {one.recipient: (one.code, one.message) for one in error.recipients}
            said = _refusals(letter, refused)
            return Outcome(
                error=said, permanent=all(_for_good(code) for code, _ in refused.values())
            )
        except (aiosmtplib.SMTPException, OSError, UnicodeError) as error:
            return _failed(error)
        said, asked = _refusals(letter, refused), len(letter.to) + len(letter.no_addresses)
        sent = f"sent to {len(letter.to) - len(refused)} of {asked}"
        if any(not _for_good(code) for code, _ in refused.values()):
            # A mail server of one's own puts nobody off as a rule: it takes what it is given and tries by itself.
            said += "; not tried again, for the others have it"
        return Outcome(detail=f"{sent}: {said}" if said else sent)

    def _written(self, action: Email, occasion: Occasion) -> tuple[_Letter, EmailMessage]:
        letter = self._letter(action, occasion)
        return letter, self._message(action, occasion, letter)

    def _letter(self, action: Email, occasion: Occasion) -> _Letter:
        given, budget = occasion.variables(), Budget(ACTION_S_MAX)
        to: dict[str, int] = {}
        wrong: list[int] = []
        for place, source in enumerate(action.to):
            address = self._texts.line(f"to[{place}]", source, given, budget)
            if mail.is_address(address):
                to.setdefault(address, place)
            elif address:
                wrong.append(place)
        if not to:
            what = f"to[{wrong[0]}] is no e-mail address" if wrong else "all addresses are empty"
            raise Unrenderable(f"there is nobody to send to: {what}")
        html = action.html_body
        return _Letter(
            to,
            tuple(wrong),
            self._texts.line("subject", action.subject, given, budget)[:SUBJECT_CHARS_MAX],
            self._texts.render("text_body", action.text_body, given, budget=budget),
            self._texts.render("html_body", html, given, Escaping.HTML, budget) if html else "",
        )

    def _message(self, action: Email, occasion: Occasion, letter: _Letter) -> EmailMessage:
        message = EmailMessage()
        message["From"] = Address(self._name, addr_spec=self._address)
        message["To"] = [Address(addr_spec=one) for one in letter.to]
        message["Subject"] = letter.subject
        message["Date"] = format_datetime(self._clock.now())
        # What the action says, besides the execution: it may have several e-mails.
        which = hashlib.sha256(repr((occasion.execution_id, action)).encode()).hexdigest()[:32]
        message["Message-ID"] = f"<{which}@{self._address.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text_body)
        if letter.html_body:
            message.add_alternative(letter.html_body, subtype="html")
        return message

    async def _hand_in(
        self, server: MailServer, message: EmailMessage, to: Sequence[str]
    ) -> dict[str, tuple[int, str]]:
        """What the server says of the addresses that it refuses. Raises what aiosmtplib raises."""
        client = SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user or None,
            password=server.password or None,
            # Its own way is to ask a name server for the name of this machine.
            local_hostname=self._address.rpartition("@")[2],
            timeout=self._timeout_s,
            use_tls=server.tls is Tls.WHOLE,
            start_tls={Tls.OFFERED: None, Tls.REQUIRED: True, Tls.WHOLE: False}[server.tls],
            tls_context=self._ssl_context,
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                await client.connect()
                refused, _ = await client.send_message(message, sender=self._address, recipients=to)
            await _say_goodbye(client)
        finally:
            client.close()
        return {address: (said.code, said.message) for address, said in refused.items()}


async def _say_goodbye(client: SMTP) -> None:
    try:
        async with asyncio.timeout(GOODBYE_S_MAX):
            await client.quit()
    except (aiosmtplib.SMTPException, OSError, TimeoutError):
        # The e-mail is accepted, whatever becomes of the connection.
        return


def _for_good(code: int) -> bool:
    return 500 <= code < 600


def _failed(error: Exception) -> Outcome:
    match error:
        case TimeoutError():
            return Outcome(error="timeout of the mail server")
        case aiosmtplib.SMTPDataError():
            return Outcome(
                error=f"the mail server says {_said(error.code, error.message)}",
                permanent=_for_good(error.code),
            )
        case aiosmtplib.SMTPResponseException():
            # It refuses us, not the e-mail: mended by the operator, it goes out.
            return Outcome(error=f"the mail server refuses us: {_said(error.code, error.message)}")
        case aiosmtplib.SMTPConnectError():
            return Outcome(error="can't connect to the mail server")
        case aiosmtplib.SMTPServerDisconnected():
            return Outcome(error="the mail server broke off")
        case aiosmtplib.SMTPException():
            return Outcome(
                error=f"the mail server can't be used: {one_line(error.message)[:SAID_CHARS_MAX]}"
            )
    return Outcome(error=f"the connection to the mail server failed: {type(error).__name__}")


def _refusals(letter: _Letter, refused: Mapping[str, tuple[int, str]]) -> str:
    """Which addresses did not get it, by their places."""
    parts = {place: f"to[{place}] is no e-mail address" for place in letter.no_addresses}
    for address, (code, message) in refused.items():
        place = letter.to[address]
        parts[place] = f"to[{place}] refused: {_said(code, message)}"
    return "; ".join(said for _, said in sorted(parts.items()))


def _said(code: int, message: str) -> str:
    """What a server says, in one line and without addresses."""
    line = _ADDRESS.sub("...", one_line(message))
    return f"{code} {line[:SAID_CHARS_MAX]}"
