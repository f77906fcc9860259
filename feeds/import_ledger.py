"""What was brought before, so that a second run over the same folder does not read it again.

A line of ``imports.log`` in the data folder stands for one file whose rows are all stored: known by its bytes, the
market, what was told of it, and the store. Another store (a fresh one, a restored one) knows none of them.
"""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

log = logging.getLogger("pairbridge.feed")

NAME = "imports.log"


class Imported(msgspec.Struct, frozen=True):
    """One file. ``rows``: that were stored or known then."""

    store_id: str
    market: str
    digest: str
    told: str
    rows: int
    name: str


class ImportLedger:
    """Of one store. Every file is added with its last row's acknowledgement, not before."""

    def __init__(self, data_dir: Path, store_id: str) -> None:
        self._path = data_dir / NAME
        self._store_id = store_id
        self._known: dict[tuple[str, str, str], int] = {}
        content = self._path.read_bytes() if self._path.exists() else b""
        self._is_cut = content != b"" and not content.endswith(b"\n")
        for number, line in enumerate(content.splitlines(), 1):
            self._take(number, line)

    def _take(self, number: int, line: bytes) -> None:
        try:
            each = msgspec.json.decode(line, type=Imported)
        except msgspec.DecodeError as error:  # an import that was cut off while it wrote: its file is read again
            log.warning("%s, line %d is left out: %s", self._path, number, error)
            return
        if each.store_id == self._store_id:
            self._known[each.market, each.digest, each.told] = each.rows

    def rows(self, market: str, digest: bytes, told: str) -> int | None:
        """How many rows of a file are stored; None where it was not brought to this market."""
        return self._known.get((market, digest.hex(), told))

    def add(self, market: str, digest: bytes, told: str, rows: int, name: str) -> None:
        """All rows of a file are stored."""
        line = msgspec.json.encode(Imported(self._store_id, market, digest.hex(), told, rows, name))
        with self._path.open("ab") as file:
            file.write((b"\n" if self._is_cut else b"") + line + b"\n")
        self._is_cut = False
        self._known[market, digest.hex(), told] = rows
