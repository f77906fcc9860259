"""Searches what a run of the tests has left for secrets: ``python -m tests.secrets_left FOLDER``.

``tests/run.py`` runs it after the whole suite, whose processes log at DEBUG. Each data folder's own secrets are
searched for in every file of its test: logs, databases with their write-ahead logs, exports, outputs of processes and
of those that crashed. They may only be in the files that hold them, and in the profile of the browser that opened the
pages with its key, as in its user's.
"""

from __future__ import annotations

import json
import mmap
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

KEYS = ("token", "dashboard-key", "session-secret")
CHANNELS = "channels.json"
HOLDERS = frozenset({*KEYS, CHANNELS, "token.js", "open-bridge.html", "open-dashboard.html"})
BROWSER = "profile"  # the folder of a browser's profile in a test's
LEAST = 12  # characters: shorter made-up secrets are words of a test, which may be anywhere


class Search(NamedTuple):
    """What was searched, and (file, its secret's holder) of each secret found elsewhere."""

    files: int
    bytes: int
    secrets: int
    found: list[tuple[Path, str]]


def search(folder: Path) -> Search:
    """Search ``folder``, the base of a run's temporary folders."""
    files = size = secrets = 0
    found: list[tuple[Path, str]] = []
    for place in _places(folder):
        known = dict(_secrets(place))
        secrets += len(known)
        for path in _files(place) if known else ():
            files, size = files + 1, size + path.stat().st_size
            found += [(path, holder) for holder in _held(path, known)]
    return Search(files, size, secrets, found)


def _places(folder: Path) -> Iterator[Path]:
    """The folder of each test; those of a worker are one level deeper."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from _places(path) if path.name.startswith("popen-") else (path,)


def _files(place: Path) -> Iterator[Path]:
    for path in place.rglob("*"):
        is_of_browser = BROWSER in path.relative_to(place).parts
        if path.is_file() and not path.is_symlink() and path.name not in HOLDERS and not is_of_browser:
            yield path


def _secrets(place: Path) -> Iterator[tuple[bytes, str]]:
    """Each secret, and the name of the file that may hold it."""
    for path in place.rglob("*"):
        if path.name in KEYS and path.is_file():
            text = path.read_text(errors="replace").strip()
            if len(text) >= LEAST:
                yield text.encode(), path.name
        elif path.name == CHANNELS and path.is_file():
            yield from ((secret, CHANNELS) for secret in _of_channels(path))


def _of_channels(path: Path) -> Iterator[bytes]:
    try:
        channels = json.loads(path.read_bytes())["channels"]
        texts = [channel[name] for channel in channels for name in ("address", "secret")]
    except (ValueError, KeyError, TypeError):
        return  # a test damaged the file
    for text in texts:
        if len(text) >= LEAST:
            yield text.encode()


def _held(path: Path, known: dict[bytes, str]) -> Iterator[str]:
    if not path.stat().st_size:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for secret, holder in known.items():
            if content.find(secret) >= 0:
                yield holder


def main(folder: Path) -> int:
    """Print what was found; 1 if anything."""
    done = search(folder)
    lines = [f"{done.secrets} secrets in {done.files} files, {done.bytes / 1e6:.0f} MB: {len(done.found)} found"]
    lines += [f"  {path}: the secret of {holder}" for path, holder in done.found]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if done.found else 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
