"""The signal log as rows: every decision with its pair, its trade, and what a closed trade earned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, get_type_hints

from engine.market.intervals import interval_name
from engine.market.records import Decision
from engine.pairs.settings import PairSettings
from engine.store.bulk import AnalysisReader, BulkReader, RunPlace, SignalFilter, StoredSignal
from services.export.trades import (
    NOT_BOOKED,
    BookedTrades,
    TradeResult,
    fill_after,
    measured_half_spread,
    result_of,
)

if TYPE_CHECKING:
    import polars

_PAGE = 2_000  # decisions in memory at a time
_BPS = 1e4
_ENTRIES = ("enter_long", "enter_short")


@dataclass(frozen=True, slots=True)
class SignalRow:
    """One decision. Times in ms since 1970, UTC; None where unknown.

    ``trade_id``: of the position that this entry opens or this exit closes: the run, and the number of its entry's
    bar.
    ``gross`` to ``counted``: see TradeResult; of the trade that this exit closes, on the row that stands, once both
    orders are filled; ``replayed``: 1 if its entry was decided over bars from before its run began; ``entry_time``:
    when the bar opened that filled its entry. ``run``: number of the run among its pair's, and when it began.
    ``spread_charted``: in ``spread_unit``, as charts show it. ``late_ms``: None for decisions made from history.
    """

    market: str
    y: str
    x: str
    interval: str
    bar_close: int
    given_at: int
    kind: str
    reason: str
    trade_id: str | None
    gross: float | None
    fee: float | None
    half_spread: float | None
    slippage: float | None
    funding: float | None
    net: float | None
    counted: str | None
    entry_time: int | None
    entry_y: float | None
    entry_x: float | None
    exit_y: float | None
    exit_x: float | None
    z: float | None
    spread: float | None
    spread_charted: float | None
    spread_unit: str
    deviation: float | None
    beta: float | None
    alpha: float | None
    gate_pvalue: float | None
    y_price: float
    x_price: float
    quantity_y: float
    quantity_x: float
    position: int
    revision: int
    late_ms: int | None
    run_id: str
    run: int | None = None
    run_began: int | None = None
    replayed: int | None = None


SIGNAL_COLUMNS = tuple(field.name for field in fields(SignalRow))
_TIMES = ("bar_close", "given_at", "entry_time", "run_began")
NO_PLACES: Mapping[str, RunPlace] = {}
_RESULT = ("gross", "fee", "half_spread", "slippage", "funding", "net", "counted")
_AS_DECIDED = (
    "kind", "reason", "z", "spread", "deviation", "beta", "alpha", "gate_pvalue", "y_price", "x_price", "quantity_y",
    "quantity_x", "position", "revision", "run_id",
)  # fmt: skip


def signal_rows(
    store: AnalysisReader, prices: BulkReader | None, wanted: SignalFilter, booked: BookedTrades = NOT_BOOKED
) -> Iterator[list[SignalRow]]:
    """Decisions in their original order, a page at a time. ``prices`` None: no trades are stored to fill orders at.
    ``booked``: results by the ledgers of runs; those of other runs are counted from the log."""
    after = 0
    known: dict[str, PairSettings] = {}
    places = store.run_places()
    while page := store.signals(wanted, after, _PAGE):
        yield [signal_row(store, prices, signal, known, booked, places) for signal in page]
        after = page[-1].logged.given


def signal_row(
    store: AnalysisReader, prices: BulkReader | None, signal: StoredSignal, known: dict[str, PairSettings],
    booked: BookedTrades = NOT_BOOKED, places: Mapping[str, RunPlace] = NO_PLACES,
) -> SignalRow:  # fmt: skip
    """One of them; ``known``: settings of runs, read once; ``places`` of the runs."""
    text = signal.run.settings
    if text not in known:
        known[text] = PairSettings.from_json(text)
    row = _row(store, prices, signal, known[text], booked)
    place = places.get(row.run_id)
    return row if place is None else replace(row, run=place.number, run_began=place.began_at_ms)


def signal_frame(rows: list[SignalRow]) -> polars.DataFrame:
    """The columns of SignalRow."""
    import polars

    kinds = {str: polars.String, int: polars.Int64, float: polars.Float64}
    hints = get_type_hints(SignalRow)
    columns = {}
    for name in SIGNAL_COLUMNS:
        kind = next(
            kinds[each] for each in kinds if each is hints[name] or each in getattr(hints[name], "__args__", ())
        )
        column = polars.Series([getattr(row, name) for row in rows], dtype=kind)
        columns[name] = column.cast(polars.Datetime("ms", "UTC")) if name in _TIMES else column
    return polars.DataFrame(columns)


def _row(
    store: AnalysisReader, prices: BulkReader | None, signal: StoredSignal, settings: PairSettings, booked: BookedTrades
) -> SignalRow:
    decision, run = signal.logged.decision, signal.run
    entry = store.entry_before(run.run_id, decision.bar_ms) if decision.kind == "exit" else None
    opened = decision if decision.kind in _ENTRIES else entry
    result = None
    if entry and signal.stands:
        key, is_booked = (run.run_id, entry.bar_ms), run.run_id in booked.runs
        result = booked.trades.get(key) if is_booked else _result(prices, signal, entry, settings)
    unit = _BPS if settings.space == "log" else 1.0
    given: dict[str, Any] = {name: getattr(decision, name) for name in _AS_DECIDED}
    given |= {name: getattr(result, name) if result else None for name in _RESULT}
    return SignalRow(
        market=run.market,
        y=run.y,
        x=run.x,
        interval=interval_name(run.interval_ms),
        bar_close=decision.bar_ms + run.interval_ms,
        given_at=signal.logged.given_at_ms,
        trade_id=None if opened is None else f"{run.run_id}-{opened.bar_ms // run.interval_ms}",
        entry_time=result.entry.open_time_ms if result else None,
        entry_y=result.entry.y if result else None,
        entry_x=result.entry.x if result else None,
        exit_y=result.exit.y if result else None,
        exit_x=result.exit.x if result else None,
        spread_charted=None if decision.spread is None else decision.spread * unit,
        spread_unit="bps" if settings.space == "log" else "price",
        replayed=int(entry is not None and entry.given_seq <= run.began_seq) if result else None,
        late_ms=decision.late_ms if decision.given_seq > run.began_seq else None,
        **given,
    )


def _result(
    prices: BulkReader | None, signal: StoredSignal, entry: Decision, settings: PairSettings
) -> TradeResult | None:
    if prices is None:
        return None
    run, exit_ = signal.run, signal.logged.decision
    opened = fill_after(prices, run.market, (run.y, run.x), entry.bar_ms, run.interval_ms)
    closed = fill_after(prices, run.market, (run.y, run.x), exit_.bar_ms, run.interval_ms)
    if opened is None or closed is None:
        return None
    is_set, fills = settings.half_spread_bps is not None, (opened, closed)
    measured = None if is_set else measured_half_spread(prices, run, (entry, exit_), fills)
    return result_of(entry, exit_, fills, settings, measured)
