"""What a live run has given, as plain values, so that another process can compare a replay with it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.backtest.paper import PaperLedger, Rates
from engine.market.records import Decision
from engine.pairs.layout import Out
from engine.pairs.leg import Col
from engine.pairs.run import PairRun
from engine.stats.checks import Floats
from engine.store.interface import Cursor
from live.settled_rates import Funding

Json = dict[str, Any]
Digests = np.ndarray[Any, np.dtype[np.uint64]]

_PRIME = np.uint64(0x9E3779B97F4A7C15)
CONTENT = (  # of a decision: all but its place, time and revision
    "kind", "reason", "z", "spread", "beta", "alpha", "deviation", "gate_pvalue", "y_price", "x_price", "quantity_y",
    "quantity_x", "position",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Record:
    """All of a run up to a place in commit order. ``trades``: of its paper position; ``decisions``: the current ones by
    bar; ``digests`` in hexadecimal, 16 digits a bar."""

    run: Json
    seq: int
    event_id: int
    first_bar_ms: int
    digests: str
    decisions: dict[str, list[Any]]
    trades: list[list[Any]]
    funding: list[list[list[float]]]  # of Y and X: times and rates

    @classmethod
    def of(cls, run: PairRun, ledger: PaperLedger, funding: Funding, at: Cursor) -> Record:
        """Of a run and the paper position of all its bars."""
        return cls(
            dataclasses.asdict(run.run),
            at.seq,
            at.event_id,
            run.model.open_time_ms(0),
            digests_of(run, ledger).astype(">u8").tobytes().hex(),
            contents(run.current.values()),
            plain(ledger.trades),
            [[times.tolist(), rates.tolist()] for times, rates in funding],
        )

    @property
    def live_digests(self) -> Digests:
        """One a bar."""
        return np.frombuffer(bytes.fromhex(self.digests), dtype=">u8").astype(np.uint64)

    @property
    def rates(self) -> Funding:
        """The funding of both legs."""
        y, x = self.funding
        return _rates(y), _rates(x)


def columns_of(run: PairRun, ledger: PaperLedger) -> Iterator[tuple[str, Floats]]:
    """All values of the run's bars by name: both legs' bars, what the model made of them, and the paper equity."""
    size = min(run.model.size, ledger.size)
    for side, leg in zip("yx", run.legs, strict=True):
        begin = (run.model.first_slot or 0) - leg.first_slot
        for col in Col:
            yield f"{side}_{col.name.lower()}", leg.column(col, begin)[:size]
    for out in Out:
        yield out.name.lower(), run.model.column(out)[:size]
    yield "equity", ledger.equity[:size]


def digests_of(run: PairRun, ledger: PaperLedger) -> Digests:
    """One number a bar, that changes with any bit of its values."""
    found = np.zeros(min(run.model.size, ledger.size), dtype=np.uint64)
    for _, values in columns_of(run, ledger):
        bits = np.where(np.isnan(values), math.nan, values).view(np.uint64)  # one kind of NaN
        found = (found ^ bits) * _PRIME
        found ^= found >> np.uint64(29)
    return found


def bar_values(run: PairRun, ledger: PaperLedger, bar_ms: int) -> Json:
    """All values of one bar by name; none for a bar that the run does not have."""
    place = (bar_ms - run.model.open_time_ms(0)) // run.settings.interval_ms
    if not 0 <= place < min(run.model.size, ledger.size):
        return {}
    return {name: known(float(values[place])) for name, values in columns_of(run, ledger)}


def contents(decisions: Iterable[Decision]) -> dict[str, list[Any]]:
    """The last of the decisions of each bar, by the bar's open time: the values of ``CONTENT``."""
    found = {str(each.bar_ms): [getattr(each, name) for name in CONTENT] for each in decisions}
    return dict(sorted(found.items()))


def plain(values: Floats) -> list[list[Any]]:
    """Rows as JSON takes them."""
    return [[known(value) for value in row] for row in values.tolist()]


def known(value: float) -> Any:
    """A number as JSON takes it: None for NaN, a text for what is infinite."""
    return value if math.isfinite(value) else None if math.isnan(value) else str(value)


def _rates(leg: list[list[float]]) -> Rates:
    times, rates = leg
    return np.array(times, dtype=np.int64), np.array(rates, dtype=np.float64)
