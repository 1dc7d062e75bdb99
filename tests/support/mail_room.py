"""A real SMTP server (aiosmtpd) on 127.0.0.1: keeps what it is given, and refuses, stalls or breaks off on request."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class MailRoom:
    """`answers`: what is said to a command (`MAIL`, an address, `DATA`) instead of being fine; `stall` and `cut` are
    neither."""

    def __init__(self) -> None:
        self.answers: dict[str, str] = {}
        self.letters: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.encrypted: list[bool] = []
        self.logins: list[str] = []
        self.commands: list[str] = []
        self.port = 0
        self._servers: list[SMTP] = []
        self._asked = asyncio.Event()

    @asynccontextmanager
    async def serve(self, **settings: Any) -> AsyncIterator[MailRoom]:
        """`settings` are aiosmtpd's: `tls_context`, `auth_required` ...; `whole_tls` encrypts from the beginning."""
        loop = asyncio.get_running_loop()
        whole: ssl.SSLContext | None = settings.pop("whole_tls", None)

        def connection() -> SMTP:
            made = SMTP(
                self, loop=loop, hostname="mail.test", authenticator=self._login, **settings
            )
            self._servers.append(made)
            return made

        server = await loop.create_server(connection, "127.0.0.1", 0, ssl=whole)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for one in self._servers:
                if one.session is not None:
                    one.connection_lost(None)
            await asyncio.sleep(0)

    async def asked_for(self, command: str) -> None:
        """Wait until a client has come so far."""
        while command not in self.commands:
            await self._asked.wait()
            self._asked.clear()

    def _login(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        good = isinstance(data, LoginPassword) and data.password == b"right"
        if good:
            self.logins.append(data.login.decode())
        return AuthResult(success=good, handled=False)

    async def _say(self, server: SMTP, command: str, fine: str) -> str:
        self.commands.append(command)
        self._asked.set()
        answer = self.answers.get(command, fine)
        if answer == "stall":
            await asyncio.Event().wait()
        if answer == "cut":
            server.transport.abort()
        return answer

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return await self._say(server, "MAIL", "250 OK")

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        said = await self._say(server, address, "250 OK")
        if said.startswith("250"):
            envelope.rcpt_tos.append(address)
        return said

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        said = await self._say(server, "DATA", "250 OK")
        if said.startswith("250"):
            assert isinstance(envelope.content, bytes)
            letter = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(letter, EmailMessage)
            self.letters.append(letter)
            self.envelopes.append(envelope)
            self.encrypted.append(session.ssl is not None)
        return said

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        return await self._say(server, "QUIT", "221 Bye")
