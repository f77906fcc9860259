"""Possible disk contents after a power cut: everything synced before, and any part of the rest.

Of what was not synced, each 512-byte piece of each write may be there, missing, or cut off in the middle; a
longer file may read as zeros where nothing arrived; a truncation may be undone. A name is there once its folder
was synced; later ones arrive in their order, as far as they got.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.durability.vfs import Op, folder_of

SECTOR = 512


@dataclass
class _File:
    synced: bytearray = field(default_factory=bytearray)
    pending: list[Op] = field(default_factory=list)

    def sync(self) -> None:
        for op in self.pending:
            _apply(self.synced, op)
        self.pending = []


class PowerCut:
    """Follows a list of operations; ``image`` writes a folder as it may look after a power cut now."""

    def __init__(self) -> None:
        self._live: dict[str, _File] = {}  # names in the running system
        self._synced: dict[str, _File] = {}  # names after a power cut
        self._names: list[tuple[str, dict[str, _File]]] = []  # changes of names since: (folder, names after it)

    def follow(self, op: Op) -> None:
        """One more operation has happened."""
        if op.kind == "write" or op.kind == "truncate":
            self._live[op.path].pending.append(op)
        elif op.kind == "sync":
            self._live[op.path].sync()
            if op.path.endswith(("-wal", "-journal")):  # SQLite syncs the folder with a log's first sync
                self._sync_folder(folder_of(op.path))
        elif op.kind == "fsync":
            file = self._live.setdefault(op.path, _File())
            file.synced, file.pending = bytearray(op.data), []
        elif op.kind == "create":
            self._name(op.path, _File())
        elif op.kind == "delete":
            self._name(op.path, None)
        elif op.kind == "rename":
            self._name(op.note, self._live.pop(op.path))
        elif op.kind == "sync-folder":
            self._sync_folder(op.path)

    def _name(self, path: str, file: _File | None) -> None:
        self._live.pop(path, None)
        if file is not None:
            self._live[path] = file
        self._names.append((folder_of(path), dict(self._live)))

    def _sync_folder(self, folder: str) -> None:
        self._synced = {path: file for path, file in self._synced.items() if folder_of(path) != folder}
        self._synced |= {path: file for path, file in self._live.items() if folder_of(path) == folder}
        self._names = [(of, names) for of, names in self._names if of != folder]

    def image(self, folder: Path, rng: random.Random) -> None:
        """Write one of the possible states into an empty folder."""
        found = dict(self._synced)
        for of, names in self._names[: rng.randint(0, len(self._names))]:
            found = {path: file for path, file in found.items() if folder_of(path) != of}
            found |= {path: file for path, file in names.items() if folder_of(path) == of}
        share = rng.choice([0.0, 0.1, 0.5, 0.9, 1.0])
        for path, file in found.items():
            content = bytearray(file.synced)
            for piece in _pieces(file.pending):
                if rng.random() < share:
                    torn = rng.random() < 0.1 and piece.kind == "write"
                    _apply(content, _cut(piece, rng.randrange(len(piece.data))) if torn else piece)
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)


def _pieces(ops: Sequence[Op]) -> Iterator[Op]:
    for op in ops:
        if op.kind == "truncate":
            yield op
            continue
        at = 0
        while at < len(op.data):
            end = at + SECTOR - (op.offset + at) % SECTOR
            yield Op("write", op.path, op.offset + at, op.data[at:end])
            at = end


def _cut(op: Op, size: int) -> Op:
    return Op("write", op.path, op.offset, op.data[:size])


def _apply(content: bytearray, op: Op) -> None:
    if op.kind == "truncate":
        del content[op.offset :]
    else:
        if len(content) < op.offset:
            content.extend(bytes(op.offset - len(content)))
        content[op.offset : op.offset + len(op.data)] = op.data
