"""Parity: whether a replay of the stored ticks gives what the live run gave, bar by bar, decision by decision, fill by
fill.

The live side is a ``run_record.Record``. Compared are all values of each bar (both legs, the model, the paper equity),
the current decisions and the fills of the paper position.

    python -m live.parity     check the open runs as they are stored, while the dashboard is stopped

Exit codes: 0 all equal, 1 something differs, 2 failure.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from engine.backtest.layout import TradeCol
from engine.backtest.paper import PaperLedger
from engine.errors import StoreError
from engine.market.intervals import bar_open
from engine.market.records import Run
from engine.pairs.pipeline import Pipeline
from engine.pairs.run import PairRun
from engine.store import open_backend
from engine.store.command_line import add_data_dir_option
from engine.store.interface import AnalysisStore, Backend, TickReader
from engine.store.lock import held
from live.code_version import code_version
from live.history import StoreHistory, TickHistory
from live.paper import PaperBooks
from live.replay import replay
from live.run_record import CONTENT, Json, Record, bar_values, contents, digests_of, plain

Fields = dict[str, tuple[Any, Any]]  # by name, the live value and the replayed one; None: not there


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The first difference. ``what``: bar, trades (of a bar), decision, fill or run; ``bar_ms``: the open time of its
    bar; ``fields``: those that differ."""

    what: str
    bar_ms: int
    fields: Fields


@dataclass(frozen=True, slots=True)
class Parity:
    """Of the live run's bars, decisions and fills how many the replay gave too. ``through_ms``: the end of the last bar
    that was compared."""

    run_id: str
    through_ms: int
    bars: tuple[int, int]  # equal, of all
    decisions: tuple[int, int]
    fills: tuple[int, int]
    first: Mismatch | None = None

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return self.first is None

    def __str__(self) -> str:
        """As shown beside the pair."""
        counts = ((self.bars, "bars"), (self.decisions, "decisions"), (self.fills, "fills"))
        return "parity " + ", ".join(f"{same:,}/{of:,} {name}" for (same, of), name in counts)

    def lines(self, most: int = 12) -> list[str]:
        """The first difference field by field, at most so many fields; empty without one."""
        if self.first is None:
            return []
        fields = [f"{name}: live {mine}, replay {theirs}" for name, (mine, theirs) in self.first.fields.items()]
        more = [f"and {len(fields) - most} fields more"] if len(fields) > most else []
        at = np.datetime_as_string(np.datetime64(self.first.bar_ms, "ms"), unit="s")
        return [f"first difference: {self.first.what} at {at}Z", *fields[:most], *more]

    @classmethod
    def from_json(cls, values: Json) -> Parity:
        """From ``dataclasses.asdict`` that went through JSON."""
        first = values["first"]
        found = first and Mismatch(first["what"], first["bar_ms"], {k: (a, b) for k, (a, b) in first["fields"].items()})
        bars, decisions, fills = (
            (int(a), int(b)) for a, b in (values[name] for name in ("bars", "decisions", "fills"))
        )
        return cls(values["run_id"], values["through_ms"], bars, decisions, fills, found)


def differing(live: Json, replayed: Json) -> Fields:
    """The fields in which two records of a bar differ."""
    names = [*live, *(name for name in replayed if name not in live)]
    pairs = ((name, (live.get(name), replayed.get(name))) for name in names)
    return {name: (mine, theirs) for name, (mine, theirs) in pairs if mine != theirs}


def compare(
    record: Record, run: PairRun | None, why: str = "", wrong: Mapping[int, Fields] = MappingProxyType({})
) -> Parity:  # fmt: skip
    """The record of a live run against its replay; ``run`` None: it ended in the replay, for the reason ``why``.
    ``wrong``: by bar, what is stored of its seconds that its stored ticks do not give.

    The fields of a bar that differs have no live value: a record has only its digest (see ``with_live``).
    """
    theirs = record.live_digests
    through_ms = record.first_bar_ms + theirs.size * int(record.run["interval_ms"])
    counts = ((0, theirs.size), (0, len(record.decisions)), (0, len(record.trades)))
    run_id = str(record.run["run_id"])
    if run is None or not run.model.size:
        first = Mismatch("run", record.first_bar_ms, {"end": (None, why or "no bar")})
        return Parity(run_id, through_ms, *counts, first)
    ledger = PaperLedger(run.settings, record.rates)
    ledger.follow(run.model, run.legs)
    bars, first_bar = _compare_bars(record, run, ledger, wrong)
    decisions, first_decision = _compare_decisions(record, run)
    fills, first_fill = _compare_fills(record, ledger)
    return Parity(run_id, through_ms, bars, decisions, fills, first_bar or first_decision or first_fill)


def with_live(found: Parity, run: PairRun, ledger: PaperLedger) -> Parity:
    """With the live values of the bar that differs, from the run as it is now."""
    first = found.first
    if first is None or first.what != "bar":
        return found
    replayed = {name: theirs for name, (_, theirs) in first.fields.items()}
    fields = differing(bar_values(run, ledger, first.bar_ms), replayed)
    return dataclasses.replace(found, first=dataclasses.replace(first, fields=fields))


def check(record: Record, reader: TickReader, progress: Callable[[int], None] = lambda _: None) -> Parity:
    """Replay the record's run out of the store, and compare. Raises StoreError."""
    run = Run(**record.run)
    found = replay(reader, run, record.seq, record.event_id, progress)
    why = f"{found.end.reason} {found.end.detail}".strip() if found.end else ""
    return compare(record, found.run, why, _wrong_seconds(reader, run, record))


