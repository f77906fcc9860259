"""The words of a run: how far it is, and what can be continued. Pure."""

from __future__ import annotations

from pathlib import Path

from screen.components.formatting import clock, duration
from screen.pages.backtest.form import label_of
from services.backtest_request import FileSource
from services.backtests import BacktestState
from services.unfinished import Unfinished


def progress(state: BacktestState) -> tuple[str, float]:
    """The line at the bar, and the share in percent."""
    if state.phase == "running":
        left = "" if state.left_s is None else f", about {duration(max(1.0, state.left_s))} left"
        counted = f" {state.done:,} of {state.total:,}" if state.total > 1 else ""
        return f"{state.stage}{counted}{left} …", 100.0 * state.done / state.total if state.total else 0.0
    said = {"cancelled": "Cancelled.", "failed": f"Not done: {state.problem}.", "done": "Done."}
    return said.get(state.phase, ""), 100.0 if state.phase == "done" else 0.0


def interrupted(found: Unfinished | None) -> str:
    """What can be continued."""
    if found is None:
        return ""
    asked = found.request
    axes = ", ".join(label_of(name) for name in asked.search.axes) if asked.search else "one setting"
    text = (
        f"The backtest of {axes} on {asked.source.y} ~ {asked.source.x}, started {clock(found.begun_ms)}, has no"
        f" result: {found.done:,} of {found.total:,} cells are measured."
    )
    if isinstance(asked.source, FileSource) and not all(Path(path).exists() for path in asked.source.paths):
        return f"{text} Its files are gone: send them again and run it, and the measured cells are used."
    return text if found.is_current else f"{text} The code has changed since, so it would begin anew."
