"""Converts the rows of a message to a batch: valid ones as ticks, the others with the reason for refusal."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from hashlib import blake2b

import msgspec

from engine.errors import RowRefused
from engine.intake.metrics import IntakeMetrics
from engine.market.records import Batch, PostKey
from engine.market.ticks import OWN_MARKET, Tick, has_no_quantity, key_of, read_row, read_rows


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused row, for display."""

    market: str
    client: str
    row: str
    reason: str


class RowReader:
    """Validates rows of all connections. ``refusals``: the newest, for ``/health``."""

    def __init__(self, metrics: IntakeMetrics) -> None:
        self._metrics = metrics
        self.refusals: deque[Refusal] = deque(maxlen=100)

    def batch(
        self, conn: int, number: int, market: str, client: str, rows: list[object], key: str = ""
    ) -> Batch:  # fmt: skip
        """The batch of these rows, including the refusals. With a ``key`` the sender may repeat them; then they may be
        without ids in a market of its own, and the store numbers them."""
        posted = PostKey(key, digest_of(rows)) if key else None
        is_numbered = not (key and market.startswith(OWN_MARKET) and all(map(lacks_id, rows)))
        if not is_numbered:
            rows = [placed(row, place) for place, row in enumerate(rows)]
        ticks = read_rows(rows)
        rejected: list[tuple[int, str]] = []
        refused: dict[tuple[str, int], str] = {}
        if ticks is None:
            ticks, rejected, refused = self._sort_out(market, client, rows)
        self._metrics.received(market, len(ticks), len(rejected))
        known = refused if is_numbered else {}
        return Batch(conn, number, market, tuple(ticks), tuple(rejected), known, posted, is_numbered)

    def _sort_out(
        self, market: str, client: str, rows: list[object]
    ) -> tuple[list[Tick], list[tuple[int, str]], dict[tuple[str, int], str]]:
        """The valid rows; index and reason of the others; the reasons by symbol and id, where a row has them."""
        ticks: list[Tick] = []
        rejected: list[tuple[int, str]] = []
        refused: dict[tuple[str, int], str] = {}
        # Official dumps contain many rows without a quantity: without those, the column-wise check mostly succeeds.
        lacks = list(map(has_no_quantity, rows))
        empty = [index for index, is_empty in enumerate(lacks) if is_empty]
        others = read_rows([row for row, is_empty in zip(rows, lacks, strict=True) if not is_empty]) if empty else None
        for index in range(len(rows)) if others is None else empty:
            row = rows[index]
            try:
                ticks.append(read_row(row))
            except RowRefused as error:
                rejected.append((index, str(error)))
                self.refusals.append(Refusal(market, client, repr(row)[:120], str(error)))
                key = key_of(row)
                if key is not None:
                    refused[key] = str(error)
        return others or ticks, rejected, refused


def lacks_id(row: object) -> bool:
    """Whether a row leaves its id to the store.

    >>> lacks_id(["A", None, "1", "2", 1_700_000_000_000, None]), lacks_id(["A", 7, "1", "2", 1_700_000_000_000, None])
    (True, False)
    """
    return isinstance(row, list) and len(row) == 6 and row[1] is None


def placed(row: object, place: int) -> object:
    """A row with its place as the id, until the store numbers it."""
    return [row[0], place, *row[2:]] if isinstance(row, list) else row


def digest_of(rows: list[object]) -> str:
    """A digest of rows: equal for the same rows sent again."""
    return blake2b(msgspec.json.encode(rows), digest_size=16).hexdigest()
