"""Serves the bridge page, with access control.

The served files contain no secret: every user of this machine can request them. The token is in two files that only
their owner can read: ``open-bridge.html`` in the data folder, which opens the page with the token in the URL fragment
(not sent to servers), and ``token.js`` beside the page, for pages opened from the file system; it is never served.
"""

from __future__ import annotations

import html
import http
import json
import re
from pathlib import Path

from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from runtime.secrets import write_opener, write_private

OPEN_META = re.compile(r'(<meta name="pairbridge-open" content=")[^"]*(")')
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
_NAMES = ("127.0.0.1", "localhost")
_PORTS_KEPT = 10  # tokens of servers started on other ports, the newest last
_ENTRY = re.compile(r"^PAIRBRIDGE_TOKENS\[(\d+)\] = (\"[0-9A-Za-z]+\");$", re.MULTILINE)


class BridgePage:
    """The files of ``bridge/`` and their access rules."""

    def __init__(self, folder: Path, token: str, open_file: Path) -> None:
        """``open_file``: path of the file that opens the page with the token."""
        self._folder = folder
        self._token = token
        self._open_file = open_file
        self._port = 0

    def publish(self, port: int) -> None:
        """Set the server's port, and write the token's two files."""
        self._port = port
        write_opener(self._open_file, f"http://127.0.0.1:{port}/", self._token)
        path = self._folder / "token.js"
        known = dict(_ENTRY.findall(path.read_text(encoding="utf-8"))) if path.exists() else {}
        known.pop(str(port), None)
        known[str(port)] = json.dumps(self._token)
        newest = list(known.items())[-_PORTS_KEPT:]
        lines = [f"PAIRBRIDGE_TOKENS[{of}] = {token};" for of, token in newest]
        first = "globalThis.PAIRBRIDGE_TOKENS = globalThis.PAIRBRIDGE_TOKENS ?? {};"
        write_private(path, "\n".join([first, *lines, f"globalThis.PAIRBRIDGE_NEWEST = {port};"]) + "\n")

    def objection(self, request: Request) -> Response | None:
        """The response to a refused request; None otherwise."""
        host = request.headers.get("Host", "")
        if host not in {f"{name}:{self._port}" for name in _NAMES}:
            return respond(http.HTTPStatus.MISDIRECTED_REQUEST, f"This is not {host[:80]}.\n")
        origin = request.headers.get("Origin")
        ours = {f"http://{name}:{self._port}" for name in _NAMES} | {"null", "file://", None}
        if origin not in ours:
            return respond(http.HTTPStatus.FORBIDDEN, f"{origin[:80] if origin else ''} may not use this server.\n")
        return None

    def answer(self, path: str) -> Response | None:
        """The page or one of its files; None for an unknown path."""
        if path in ("/", "/index.html"):
            text = (self._folder / "index.html").read_text(encoding="utf-8")
            named = html.escape(str(self._open_file.resolve()))
            text = OPEN_META.sub(lambda found: found[1] + named + found[2], text, count=1)
            return respond(http.HTTPStatus.OK, text, "text/html; charset=utf-8")
        name = path.removeprefix("/")
        file = self._folder / name
        if name == "token.js" or "/" in name or file.suffix not in _TYPES or not file.is_file():
            return None
        return respond(http.HTTPStatus.OK, file.read_text(encoding="utf-8"), _TYPES[file.suffix])


def respond(status: http.HTTPStatus, text: str, kind: str = "text/plain; charset=utf-8") -> Response:
    """A complete HTTP response with headers against reads by other origins, framing and MIME sniffing."""
    body = text.encode()
    headers = Headers(
        {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "Connection": "close",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
        }
    )
    return Response(status.value, status.phrase, headers, body)
