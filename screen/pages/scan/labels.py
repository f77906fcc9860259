"""A scan's result as text and rows: the numbers of pairs tested, found and confirmed. Pure."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from engine.market.intervals import interval_name
from engine.scan.request import ScanState
from engine.store.scans import ScanSummary
from screen.components.formatting import Item, duration
from screen.components.tables import Cell
from services.export.scan import scan_rows

Result = dict[str, Any]
EXCLUSIONS = {
    "SHORT_HISTORY": "too few bars",
    "MISSING_BARS": "too many bars without a trade",
    "BAD_PRICE": "an invalid price",
    "CONSTANT": "the price never changes",
    "RARELY_MOVES": "the price rarely changes",
    "ILLIQUID": "too little volume",
    "ONE_LINE": "one leg is the other",
    "CONSTANT_LEG": "a leg does not move",
    "TOO_MANY_LAGS": "more test lags than the bars allow",
    "DEPENDENT_LAGS": "a regression without a solution",
}
_CONTROLS = {"bh": "Benjamini-Hochberg", "by": "Benjamini-Yekutieli"}
MOST_EXCLUDED = 1_000  # that are listed
LUCK = 0.05  # share of unrelated pairs that pass the 5 % value


def progress(state: ScanState) -> tuple[str, float]:
    """The text below the buttons, and the progress in percent."""
    if state.phase == "running":
        counted = f" {state.done:,} of {state.total:,}" if state.total > 1 else ""
        if state.stage == "correlating":  # the last step, without progress
            return "tested; correlating the most liquid symbols …", 100.0
        share = state.done / state.total if state.total else 0.0
        return f"{state.stage}{counted} …", 100.0 * share
    said = {"cancelled": "Cancelled; nothing was stored.", "failed": f"Not done: {state.problem}."}
    return said.get(state.phase, ""), 0.0


def verdict(result: Result) -> Item:
    """The headline: the pairs that survived."""
    settings = json.loads(result["settings"])
    found, confirmed = result["found"], result["confirmed"]
    level = f"q ≤ {settings['false_share']:g}"
    if not result["tests"]:
        return Item("Nothing was tested.", "Fewer than two symbols passed the filters.", "warn")
    if not found:
        q = min(pair[_q_name(settings)] for pair in result["pairs"])
        return Item("None found.", f"No pair has {level}; the smallest q is {q:.3g}.", "warn")
    if not settings["holdout"]:
        return Item(f"{found} found, none confirmed.", f"{level}; nothing was held out to confirm them on.", "warn")
    found_at = f"{_pairs(found)} found at {level}"
    if not confirmed:
        return Item("None survived.", f"{found_at}, and none of them was confirmed.", "warn")
    return Item(f"{_pairs(confirmed)} survived.", f"{found_at}, {confirmed:,} of them confirmed.", "good")


def detail(result: Result) -> str:
    """The number of tests, and the number that chance alone would pass."""
    settings, width_ms = json.loads(result["settings"]), result["interval_ms"]
    tests, bars, held = result["tests"], result["bars"], result["holdout_bars"]
    parts = [
        f"{tests:,} tests on {len(result['symbols'])} symbols, {bars:,} bars of {interval_name(width_ms)}"
        f" ({duration(bars * width_ms / 1_000)}), up to {moment(result['from_ms'] + bars * width_ms)}; {held:,} newer"
        " bars held out.",
        f"{result['passed']:,} pass the 5 % value, where luck alone gives about {_count(LUCK * tests)}.",
        f"False finds by {_CONTROLS[settings['control']]}.",
        *_sources(result),
    ]
    if explained := result.get("explained", 0):  # results stored by earlier versions have none
        parts.append(f"{_pairs(explained)} more with as small a q: a stronger find has one of the legs.")
    if result["holes"]:
        parts.append(f"Trades are missing of {', '.join(result['holes'])}: bars next to a gap may be wrong.")
    if len(result["pairs"]) < tests:
        parts.append(f"The {len(result['pairs']):,} pairs with the smallest statistic are kept.")
    return " ".join(parts)


def _sources(result: Result) -> list[str]:
    """Where the bars came from. Results of before say nothing of it: theirs were made from trades."""
    said = []
    if result.get("fetched"):
        said.append(f"The {result['fetched']} most liquid symbols were asked for.")
    if result.get("candles"):
        said.append(f"{result['candles']:.0%} of the prices are closes of the exchange's candles: last prices.")
    lacking = result.get("not_fetched") or []
    if lacking:
        names = ", ".join(symbol for symbol, _ in lacking[:5]) + (" and others" if len(lacking) > 5 else "")
        said.append(f"Not all candles of {names} could be fetched: {lacking[0][1]}.")
    return said


def rows(result: Result) -> list[dict[str, Any]]:
    """The table: one row a pair, the smallest statistic first."""
    return [{"id": f"{pair['y']} ~ {pair['x']}", **pair} for pair in scan_rows(result)]


def excluded_rows(result: Result) -> list[list[Cell]]:
    """What was excluded, and why: the first of them."""
    return [
        [
            ("Symbol or pair", name, "pair"),
            ("Reason", code, ""),
            ("What it is", f"{EXCLUSIONS[code]}: {detail}" if detail else EXCLUSIONS[code], ""),
        ]
        for name, code, detail in result["excluded"][:MOST_EXCLUDED]
    ]


def excluded_head(result: Result) -> str:
    """The number of exclusions."""
    count = len(result["excluded"])
    listed = f"; the first {MOST_EXCLUDED:,} are listed" if count > MOST_EXCLUDED else ""
    return "nothing was left out" if not count else f"{count:,} left out; they were not tested{listed}"


def summary(scan: ScanSummary) -> str:
    """One line in the list of earlier scans."""
    width = interval_name(scan.interval_ms)
    return (
        f"{moment(scan.at_ms)} · {scan.market} · {width} · {scan.tests:,} tests · {scan.found} found ·"
        f" {scan.confirmed} survived"
    )


def moment(time_ms: int) -> str:
    """A time for display, to the minute.

    >>> moment(1790046465580)
    '2026-09-22 03:07 UTC'
    """
    return datetime.fromtimestamp(time_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _count(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _q_name(settings: dict[str, Any]) -> str:
    return "q_value" if settings["control"] == "bh" else "q_value_by"


def _pairs(count: int) -> str:
    return "1 pair" if count == 1 else f"{count:,} pairs"