def _wrong_seconds(reader: TickReader, run: Run, record: Record) -> dict[int, Fields]:
    """By the bar of the run that it is in, each stored second that is not made of its stored ticks: a changed trade
    between a second's extremes changes its quote volume, and nothing that a run sees."""
    wrong: dict[int, Fields] = {}
    through_ms = record.first_bar_ms + record.live_digests.size * run.interval_ms
    ticks = TickHistory(reader, run.market)
    for symbol in (run.y, run.x):
        made = {bar.open_time_ms: bar for bar in ticks.bars(symbol, record.first_bar_ms, through_ms, record.seq + 1)}
        for stored in reader.bars(run.market, symbol, record.first_bar_ms, through_ms, record.seq + 1):
            remade = made.get(stored.open_time_ms)
            fields = differing(stored._asdict(), remade._asdict() if remade else {})
            if fields:
                named = {f"{symbol} {name}": values for name, values in fields.items()}
                wrong.setdefault(bar_open(stored.open_time_ms, run.interval_ms), {}).update(named)
    return wrong


def _compare_bars(
    record: Record, run: PairRun, ledger: PaperLedger, wrong: Mapping[int, Fields]
) -> tuple[tuple[int, int], Mismatch | None]:
    live, mine, width_ms = record.live_digests, digests_of(run, ledger), run.settings.interval_ms
    offset = (record.first_bar_ms - run.model.open_time_ms(0)) // width_ms
    places = np.arange(live.size) + offset
    is_there = (places >= 0) & (places < mine.size)
    is_same = np.zeros(live.size, dtype=np.bool_)
    is_same[is_there] = live[is_there] == mine[places[is_there]]
    differs = {record.first_bar_ms + int(place) * width_ms for place in np.flatnonzero(~is_same)}
    counts = int(live.size) - len(differs | wrong.keys()), int(live.size)
    if not differs and not wrong:
        return counts, None
    bar_ms = min(differs | wrong.keys())
    if bar_ms not in differs:
        return counts, Mismatch("trades", bar_ms, wrong[bar_ms])
    replayed = bar_values(run, ledger, bar_ms)
    return counts, Mismatch("bar", bar_ms, {name: (None, value) for name, value in replayed.items()})


def _compare_decisions(record: Record, run: PairRun) -> tuple[tuple[int, int], Mismatch | None]:
    mine = contents(run.current.values())
    same = sum(mine.get(bar_ms) == content for bar_ms, content in record.decisions.items())
    wrong = [at for at in {*mine, *record.decisions} if mine.get(at) != record.decisions.get(at)]
    counts = same, len(record.decisions)
    if not wrong:
        return counts, None
    at = min(wrong, key=int)
    live, replayed = (
        dict(zip(CONTENT, found, strict=True)) if found else {} for found in (record.decisions.get(at), mine.get(at))
    )
    return counts, Mismatch("decision", int(at), differing(live, replayed))


def _compare_fills(record: Record, ledger: PaperLedger) -> tuple[tuple[int, int], Mismatch | None]:
    mine, live = plain(ledger.trades), record.trades
    names = [col.name.lower() for col in TradeCol]
    same = sum(one == other for one, other in zip(live, mine, strict=False))
    for place in range(max(len(live), len(mine))):
        one, other = (found[place] if place < len(found) else [] for found in (live, mine))
        if one != other:
            entry = (one or other)[TradeCol.ENTRY] or 0.0
            bar_ms = record.first_bar_ms + int(entry) * ledger.settings.interval_ms
            return (same, len(live)), Mismatch("fill", bar_ms, differing(_named(names, one), _named(names, other)))
    return (same, len(live)), None


def _named(names: list[str], values: list[Any]) -> Json:
    return dict(zip(names, values, strict=True)) if values else {}


def stored_records(backend: Backend, analysis: AnalysisStore, reader: TickReader) -> list[Record]:
    """The open runs of this version of the program as the monitor would resume them: from stored bars and its saved
    position. The decisions are those that were stored."""
    cursor, found, books = analysis.cursor(), [], PaperBooks(backend.bar_reader)
    if cursor is None or cursor.ticks_store_id != reader.store_id():
        return []
    for number, run in enumerate(analysis.open_runs()):
        state = cursor.pipelines.get(run.market)
        if run.code != code_version() or state is None:
            continue
        pipeline = Pipeline.resume(state, StoreHistory(reader, run.market), cursor.seq + 1)
        stored = analysis.decisions(run.run_id)
        pipeline.begin(run, cursor.seq, stored)
        followed = pipeline.runs.get(run.run_id)
        if followed is not None and followed.model.size:
            record = Record.of(followed, *books.ledger(number, followed), cursor)
            found.append(dataclasses.replace(record, decisions=contents(stored)))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m live.parity", description=(__doc__ or "").split("\n\n")[0])
    add_data_dir_option(parser, "; the dashboard must not be running")
    folder = parser.parse_args(arguments).data_dir
    try:
        with held(folder, "dashboard"):
            return _check_stored(open_backend(folder))
    except StoreError as error:
        sys.stdout.write(f"pairbridge: {error}\n")
        return 2


def _check_stored(backend: Backend) -> int:
    reader, analysis = backend.tick_reader(), backend.analysis()
    try:
        results = [(record.run, check(record, reader)) for record in stored_records(backend, analysis, reader)]
    finally:
        analysis.close()
        reader.close()
    for run, found in results:
        sys.stdout.write(f"{run['y']} ~ {run['x']} in {run['market']}, run {found.run_id}: {found}\n")
        sys.stdout.write("".join(f"  {line}\n" for line in found.lines()))
    if not results:
        sys.stdout.write("no open run of this version of the program\n")
    return 0 if all(found.is_equal for _, found in results) else 1


if __name__ == "__main__":
    sys.exit(main())
