"""Computes a proof pack again, and names what differs."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from engine.market.bars import second_bar
from engine.market.intervals import SECOND_MS, bar_open
from engine.market.records import Decision, Run
from engine.market.ticks import Tick
from engine.pairs.leg import Col, Leg
from engine.pairs.run import PairRun
from engine.stats.checks import Floats
from live.code_version import code_version
from live.run_record import CONTENT
from services.proof_pack.computed import columns_of, is_same, known_at, run_over
from services.proof_pack.pack import BAR_COLUMNS, Json, PackRefused, ProofPack, utc

_OF_TICKS = tuple(col for col in Col if col <= Col.LAST_AGE)  # what trades alone give
MOST_SAID = 12  # differences of one kind that are listed; the others are counted


def verify(pack: ProofPack) -> list[str]:
    """What differs, to the last bit, between the pack and what its own trades and bars give; empty: nothing.

    A pack of another version of the program may differ by that alone: see ``other_version``. Raises PackRefused where
    it cannot be computed.
    """
    try:
        run, decision = Run(**pack.record["run"]), Decision(**pack.record["decision"])
        followed = run_over(run, pack.first_slot, pack.bars)
        if not followed.model.size:
            raise PackRefused("the bars of the pack give no model; expected prices of both legs")
        found = [*pack.damage, *_ticks_against_bars(pack, run), *_columns_against(pack.model, followed)]
        known = known_at(followed, decision.bar_ms)
    except (KeyError, TypeError, ValueError) as error:
        raise PackRefused(f"the pack cannot be computed: {type(error).__name__}: {error}") from error
    found += [
        f"decision.json: {name} of the model is {_short(pack.record['model'].get(name))}; its bars give {_short(value)}"
        for name, value in known.items()
        if pack.record["model"].get(name) != value
    ]
    return found + decision_against(decision, followed)


def other_version(pack: ProofPack) -> str:
    """What to say of a pack of another version of the program; empty for this one."""
    code = pack.record["run"]["code"]
    return "" if code == code_version() else f"made by version {code} of the pipeline; this is {code_version()}"


def decision_against(decision: Decision, followed: PairRun) -> list[str]:
    """The fields in which a decision differs from that of the run's bars; time, place and revision are not theirs."""
    given = followed.current.get(decision.bar_ms)
    if given is None:
        return [f"the bars give no decision at {utc(decision.bar_ms)}; stored is {decision.kind} {decision.reason}"]
    return [
        f"the decision's {name} is {getattr(decision, name)!r}; its bars give {getattr(given, name)!r}"
        for name in CONTENT
        if getattr(decision, name) != getattr(given, name)
    ]


def _ticks_against_bars(pack: ProofPack, run: Run) -> list[str]:
    """The bars from the first on whose trades are in the pack, made of these trades again."""
    from_ms = int(pack.record["ticks_from_ms"])
    found = []
    for side, symbol, bars in zip("yx", (run.y, run.x), pack.bars, strict=True):
        first = from_ms // run.interval_ms - pack.first_slot
        leg = _made_of(pack.ticks, symbol, from_ms, bars.shape[1] - first, run.interval_ms)
        for place in range(first, bars.shape[1]):
            if not is_of_ticks(bars, place):
                continue
            open_ms = (pack.first_slot + place) * run.interval_ms
            found += _bar_against(side, open_ms, bars[:, place], leg, place - first)
    return _limited(found)


def is_of_ticks(bars: Floats, place: int) -> bool:
    """Whether a bar is what its stored trades give: made of them, and no open gap touches it. Trades that fill a gap
    enter their bars when it closes, and not one by one."""
    return not (bars[Col.SOURCED, place] or bars[Col.TAINTED, place])


def _made_of(ticks: tuple[Tick, ...], symbol: str, from_ms: int, bars: int, width_ms: int) -> Leg:
    seconds: dict[int, list[Tick]] = {}
    for tick in ticks:
        if tick.symbol == symbol and tick.trade_time_ms >= from_ms:
            seconds.setdefault(bar_open(tick.trade_time_ms, SECOND_MS), []).append(tick)
    leg = Leg(width_ms, from_ms // width_ms)
    made = [second_bar(open_ms, some) for open_ms, some in sorted(seconds.items())]
    leg.close(made, from_ms + bars * width_ms, lambda *_: False)
    return leg


def _bar_against(side: str, open_ms: int, bar: Floats, leg: Leg, place: int) -> list[str]:
    pairs = ((col, float(bar[BAR_COLUMNS.index(col)]), float(leg.column(col)[place])) for col in _OF_TICKS)
    return [
        f"{side}_bars.csv, bar at {utc(open_ms)}: {col.name.lower()} is {mine!r}; its trades in ticks.csv give {made!r}"
        for col, mine, made in pairs
        if not is_same(mine, made)
    ]


def _columns_against(model: dict[str, Floats], followed: PairRun) -> list[str]:
    """The first bar in which each column of model.csv differs from what the bars give."""
    found = []
    for name, values in columns_of(followed).items():
        mine = model.get(name, np.empty(0))
        if mine.size != values.size:
            found.append(f"model.csv has {mine.size} values of {name}; its bars give {values.size}")
            continue
        differs = np.flatnonzero(~((mine == values) | (np.isnan(mine) & np.isnan(values))))
        if differs.size:
            place = int(differs[0])
            found.append(
                f"model.csv, bar at {utc(followed.model.open_time_ms(place))}: {name} is {float(mine[place])!r}; its"
                f" bars give {float(values[place])!r} ({differs.size} of {values.size} bars differ)"
            )
    return _limited(found)


def _limited(found: list[str]) -> list[str]:
    more = len(found) - MOST_SAID
    return found if more <= 0 else [*found[:MOST_SAID], f"and {more} more"]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


def against_store(pack: ProofPack, stored: Decision | None) -> list[str]:
    """What differs between the pack's decision and the one of a store."""
    values: Json = pack.record["decision"]
    if stored is None:
        return [f"the store has no decision of run {values['run_id']} at {utc(values['bar_ms'])}"]
    pairs = ((name, values[name], value) for name, value in dataclasses.asdict(stored).items())
    return [
        f"the decision's {name} is {mine!r}; stored is {theirs!r}" for name, mine, theirs in pairs if mine != theirs
    ]
