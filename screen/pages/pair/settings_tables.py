"""The tables of the drawer: presets side by side, earlier runs, and what a draft would have done. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from engine.market.intervals import interval_name
from engine.pairs.settings import PairSettings
from screen.components import ids
from screen.components.formatting import clock, duration, utc
from screen.pages.pair.labels import END_REASONS
from screen.pages.pair.money_line import signed
from screen.pages.pair.settings_form import PRESET_COSTS, PRESETS, field_of, in_words, shown_value
from services.run_history import RunRecord
from services.settings_trial import LIMIT_S, TrialState
from services.settings_trial_job import DAY_MS, Outcome, TrialResult

_WORDS = {"classic": "the textbook rule", "defended": "careful: windows from the half-life, entries that pay"}


def preset_table(now: PairSettings) -> list[Any]:
    """The settings in force and the presets, with what differs from those in force marked."""
    kept: dict[str, Any] = {"interval_ms": now.interval_ms, "estimator": now.estimator}
    columns = {name: make(**kept) for name, make in PRESETS.items()}
    every = [field.name for field in dataclasses.fields(PairSettings)]
    shown = [name for name in every if len({getattr(each, name) for each in (now, *columns.values())}) > 1]
    head = [html.Th("Setting", scope="col"), html.Th("Now", scope="col")]
    head += [html.Th(_preset_head(name), scope="col") for name in columns]
    rows = [
        html.Tr(
            [html.Th(field_of(name).label, scope="row"), html.Td(shown_value(name, getattr(now, name)))]
            + [_cell(name, getattr(each, name), getattr(now, name)) for each in columns.values()]
        )
        for name in shown
    ]
    equal = f"The other {len(every) - len(shown)} settings are equal in all. Bars and estimator stay as they are."
    return [
        html.Table([html.Thead(html.Tr(head)), html.Tbody(rows)]), html.P(equal, className="preset-note"),
        html.P(PRESET_COSTS, className="preset-note"),
    ]  # fmt: skip


def _preset_head(name: str) -> list[Any]:
    text = ["Take", html.Span(f" {name}", className="visually-hidden")]
    take = dbc.Button(text, id=ids.take(name), color="info", outline=True, size="sm")
    return [html.Span(name.capitalize()), html.Span(_WORDS[name], className="preset-words"), take]


def _cell(name: str, value: Any, now: Any) -> html.Td:
    text = shown_value(name, value)
    return html.Td(text) if value == now else html.Td(["≠ ", text], className="differs")


def run_list(runs: Sequence[RunRecord]) -> list[Any]:
    """The runs of a pair, the newest first, with the buttons that return to their settings."""
    if not runs:
        return [html.P("No run yet: the first begins when both legs have traded.", className="preset-note")]
    ends = {each.result.to_ms for each in runs if each.result is not None and each.end_reason}
    return [html.Ol([_run(each, ends) for each in runs], className="runs")]


def _run(run: RunRecord, ends: set[int]) -> html.Li:
    """``ends``: where the runs have counted up to."""
    is_running = not run.end_reason
    ended = "running now" if is_running else f"ended by {END_REASONS.get(run.end_reason, run.end_reason)}"
    if run.end_detail:
        ended += f": {run.end_detail}"
    when: list[Any] = [html.Strong(["began ", _time(run.began_at_ms)]), f" · {ended}"]
    if run.last_bar_ms is not None:
        when += [", last bar ", _time(run.last_bar_ms)]
    parts = [html.Div(when), html.Div(_changed(run), className="run-changed")]
    if run.result is not None and not is_running:
        trades = f"{run.result.trades} trade{'s' * (run.result.trades != 1)}"
        tone: Any = {"data-tone": "up" if run.result.realised > 0 else "down" if run.result.realised < 0 else ""}
        earned = html.Span(signed(run.result.realised), className="earned", **tone)
        parts.append(html.Div([f"{trades}, realised ", earned, " after costs", *_counted_from(run, ends)]))
    if run.settings is not None and not is_running:
        back = {"type": ids.RETURN_TO, "run": run.run_id}
        parts.append(dbc.Button("Return to these settings", id=back, color="info", outline=True, size="sm"))
    return html.Li(parts)


def _counted_from(run: RunRecord, ends: set[int]) -> list[Any]:
    """From when on its book counts: bars before may be those of an earlier run; bars before its begin it replayed."""
    if run.result is None:
        return []
    replayed = ", replayed up to its begin" if run.result.from_ms < run.began_at_ms else ""
    earlier = "; bars before were counted by an earlier run" if run.result.from_ms in ends else ""
    return [", entered from ", _time(run.result.from_ms), f" on{replayed}{earlier}"]


def _changed(run: RunRecord) -> str:
    if run.settings is None:
        return "its settings were written by another version and cannot be read"
    if run.changed is None:
        return "no earlier run to compare it with"
    return "; ".join(in_words(run.changed)) or "the same settings as the run before"


def _time(time_ms: int) -> html.Time:
    return html.Time(clock(time_ms), dateTime=utc(time_ms))


def trial_view(state: TrialState | None, draft: PairSettings | None) -> list[Any]:
    """A comparison at its present state; ``draft``: that of the form now."""
    if state is None or state.phase == "cancelled":
        return [html.P("Another comparison was started; ask again.")]
    if state.phase == "running":
        return [html.P("Both settings run through the bars of the last day …")]
    if state.phase == "late":
        return [html.P(f"Not done within {LIMIT_S:.0f} s: these settings take long. The Backtest page has the time.")]
    if state.found is None:
        return [html.P(f"Not done: {state.problem}.")]
    if draft != state.draft:
        return [html.P("The settings have changed since; ask again.")]
    return _trial_table(state.found, state.draft)


def _trial_table(found: TrialResult, draft: PairSettings) -> list[Any]:
    columns = (found.present, found.draft)
    head = html.Tr([html.Th(""), html.Th("Now", scope="col"), html.Th("Draft", scope="col")])
    rows = [
        _row("Entries", [f"{each.entries:,}" for each in columns]),
        _row("Exits", [f"{each.exits:,}" for each in columns]),
        _row("In position", [_share(each) for each in columns]),
        html.Tr([html.Th("Net after costs, quote", scope="row"), *(_net(each.net) for each in columns)]),
    ]
    span_ms = found.to_ms - found.from_ms
    head_line: list[Any] = [
        f"Over the last {'day' if span_ms == DAY_MS else duration(span_ms / 1_000)}, ",
        f"{_bars(found, draft)}, to ", _time(found.to_ms), ". An open position counts at the last bar.",
    ]  # fmt: skip
    parts: list[Any] = [html.P(head_line), html.Table([html.Thead(head), html.Tbody(rows)])]
    if found.draft.bars <= draft.calibration_bars:
        parts.append(
            html.P(f"The draft decides nothing before {draft.calibration_bars:,} bars: these are too few to compare.")
        )
    return parts


def _bars(found: TrialResult, draft: PairSettings) -> str:
    now, then = found.present.bars, found.draft.bars
    width = interval_name(draft.interval_ms)
    return f"{then:,} bars of {width}" if now == then else f"{now:,} bars now and {then:,} of {width} in the draft"


def _row(name: str, values: Sequence[str]) -> html.Tr:
    return html.Tr([html.Th(name, scope="row"), *map(html.Td, values)])


def _share(outcome: Outcome) -> str:
    bars = outcome.bars_in_position
    return f"{bars:,} bars, {bars / outcome.bars:.0%}" if outcome.bars else f"{bars:,} bars"


def _net(net: float) -> html.Td:
    tone: Any = {"data-tone": "up" if round(net, 2) > 0.0 else "down" if round(net, 2) < 0.0 else ""}
    return html.Td(signed(net), className="earned", **tone)
