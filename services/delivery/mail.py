"""Mail through the user's own SMTP server, encrypted, to the same addresses as webhooks may go: checked and pinned."""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
import socket
import ssl
from email.message import EmailMessage
from functools import partial

from services.delivery.addresses import AddressRefused, checked_host, is_named, refuse_inside
from services.delivery.channels import Channel
from services.delivery.message import SENT, Message, Outcome
from services.delivery.network import Network

LIMIT_S = 15.0  # a mail is about ten exchanges
PORTS = {"tls": 465, "starttls": 587}


class _Pinned(smtplib.SMTP):
    """A session with a checked address; certificates are of the name."""

    def __init__(self, host: str, addresses: list[str], timeout: float) -> None:
        self._addresses = addresses
        super().__init__(local_hostname="[127.0.0.1]", timeout=timeout)  # the machine's name is nobody's business
        self._host = host  # read by starttls

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        for number, address in enumerate(self._addresses, 1):
            try:
                return socket.create_connection((address, port), timeout)
            except OSError:
                if number == len(self._addresses):
                    raise
        raise OSError("no address")


class _PinnedTls(_Pinned):
    """The same, encrypted from the first byte."""

    def __init__(self, host: str, addresses: list[str], timeout: float, tls: ssl.SSLContext) -> None:
        self._tls = tls
        super().__init__(host, addresses, timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._tls.wrap_socket(super()._get_socket(host, port, timeout), server_hostname=self._host)


class MailSender:
    """Sends messages to channels of the kind ``email``."""

    def __init__(self, network: Network, limit_s: float = LIMIT_S) -> None:
        self._network = network
        self._limit_s = limit_s

    async def send(self, channel: Channel, message: Message) -> Outcome:
        """See Outcome."""
        sessions: list[smtplib.SMTP] = []
        try:
            host = checked_host(channel.options["host"])
            port = int(channel.options["port"])
            is_allowed = is_named(host, port, self._network.allowed)
            refuse_inside(host, is_allowed)
            async with asyncio.timeout(self._limit_s):
                found = await self._network.addresses(channel.channel_id, host, port, is_allowed)
                work = partial(self._session, channel, message, (host, port, found), sessions)
                return await self._network.threads.run(channel.channel_id, work)
        except AddressRefused as error:
            return Outcome("refused", str(error))
        except TimeoutError:
            for session in sessions:
                _cut(session)
            return Outcome("retry", f"no answer within {self._limit_s:g} s")
        except (OSError, EOFError) as error:
            return Outcome("retry", f"no connection ({type(error).__name__})")

    def _session(
        self, channel: Channel, message: Message, to: tuple[str, int, list[str]], sessions: list[smtplib.SMTP]
    ) -> Outcome:  # fmt: skip
        host, port, addresses = to
        tls = self._network.tls()
        is_wrapped = channel.options["tls"] == "tls"
        to_server = host, addresses, self._limit_s
        session = _PinnedTls(*to_server, tls) if is_wrapped else _Pinned(*to_server)
        sessions.append(session)
        try:
            session.connect(host, port)
            if not is_wrapped:
                session.starttls(context=tls)
            if channel.options.get("user"):
                session.login(channel.options["user"], channel.secret)
            session.send_message(_mail(channel, message))
        except smtplib.SMTPResponseException as error:
            return Outcome("refused" if error.smtp_code >= 500 else "retry", f"answered {error.smtp_code}")
        except smtplib.SMTPRecipientsRefused as error:
            codes = sorted(code for code, _ in error.recipients.values())
            return Outcome("refused" if codes[0] >= 500 else "retry", f"answered {codes[0]} to the receivers")
        except smtplib.SMTPNotSupportedError:
            return Outcome("refused", "the server offers no STARTTLS, or no log-in that is known")
        finally:
            session.close()
        return SENT


def _mail(channel: Channel, message: Message) -> EmailMessage:
    """``Message-ID`` is the key: most mail programs show one message of two with the same."""
    mail = EmailMessage()
    sender = channel.options["sender"]
    mail["From"], mail["To"] = sender, channel.address
    mail["Subject"] = " ".join(message.title.split())
    mail["Message-ID"] = f"<{message.key}@{sender.rpartition('@')[2]}>"
    mail.set_content(message.body)
    return mail


def _cut(session: smtplib.SMTP) -> None:
    """End a session that another thread waits in."""
    if session.sock is not None:
        with contextlib.suppress(OSError):
            session.sock.shutdown(socket.SHUT_RDWR)
