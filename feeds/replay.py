"""Replay of a recorded file through the bridge protocol, as fast as the server stores it."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import logging
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from engine.files.ticks import TickFile, read_tick_file
from feeds.batch_queue import Row
from feeds.bridge_client import BridgeLink

log = logging.getLogger("pairbridge.feed")

_CHUNK = 5_000


class ReplayFeed:
    """Sends every row of one file, then reports the results."""

    def __init__(self, path: Path, market: str | None, is_history: bool = False) -> None:
        """``market`` None: a separate market for the file, so that its ids never conflict with an exchange's.

        ``is_history``: only adds to the store, and does not count as the market's live stream.
        """
        if path.is_dir():
            raise ValueError(f"{str(path)!r} is a folder; expected one file of trades")
        if not path.is_file():
            raise ValueError(f"there is no file {str(path)!r}; expected binance, simulator, or a file that exists")
        self._is_history = is_history
        self._path = path
        self._market = market

    async def run(self, url: str, token: str) -> None:
        """``url`` and ``token`` of the bridge server. Raises ValueError for a file that is not a recording."""
        file = _read(self._path)
        market = self._market or f"file-{_digest(self._path)}"
        for reason, count in sorted(file.skipped.items()):
            log.warning("%s: %d lines skipped: %s", self._path.name, count, reason)
        client = f"replay of {self._path.name}"[:64]
        async with BridgeLink(url, token, market, client, max_queue=_CHUNK, helper=self._is_history) as link:
            link.upstream = "open"
            for at in range(0, len(file.rows), _CHUNK):
                await link.put(file.rows[at : at + _CHUNK])
            await link.drained()
            link.farewell = f"{self._path.name} is replayed"
            tally = link.tally
        for row, reason in tally.rejected[:1_000]:
            log.warning("%s: refused %s: %s", self._path.name, _in_words(row), reason)
        log.warning(
            "%s (%s) into market %s: %d stored, %d known already, %d conflicts, %d refused, %d lines skipped",
            self._path.name, file.kind, market, tally.stored, tally.duplicates, tally.conflicts,
            len(tally.rejected), file.skipped.total(),
        )  # fmt: skip


def _read(path: Path) -> TickFile:
    """The file's rows. Raises ValueError with the error found and what was expected."""
    try:
        with _open_text(path) as (name, lines):
            return read_tick_file(name, lines)
    except UnicodeDecodeError:
        found = "is not text"
    except EOFError:
        found = "is cut off"
    except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error) as error:
        found = f"is damaged, or is no {path.suffix} file ({error})"
    except (csv.Error, RuntimeError) as error:  # RuntimeError: the archive has a password or an odd compression
        found = f"cannot be read: {error}"
    except OSError as error:
        found = f"cannot be read: {error.strerror or error}"
    raise ValueError(f"{path} {found}; expected a text file of trades, as it is or in a .gz or .zip")


def _in_words(row: Row) -> str:
    """A row for the log, shortened: a file may hold values of any length."""
    symbol, number, price, quantity, time_ms = (str(value)[:40] for value in row[:5])
    return f"{symbol} {number} (price {price}, quantity {quantity}, time {time_ms})"


@contextmanager
def _open_text(path: Path) -> Iterator[tuple[str, TextIO]]:
    """The file's name and text, out of its .gz or .zip if it is in one."""
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8-sig") as text:
            yield path.stem, text
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            if len(names) != 1:
                raise ValueError(f"{path} holds {len(names)} files; expected one")
            with archive.open(names[0]) as raw:
                yield names[0], io.TextIOWrapper(raw, "utf-8-sig")
    else:
        with path.open(encoding="utf-8-sig") as text:
            yield path.name, text


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:8]
