"""The bars of a backtest from the page's controls, with every error at its control. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.backtest import walk_forward
from engine.backtest.cell_records import UNITS
from engine.backtest.clock import DAY_MS, STEPS_MS
from engine.backtest.ledger_metrics import DAILY_FROM_DAYS
from engine.errors import SettingsError
from engine.market.intervals import interval_name
from screen.components.formatting import duration
from screen.pages.backtest import ids
from screen.pages.backtest.form import Errors
from screen.pages.backtest.labels import moment
from services.backtest_request import BacktestRequest, FileSource, StoredSource
from services.backtest_sources import Offered, StoredSpan
from services.export.request import read_when

HOUR_MS = 3_600_000
_KINDS = {"bars": "bars", "ticks": "trades", "funding": "funding rates"}
STORED = (ids.MARKET, ids.Y, ids.X, ids.SPAN, ids.FROM, ids.TO)
FILES = (ids.FILE_Y, ids.FILE_X, ids.TOLD_INTERVAL, ids.TOLD_ZONE)


def stored_source(values: Mapping[str, Any], span: Mapping[str, int] | None, errors: Errors) -> StoredSource | None:
    """Stored bars; ``span``: what is stored of both legs. The end is fixed, so that a search that goes on later has the
    same bars."""
    texts = {name: str(values.get(name) or "").strip() for name in STORED}
    for name, what in ((ids.MARKET, "Market"), (ids.Y, "Y"), (ids.X, "X")):
        if not texts[name]:
            errors[name] = f"{what} is empty; expected one of the list."
    if texts[ids.Y] and texts[ids.Y] == texts[ids.X]:
        errors[ids.X] = f"Both legs are {texts[ids.Y]}; expected two symbols."
    if not errors and span is None:
        errors[ids.X] = f"Nothing is stored of {texts[ids.Y]} and {texts[ids.X]} at the same time."
    if errors or span is None:
        return None
    from_ms, to_ms = _range(texts, span, errors)
    return None if errors else StoredSource(texts[ids.MARKET], texts[ids.Y], texts[ids.X], from_ms, to_ms)


def _range(texts: Mapping[str, str], span: Mapping[str, int], errors: Errors) -> tuple[int, int]:
    first, end = span["from_ms"], span["end_ms"]
    if texts[ids.SPAN] != "own":
        hours = int(texts[ids.SPAN] or 0)
        return (max(first, end - hours * HOUR_MS) if hours else first), end
    found = {}
    for name, what, otherwise in ((ids.FROM, "From", first), (ids.TO, "To", end)):
        try:
            found[name] = read_when(texts[name], what, otherwise)
        except SettingsError as error:
            errors[name] = f"{error}."
    if errors:
        return first, end
    from_ms, to_ms = found[ids.FROM], min(found[ids.TO], end)
    if from_ms >= to_ms:
        errors[ids.TO] = f"The range is {moment(from_ms)} to {moment(to_ms)} UTC; expected an end after its start."
    return from_ms, to_ms


def walk_said(request: BacktestRequest) -> str:
    """How many parts a walk-forward over a stored range has, if one is asked for; of files, their length decides.
    Raises ValueError where not one fits."""
    walk = request.search.walk if request.search else None
    asked = request.source
    if walk is None or not isinstance(asked, StoredSource) or asked.to_ms is None:
        return ""
    clock = "daily" if asked.to_ms - asked.from_ms >= DAILY_FROM_DAYS * DAY_MS else "hourly"
    step_ms = STEPS_MS[clock]
    whole = max(1, asked.to_ms // step_ms + -asked.from_ms // step_ms)
    folds = walk_forward(
        whole, walk.train, walk.test, anchored=walk.anchored, purge=walk.purge, embargo=walk.embargo,
        unit=f"whole {UNITS[clock]}",
    )  # fmt: skip
    return f" Walk-forward in {UNITS[clock]}: {len(folds)} fold{'s' if len(folds) > 1 else ''}."


def file_source(values: Mapping[str, Any], paths: Sequence[str], errors: Errors) -> FileSource | None:
    """Bars of files."""
    y, x, interval, zone = (str(values.get(name) or "").strip() for name in FILES)
    if not paths:
        errors[ids.FILE_Y] = "No file was sent; expected files with bars of both legs."
        return None
    for name, what, chosen in ((ids.FILE_Y, "Y", y), (ids.FILE_X, "X", x)):
        if not chosen:
            errors[name] = f"{what} is empty; expected a symbol of the files."
    if y and y == x:
        errors[ids.FILE_X] = f"Both legs are {y}; expected two symbols."
    return None if errors else FileSource(tuple(paths), y, x, interval, zone)


def span_said(span: StoredSpan | None, y: str | None, x: str | None) -> str:
    """What is stored of both legs."""
    if not y or not x:
        return "Choose two symbols."
    if span is None:
        return f"Nothing is stored of {y} and {x} at the same time. Trades come with the bridge, bars with an import."
    long = duration((span.end_ms - span.from_ms) / 1_000)
    text = f"Stored: {moment(span.from_ms)} to {moment(span.end_ms)} UTC ({long})"
    widths = [
        f"{name} candles of {', '.join(map(interval_name, found))}"
        for name, found in zip((y, x), span.widths_ms, strict=True)
        if found
    ]
    return f"{text}; {'; '.join(widths)}." if widths else f"{text}, from trades."


def market_options(offered: Offered) -> list[dict[str, str]]:
    """Markets, with the number of their symbols."""
    return [
        {"label": f"{market} ({len(symbols)} symbols)", "value": market} for market, symbols in offered.symbols.items()
    ]


def watched_options(offered: Offered) -> list[dict[str, str]]:
    """Watched pairs, with the width of their bars."""
    return [
        {
            "label": f"{pair.y} ~ {pair.x} · {pair.market} · {interval_name(pair.settings.interval_ms)}",
            "value": str(number),
        }
        for number, pair in offered.watched.items()
    ]


def symbols_of(found: Mapping[str, Any]) -> list[str]:
    """The symbols with bars or trades in files that were looked through, as they were detected."""
    return sorted({symbol for file in found["files"] if file["kind"] != "funding" for symbol in file["symbols"]})


def files_said(found: Mapping[str, Any]) -> str:
    """Whether the files will do."""
    if found["questions"]:
        return "Say what is asked below, then look again."
    symbols = symbols_of(found)
    if len(symbols) >= 2:
        kinds = sorted({_KINDS[file["kind"]] for file in found["files"]})
        return f"Looked through: {' and '.join(kinds)} of {', '.join(symbols[:8])}."
    count = f"{len(symbols)} symbol{'s' if len(symbols) != 1 else ''}"
    return f"The files have {count}; expected two. Send both legs together."
