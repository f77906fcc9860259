"""The drawer's tables and actions: presets side by side, earlier runs, what a draft would have done, apply and undo."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dash import no_update

from engine.market.paper_result import PaperResult
from engine.pairs.settings import classic, defended
from screen.components import ids
from screen.pages.pair.settings_callbacks import _base, apply_form, summary, take_back
from screen.pages.pair.settings_fields import FORM
from screen.pages.pair.settings_form import form_values
from screen.pages.pair.settings_tables import preset_table, run_list, trial_view
from services.pairs import PairService
from services.run_history import RunRecord, changes
from services.settings_trial import TrialState
from services.settings_trial_job import DAY_MS, Outcome, TrialResult
from tests.engine.pairs.markets import SETTINGS, T0, make_ticks
from tests.live.test_monitor import Harness
from tests.screen.test_shell import text_of

NOW = defended(entry_z=2.5)
DRAFT = replace(NOW, entry_z=2.0)
OUTCOME = Outcome(17_280, 12, 11, 640, -3.456)


def cells(table: Any) -> list[list[str]]:
    return [[text_of(cell) for cell in row.children] for part in table.children for row in _rows(part)]


def _rows(part: Any) -> list[Any]:
    return part.children if isinstance(part.children, list) else [part.children]


def test_presets_stand_beside_the_settings_in_force_with_what_differs_marked() -> None:
    table, equal, measured = preset_table(NOW)
    head, *rows = cells(table)
    assert head[:2] == ["Setting", "Now"] and head[2].startswith("Classic") and head[3].startswith("Defended")
    by_name = {row[0]: row[1:] for row in rows}
    assert by_name["Entry |z|"] == ["2.5 σ", "≠  2 σ", "≠  2 σ"]
    assert by_name["z window"] == ["auto", "≠  50 bars", "auto"]
    assert "Bars" not in by_name and "Hedge" not in by_name, "a preset leaves these two as they are"
    differing = changes(NOW, classic()).keys() | changes(NOW, defended()).keys()
    assert len(rows) == len(differing) and f"The other {len(FORM) - len(rows)} settings" in text_of(equal)
    assert "classic loses 5.9 %" in text_of(measured)
    buttons = [component.id for component in table._traverse() if getattr(component, "id", None)]
    assert buttons == [ids.take("classic"), ids.take("defended")]


def test_earlier_runs_say_when_why_and_what_changed() -> None:
    result = PaperResult("r1", T0, T0 + 60_000, -12.5, 4.0, 1.0, 0.0, 0.0, 3, 1)
    runs = [
        RunRecord("r3", T0 + 90_000, T0, "", "", DRAFT, changes(NOW, DRAFT)),
        RunRecord("r2", T0 + 80_000, T0, "gap", "BTCUSDT was silent", NOW, {}),
        RunRecord("r1", T0, T0, "settings", "", NOW, None, result),
        RunRecord("r0", T0, T0, "code", "", None),
    ]
    (listed,) = run_list(runs)
    now, silent, first, unreadable = (text_of(each) for each in listed.children)
    assert "running now" in now and "Entry |z| 2.5 → 2 σ" in now and "Return to" not in now
    assert "ended by a gap in the data: BTCUSDT was silent" in silent and "the same settings as the run" in silent
    assert "2026-09-22 03:00:00 UTC" in first and "last bar  2026-09-22 03:01:00 UTC" in first.replace(", ", " ")
    assert "3 trades, realised" in first and "-12.50" in first and "Return to these settings" in first
    assert "entered from" in first and "replayed" not in first and "counted by" not in first
    assert "cannot be read" in unreadable and "Return to" not in unreadable
    assert "No run yet" in text_of(run_list([])[0])


def test_an_earlier_run_says_what_it_replayed_and_what_another_run_counted() -> None:
    """The first run began over an hour of stored bars; the next began over the same ones and counts what came later."""
    first = PaperResult("r1", T0 - 3_600_000, T0 + 60_000, 9.0, 4.0, 1.0, 0.0, 0.0, 3, 1)
    later = PaperResult("r2", T0 + 60_000, T0 + 120_000, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0)
    runs = [
        RunRecord("r2", T0 + 60_000, T0 - 3_600_000, "settings", "", DRAFT, {}, later),
        RunRecord("r1", T0, T0 - 3_600_000, "settings", "", NOW, None, first),
    ]
    (listed,) = run_list(runs)
    second, oldest = (" ".join(text_of(each).split()) for each in listed.children)
    assert "entered from 2026-09-22 02:00:00 UTC on, replayed up to its begin" in oldest.replace(" , ", " ")
    assert "counted by an earlier run" not in oldest
    assert "0 trades" in second and "bars before were counted by an earlier run" in second and "replayed" not in second


@pytest.mark.parametrize(
    ("state", "draft", "says"),
    [
        (None, DRAFT, "Another comparison was started"),
        (TrialState("running", "sim", "Y", "X", DRAFT), DRAFT, "Both settings run"),
        (TrialState("late", "sim", "Y", "X", DRAFT), DRAFT, "Not done within 45 s"),
        (TrialState("failed", "sim", "Y", "X", DRAFT, problem="no bars"), DRAFT, "Not done: no bars."),
        (TrialState("done", "sim", "Y", "X", DRAFT, TrialResult(0, 1, OUTCOME, OUTCOME)), NOW, "have changed since"),
    ],
)
def test_a_comparison_says_where_it_is(state: TrialState | None, draft: Any, says: str) -> None:
    assert says in text_of(trial_view(state, draft)[0])


def test_a_comparison_has_both_settings_side_by_side() -> None:
    found = TrialResult(T0 - DAY_MS, T0, OUTCOME, replace(OUTCOME, entries=20, exits=20, net=7.5))
    said, table = trial_view(TrialState("done", "sim", "Y", "X", DRAFT, found), DRAFT)
    assert "Over the last day,  17,280 bars of 5s" in text_of(said)
    assert cells(table) == [
        ["", "Now", "Draft"], ["Entries", "12", "20"], ["Exits", "11", "20"],
        ["In position", "640 bars, 4%", "640 bars, 4%"], ["Net after costs, quote", "-3.46", "+7.50"],
    ]  # fmt: skip
    assert [tone for each in table._traverse() if (tone := getattr(each, "data-tone", None))] == ["down", "up"]
    short = replace(found, draft=replace(OUTCOME, bars=300))
    *_, note = trial_view(TrialState("done", "sim", "Y", "X", DRAFT, short), DRAFT)
    assert "decides nothing before 500 bars" in text_of(note)


def test_all_errors_are_summed_up_with_ways_to_their_fields() -> None:
    head, *jumps = summary({ids.EXIT: "Exit is 3.", ids.FEE: "Fee is -1."})
    assert text_of(head) == "2 settings need a change:" and [text_of(each) for each in jumps] == [
        "Exit is 3.", "Fee is -1.",
    ]  # fmt: skip
    assert [each.to_plotly_json()["props"]["data-field"] for each in jumps] == [ids.EXIT, ids.FEE]
    assert summary({}) == []


@pytest.fixture
async def pairs(tmp_path: Path) -> AsyncIterator[PairService]:
    harness = await Harness.open(tmp_path)
    await harness.write(make_ticks(1)[:400])
    harness.read_all()
    yield PairService(harness.monitor, SETTINGS, lambda: None)
    harness.monitor.close()
    await harness.writer.close()


async def test_apply_begins_a_run_and_undo_takes_it_back(pairs: PairService) -> None:
    watch_id = pairs.first()
    before, _ = await _base(pairs, watch_id)
    assert before["key"] == "/pair/sim/YUSDT~XUSDT" and before["title"] == "Settings of YUSDT ~ XUSDT"
    assert before["values"] == dict(zip(FORM, form_values(SETTINGS), strict=True))
    assert apply_form(pairs, watch_id, {}, before["values"]) == ("These are its settings already.", no_update)
    said, kept = apply_form(pairs, watch_id, {}, before["values"] | {ids.EXIT: "9", ids.FEE: "-1"})
    assert said.startswith("Not applied") and kept is no_update
    said, applied = apply_form(pairs, watch_id, {"other": "{}"}, before["values"] | {ids.ENTRY: "1.9"})
    assert "A new run has begun" in said and list(applied) == ["other", before["key"]]
    changed, _ = await _base(pairs, watch_id)
    assert changed["values"] == before["values"] | {ids.ENTRY: 1.9}
    said, left = take_back(pairs, watch_id, applied)
    assert said == "YUSDT ~ XUSDT is as it was." and left == {"other": "{}"}
    assert (await _base(pairs, watch_id))[0] == before
    assert take_back(pairs, watch_id, left) == ("Nothing to undo.", no_update)
    assert apply_form(pairs, 99, {}, before["values"]) == ("No pair is chosen.", no_update)
    assert (await _base(pairs, 99))[0]["key"] == "", "the settings of a new pair"
