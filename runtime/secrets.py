"""Secrets of 256 random bits, created once and readable only by their owner, and the files that open a page with
one."""

from __future__ import annotations

import html
import os
import secrets
from pathlib import Path


def read_or_create_token(path: Path) -> str:
    """The token in ``path``, created with mode 0600 if missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if os.name == "posix":
            path.chmod(0o600)
        return path.read_text(encoding="ascii").strip()
    token = secrets.token_hex(32)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(token + "\n")
    return token


def write_private(path: Path, text: str) -> None:
    """Replace ``path`` with ``text`` in one step, readable by its owner only."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)  # a leftover file could be readable by others
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)


def write_opener(path: Path, url: str, key: str) -> None:
    """A page that redirects to ``url`` with the key in the fragment, which browsers do not send to servers or logs."""
    target = html.escape(f"{url}#key={key}")
    write_private(
        path,
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
        f'<title>Pairbridge</title><meta http-equiv="refresh" content="0;url={target}">'
        f'<p><a href="{target}">Open Pairbridge</a></p></html>\n',
    )
