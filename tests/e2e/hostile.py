"""Hostile web sites on this machine: several ports with one page, and a rebound name."""

from __future__ import annotations

import http.server
import json
import socket
import socketserver
import ssl
import subprocess
import threading
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, urlsplit

ATTACK = Path(__file__).parent / "attack.js"
ELSEWHERE = "127.0.0.2"  # where a name points before it is rebound

_PAGE = """<!doctype html><meta charset="utf-8"><title>{name}</title><body><script>{attack}
const targets = {targets};
const results = globalThis.results = {{}};
addEventListener("message", ({{ data }}) => Object.assign(results, data));
attack(targets).then(
  (result) => top.postMessage({{ [{name!r}]: result }}, "*"),
  (error) => top.postMessage({{ [{name!r}]: {{ read: [], reached: false, fault: String(error) }} }}, "*"),
);
</script></body>"""

_NEST = """<!doctype html><meta charset="utf-8"><title>nest</title><body><script>
globalThis.results = {{}};
addEventListener("message", ({{ data }}) => Object.assign(results, data));
const inner = {inner};
const frame = document.createElement("iframe");
if ({kind!r} === "blob") frame.src = URL.createObjectURL(new Blob([inner], {{ type: "text/html" }}));
if ({kind!r} === "data") frame.src = "data:text/html;charset=utf-8," + encodeURIComponent(inner);
if ({kind!r} === "sandbox") Object.assign(frame, {{ src: {src!r}, allow: {allow!r} }});
if ({kind!r} === "sandbox") frame.setAttribute("sandbox", "allow-scripts allow-forms");
document.body.append(frame);
</script></body>"""


def attack_page(name: str, targets: dict[str, str]) -> str:
    """A document that attacks as soon as it is opened and tells the top window what it got, as ``results[name]``."""
    return _PAGE.format(name=name, attack=ATTACK.read_text(encoding="utf-8"), targets=json.dumps(targets))


def nest_page(name: str, targets: dict[str, str], kind: str, allow: str) -> str:
    """A document that has it done by a frame: ``data``, ``blob`` or ``sandbox``."""
    inner = json.dumps(attack_page(name, targets)).replace("</", "<\\/")
    return _NEST.format(inner=inner, kind=kind, src=f"/attack?name={name}", allow=allow)


class Serving:
    """A server on a thread of its own for as long as the block lasts."""

    _server: socketserver.BaseServer

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class Site(Serving):
    """One port that serves ``/attack?name=`` and ``/nest?name=&kind=&allow=``; ``/`` lets everybody in."""

    def __init__(self, targets: dict[str, str], certificate: Path | None = None) -> None:
        site_targets = targets

        class Handler(http.server.BaseHTTPRequestHandler):
            targets: ClassVar[dict[str, str]] = site_targets

            def do_GET(self) -> None:
                body = _body(self.path, self.targets)
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Discards the log."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)


def _body(path: str, targets: dict[str, str]) -> bytes:
    parts = urlsplit(path)
    query = {key: values[0] for key, values in parse_qs(parts.query).items()}
    if parts.path == "/attack":
        return attack_page(query["name"], targets).encode()
    if parts.path == "/nest":
        return nest_page(query["name"], targets, query["kind"], query.get("allow", "")).encode()
    return b"come in"


class Rebound(Serving):
    """A name's first address: serves ``/attack`` itself, and is from then on whoever listens on 127.0.0.1.

    To a browser this is what DNS rebinding is: the origin stays the same, the machine behind it does not.
    """

    def __init__(self, port: int, name: str, targets: dict[str, str]) -> None:
        page = attack_page(name, targets).encode()

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                first = self.request.recv(65_536)
                if first.startswith(b"GET /attack"):
                    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(page)}\r\n"
                    self.wfile.write(head.encode() + b"Connection: close\r\n\r\n" + page)
                elif first:
                    _join(self.request, port, first)

        self._server = socketserver.ThreadingTCPServer((ELSEWHERE, port), Handler)
        self._server.daemon_threads = True


def _join(outside: socket.socket, port: int, first: bytes) -> None:
    """Carry bytes both ways until one side ends."""
    with ExitStack() as stack:
        inside = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        inside.sendall(first)
        back = threading.Thread(target=_carry, args=(inside, outside))
        back.start()
        stack.callback(back.join)
        _carry(outside, inside)


def _carry(source: socket.socket, target: socket.socket) -> None:
    try:
        while chunk := source.recv(65_536):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)
    except OSError:  # either side has gone: so does the other
        source.close()


def throwaway_certificate(folder: Path) -> Path:
    """Key and self-signed certificate in one file."""
    path, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=shop.example"]
    subprocess.run([*command, "-keyout", key, "-out", path], check=True, capture_output=True)
    path.write_text(key.read_text() + path.read_text())
    return path
