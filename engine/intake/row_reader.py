"""Converts the rows of a message to a batch: valid ones as ticks, the others with the reason for refusal."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from engine.errors import RowRefused
from engine.intake.metrics import IntakeMetrics
from engine.market.records import Batch
from engine.market.ticks import Tick, has_no_quantity, key_of, read_row, read_rows


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

    def batch(self, conn: int, number: int, market: str, client: str, rows: list[object]) -> Batch:
        """The batch of these rows, including the refusals."""
        ticks = read_rows(rows)
        rejected: list[tuple[int, str]] = []
        refused: dict[tuple[str, int], str] = {}
        if ticks is None:
            ticks, rejected, refused = self._sort_out(market, client, rows)
        self._metrics.received(market, len(ticks), len(rejected))
        return Batch(conn, number, market, tuple(ticks), tuple(rejected), refused)

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
