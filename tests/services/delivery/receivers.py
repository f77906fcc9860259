"""Real receivers on this machine: HTTP with and without TLS, and SMTP. They keep what they were sent."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Reply = Callable[["Request"], "str | Awaitable[str]"]


@asynccontextmanager
async def listening(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A port on which ``serve`` has every connection; those that are left are cut at the end."""
    writers: list[asyncio.StreamWriter] = []

    async def kept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(kept, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0.01)


@dataclass
class Request:
    """One request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class HttpReceiver:
    """Answers as ``reply`` says: a status line with headers; and honours idempotency keys in ``taken``."""

    reply: Reply = lambda _: "200 OK"
    requests: list[Request] = field(default_factory=list)
    taken: dict[str, bytes] = field(default_factory=dict)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in head[1:] if line)}
        request = Request(head[0], headers, await reader.readexactly(int(headers["content-length"])))
        self.requests.append(request)
        answer = self.reply(request)
        text = answer if isinstance(answer, str) else await answer
        if text.startswith("2"):
            self.taken.setdefault(headers.get("idempotency-key", ""), request.body)
        writer.write(f"HTTP/1.1 {text}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()


@asynccontextmanager
async def http(reply: Reply = lambda _: "200 OK", tls: ssl.SSLContext | None = None) -> AsyncIterator[HttpReceiver]:
    """A receiver on a free port of 127.0.0.1."""
    receiver = HttpReceiver(reply)
    async with listening(receiver.serve, tls) as receiver.port:
        yield receiver


@dataclass
class MailReceiver:
    """A submission server; with ``refusal`` it answers that to the receivers."""

    tls: ssl.SSLContext
    is_wrapped: bool
    refusal: str = ""
    mails: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    plain_lines: list[str] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_secure = self.is_wrapped
        writer.write(b"220 mail\r\n")
        while line := (await reader.readline()).decode().strip():
            if not is_secure:
                self.plain_lines.append(line)
            answer = "250 ok"
            verb = line.upper()
            if verb.startswith("EHLO"):
                answer = "250-mail\r\n250 AUTH PLAIN" if is_secure else "250-mail\r\n250 STARTTLS"
            elif verb == "STARTTLS":
                writer.write(b"220 go\r\n")
                await writer.start_tls(self.tls)
                is_secure = True
                continue
            elif verb.startswith("AUTH"):
                self.logins.append(line)
                answer = "235 in"
            elif verb.startswith("RCPT") and self.refusal:
                answer = self.refusal
            elif verb == "DATA":
                writer.write(b"354 go\r\n")
                self.mails.append((await reader.readuntil(b"\r\n.\r\n")).decode())
            writer.write(f"{answer}\r\n".encode())


@asynccontextmanager
async def smtp(tls: ssl.SSLContext, is_wrapped: bool, refusal: str = "") -> AsyncIterator[MailReceiver]:
    """A mail server on a free port of 127.0.0.1."""
    receiver = MailReceiver(tls, is_wrapped, refusal)
    async with listening(receiver.serve, tls if is_wrapped else None) as receiver.port:
        yield receiver


@dataclass(frozen=True)
class Authority:
    """A test CA: who trusts it, and a server with a certificate of it for ``bot.test``."""

    client: ssl.SSLContext
    server: ssl.SSLContext


def authority(folder: Path) -> Authority:
    """Made by openssl, valid for a day."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"]
    (folder / "names").write_text("subjectAltName=DNS:bot.test\nbasicConstraints=CA:FALSE\n")
    _openssl(folder, "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test CA",
             "-addext", "keyUsage=critical,keyCertSign")  # fmt: skip
    _openssl(folder, "req", *key[:-2], "-keyout", "bot.key", "-out", "bot.csr", "-subj", "/CN=bot.test")
    _openssl(folder, "x509", "-req", "-in", "bot.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
             "-days", "1", "-extfile", "names", "-out", "bot.pem")  # fmt: skip
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "bot.pem", folder / "bot.key")
    return Authority(ssl.create_default_context(cafile=str(folder / "ca.pem")), server)


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
