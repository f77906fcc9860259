"""The page of alerts: tables, texts and callbacks over a store in which a pair has traded."""

from __future__ import annotations

import doctest
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from dash import Dash, no_update

from engine.alerts.budget import Budget
from engine.alerts.rule_json import rule_from_json, rule_to_json
from engine.alerts.rules import AlertRule, Condition
from engine.store.sqlite.alerts import SqliteOutbox
from screen.pages.alerts import callbacks, channel_callbacks, channels, editing, editor_callbacks, figures, ids, labels
from screen.pages.alerts.editing import opened, saved, whole_json
from screen.pages.alerts.editor import tree_panel
from screen.pages.alerts.fields import FORM
from screen.pages.alerts.form import controls_of, form_of
from screen.pages.alerts.layout import alerts_page
from screen.pages.alerts.live import RulesNow, alert_news
from screen.pages.alerts.tree import Node
from services.alert_channels import Channel
from services.delivery.senders import KINDS
from tests.live.test_monitor import Harness
from tests.screen.test_alert_forms import controls_of as tree_controls
from tests.screen.test_signals_page import rows_of, text_of
from tests.services.test_alerts import FAR, PAIR, World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    harness = await Harness.open(tmp_path)
    made = World(harness)
    await made.read(0, 8_000)
    yield made
    harness.monitor.close()
    await harness.writer.close()


def press(monkeypatch: pytest.MonkeyPatch, what: Any, **lists: Any) -> None:
    """The callback was called by a press on this."""
    for module in (callbacks, editor_callbacks):
        monkeypatch.setattr(module, "ctx", SimpleNamespace(triggered_id=what, **lists))
    monkeypatch.setattr(editor_callbacks, "was_clicked", lambda: True)


def lists_of(tree: Node) -> list[list[dict[str, Any]]]:
    """Choices and numbers as Dash gives them."""
    every = [{"id": {"path": path, "part": part}, "value": value} for path, part, value in tree_controls(tree)]
    numbers = ("threshold", "upper", "hysteresis", "window")
    return [[each for each in every if (each["id"]["part"] in numbers) is wanted] for wanted in (False, True)]


def test_the_doctests() -> None:
    assert doctest.testmod(labels).failed == 0


def test_every_control_of_the_callbacks_is_on_the_page() -> None:
    app = Dash("page", suppress_callback_exceptions=True)
    nothing: Any = None
    callbacks.register_alerts(app, nothing, nothing)
    page = json.dumps(alerts_page().to_plotly_json(), default=lambda each: each.to_plotly_json())
    named = {part["id"] for each in app.callback_map.values() for part in (*each["inputs"], *each["state"])}
    named |= {part.rpartition(".")[0] for each in app.callback_map for part in each.strip(".").split("...")}
    plain = {name.split("@")[0] for name in named if not name.startswith("{")}
    assert len(plain) > 20
    assert [name for name in sorted(plain - {""}) if f'"id": "{name}"' not in page] == []


async def test_rules_and_alerts_are_listed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    press(monkeypatch, None)
    rows, chosen, seen = await callbacks._show_rules(world.service, None, None, None, None)
    assert "No rule yet" in text_of(rows) and len(chosen) == 1
    made = world.service.create(FAR | {"cap_per_day": 50})
    rows, chosen, seen = await callbacks._show_rules(world.service, None, None, None, seen)
    (row,) = rows_of(rows)
    assert row[1] == "far" and row[2].startswith("When |z| of any watched pair goes beyond 1.2")
    assert row[4] == "armed" and ("to go" in row[5] or "true now" in row[5]) and row[6] == "0 of 50"
    assert chosen[1] == {"label": "far", "value": made.rule_id}
    await world.read(8_000, 12_000)
    assert await callbacks._show_rules(world.service, None, None, None, seen) == (no_update,) * 3, (
        "alerts change no rule"
    )
    shown, said, no_newer, no_older, place = await callbacks._show_history(
        world.service, None, None, "any", "any", 0, 0, None
    )
    alerts = world.service.history()
    assert said == f"{len(alerts)} shown" and no_newer and no_older and place == {"before": None, "next": None}
    first = rows_of(shown)[0]
    assert (
        first[1:4] == ["warning", "far", "YUSDT ~ XUSDT"]
        and first[4].startswith("z ")
        and first[5] == "a deleted channel: given up"
    )
    assert "Acknowledge" in first[6] and "Snooze rule 1 h" in first[6]
    none = await callbacks._show_history(world.service, None, None, made.rule_id, "info", 0, 0, None)
    assert "No alert passes this filter" in text_of(none[0])


async def test_buttons_do_what_they_say(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    service = world.service
    rule_id = service.create(FAR).rule_id
    await world.read(8_000, 12_000)

    async def pressed(button: dict[str, Any]) -> tuple[Any, Any, Any]:
        return await callbacks._act(service, button)

    assert (await pressed(ids.act("enable", rule_id)))[0] == "far is off."
    assert not service.rule(rule_id).rule.enabled
    assert (await pressed(ids.act("snooze-8", rule_id)))[0] == "Nothing is sent of far: 8 h."
    assert service.rule(rule_id).snoozed_ms > callbacks.now_ms() + 7 * callbacks.HOUR_MS
    await pressed(ids.act("wake", rule_id))
    assert service.rule(rule_id).snoozed_ms == 0
    alert_id = service.history()[0].alert.alert_id
    await pressed(ids.snooze(alert_id, rule_id))
    assert service.rule(rule_id).snoozed_ms > callbacks.now_ms()
    assert (await pressed(ids.seen(alert_id)))[0] == "Acknowledged."
    assert service.history()[0].alert.acknowledged_ms
    assert await pressed(ids.act("edit", rule_id)) == (no_update,) * 3, "that opens the editor"
    press(monkeypatch, ids.PRESSED)
    shown = await editor_callbacks._open(service, None, [], ids.act("edit", rule_id), None)
    assert shown[:2] == (False, "Edit far")
    for other in (ids.seen("an alert"), ids.act("delete", rule_id)):
        assert set(await editor_callbacks._open(service, None, [], other, None)) == {no_update}
    said, undo, _ = await pressed(ids.act("delete", rule_id))
    assert said.startswith("far is deleted") and service.rules() == []
    assert (await callbacks._undo(service, 1, undo))[0] == "far is as it was, and begins anew."
    assert [each.rule_id for each in service.rules()] == [rule_id]
    world.is_owner = False
    assert (await pressed(ids.act("delete", rule_id)))[0] == "Not done: view only."
    assert (await pressed(ids.act("delete", "gone")))[0].startswith("Not done: there is no alert rule")


async def test_a_change_is_taken_back_as_a_whole(world: World) -> None:
    made = world.service.create(FAR | {"cooldown_s": 60.0, "schedule": {"days": [0, 1]}})
    after = AlertRule("near", Condition("z", "above", 1.0), expires_ms=1_900_000_000_000, channels=("mail",))
    said, undo = saved(world.service, after, {"rule_id": made.rule_id})
    assert said == "near is changed." and world.service.rule(made.rule_id).rule == after
    assert undo is not None
    assert callbacks.taken_back(world.service, undo).rule == made.rule
    assert rule_from_json(whole_json(made.rule)) == made.rule


async def test_the_editor_opens_edits_checks_and_saves(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    service = world.service
    filled = dict(
        zip([str(each) for each in editor_callbacks._OPENED], opened(service, {"name": "price"}), strict=True)
    )
    assert filled["alerts-editor.hidden"] is False and filled["alerts-subject.value"] == "symbol|sim|YUSDT"
    assert [each["value"] for each in filled["alerts-subject.options"]] == [
        "watched", PAIR, "symbol|sim|YUSDT", "symbol|sim|XUSDT",
    ]  # fmt: skip
    edited = filled["alerts-edited.data"]
    tree = form_of(rule_from_json(edited["rule"])).tree
    controls = [*controls_of(form_of(rule_from_json(edited["rule"]))), []]
    picks, numbers = lists_of(tree)
    press(monkeypatch, ids.change("add", "0"), inputs_list=[[], picks, {}], states_list=[numbers, {}])
    panel, drawn = await editor_callbacks._edit([1], [], "symbol|sim|YUSDT", [], filled["alerts-shape.data"])
    assert drawn == [[["price", "crosses"], ["z", "above"]], True] and "Remove" in text_of(panel)
    press(monkeypatch, "alerts-subject", inputs_list=[[], picks, {}], states_list=[numbers, {}])
    shape = filled["alerts-shape.data"]
    assert await editor_callbacks._edit([], [], "symbol|sim|YUSDT", [], shape) == (no_update, no_update)
    places = [{"id": ids.fault("threshold", "0-0")}]
    numbers[0]["value"] = "much"
    press(monkeypatch, None, inputs_list=[picks, numbers], outputs_list=[{}, places], states_list=[picks, numbers])
    said, summary, *_, faults = await editor_callbacks._check(*controls, [], [], edited, None)
    assert (said, summary) == (no_update, "1 to change: the conditions.")
    assert faults == ["The level is 'much'; expected a number."]
    kept = await editor_callbacks._save(service, 1, *controls, [], [], edited)
    assert kept[1] == "Not saved: 1 to change: the conditions." and service.rules() == []
    numbers[0]["value"] = "100"
    kept = await editor_callbacks._save(service, 1, *controls, [], [], edited)
    assert kept[0] is True and kept[2].startswith("price is added")
    assert service.rules()[0].rule.when == Condition("price", "crosses", 100.0)


async def test_budget_and_preview(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.read(8_000, 16_000)
    rule = rule_from_json(FAR | {"scope": {"kind": "pair", "market": "sim", "y": "YUSDT", "x": "XUSDT"}})
    form = form_of(rule)
    picks, numbers = lists_of(form.tree)
    press(monkeypatch, None, inputs_list=[picks, numbers], states_list=[picks, numbers])
    given = [*controls_of(form), ["phone"], [], [], {"rule_id": None, "rule": rule_to_json(rule)}]
    *same, kept = await editor_callbacks._solve(world.service, 1, *given, "400", None)
    assert same == [no_update] * 4 and "are stored: too short to tell how often it would fire" in kept
    assert "The level is left as it is: at most 400 alerts a day came there from " in kept
    monkeypatch.setattr(Budget, "is_telling", True)
    solved = await editor_callbacks._solve(world.service, 1, *given, "400", None)
    assert solved[4].startswith("Level of z was -1.2 to 1.2, is now ") and int(solved[2]) >= 400
    after = rule_from_json(solved[3]["rule"])
    assert after.budget_per_day == 400.0 and isinstance(after.when, Condition) and after.when != rule.when
    assert len(f"{after.when.upper:g}") <= 8
    refused = await editor_callbacks._solve(world.service, 1, *given, "0", None)
    assert refused[4] == "Not solved: a budget of 0.0 alerts a day; expected above 0."
    parts, edited = await editor_callbacks._preview(world.service, 1, *given)
    assert edited == given[-1] | {"is_replayed": True}
    assert "of stored bars it would have fired" in text_of(parts[0]) and "z reverted" in text_of(parts[0])
    assert "There are no more bars to replay: less than a week." in text_of(parts[0])
    marks = [each for each in parts[-2].figure["data"] if each["mode"] == "markers"]
    (trial,) = world.service.trials(rule_to_json(rule))
    listed = rows_of(parts[-1])
    assert len(listed) == min(len(trial.preview.alerts), 20) and listed[0][1] == f"{trial.preview.alerts[-1].z:+.2f}"
    assert sum(len(each["x"]) for each in marks) == len(trial.preview.alerts)


async def test_what_is_said_of_a_level_goes_as_it_is_changed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    form = form_of(AlertRule("far", Condition("z", "above", 2.0), cap_per_day=5))
    edited = {"rule_id": None, "rule": rule_to_json(AlertRule("far", Condition("z", "above", 2.0), cap_per_day=5))}
    picks, numbers = lists_of(form.tree)
    press(monkeypatch, None, inputs_list=[picks, numbers])

    async def after(given: list[Any]) -> tuple[Any, Any]:
        return await editor_callbacks._outdate(*given, [], [], edited)

    controls = [*controls_of(form), []]
    assert await after(controls) == (no_update, no_update), "nothing was solved or replayed"
    edited["is_solved"] = True
    assert await after(controls) == (no_update, no_update)
    renamed = [*controls_of(form_of(AlertRule("x", Condition("z", "above", 2.0), cap_per_day=5))), []]
    assert (await after(renamed))[0] is no_update
    capped = [*controls_of(form_of(AlertRule("far", Condition("z", "above", 2.0), cap_per_day=6))), []]
    edited["is_replayed"] = True
    said, replayed = await after(capped)
    assert said == "" and replayed.children == editor_callbacks.OUTDATED
    numbers[0]["value"] = "2.1"
    assert (await after(controls))[0] == ""
    press(monkeypatch, editor_callbacks.NAME.id, inputs_list=[picks, numbers])
    assert (await after(renamed))[1] is no_update, "the name does not change what it would have done"


def test_a_rate_is_stated_only_where_the_time_can_tell_it_and_the_cap_allows_it() -> None:
    rule = AlertRule("far", Condition("z", "above", 2.0), cap_per_day=3, budget_per_day=2.0)
    found = Budget(rule, 2.0, 2.0, 1.9, 1.5, 2.4, "empirical", 19, 10.0, 3)
    assert labels.budget(found).startswith("1.9 alerts a day expected, 95 % interval 1.5 to 2.4; by counting over 10")
    wide = labels.budget(replace(found, expected=4.0, high=5.5))
    assert wide.startswith("3 alerts a day expected, 95 % interval 1.5 to 3; the daily limit of 3 would hold back")
    for little in (replace(found, days=0.13), replace(found, high=6.1)):
        said = labels.budget(little)
        assert said.startswith("Only ") and "too short to tell" in said and "expected" not in said
    many = labels.budget(replace(found, per_day=1.0, expected=0.5, low=0.4, high=0.9))
    assert many.startswith("1 alerts a day expected on 2 pairs, if all are like the one with the most bars")


def test_the_preview_says_what_costs_it_goes_by() -> None:
    assert "that the pair has now" in labels.costs(AlertRule("x", Condition("z_costs", "above", 2.0)))


async def test_screens_are_told_what_has_changed(world: World) -> None:
    rule_id = world.service.create(FAR).rule_id
    await world.read(8_000, 12_000)
    news = alert_news(world.service.board.news())
    assert news["unseen"] == len(world.service.history()) and len(news["newest"]) == 3
    assert (
        news["newest"][0]["path"] == "/pair/sim/YUSDT~XUSDT"
        and news["newest"][0]["said"].partition(": z ")[0].removeprefix("SHORT ").removeprefix("LONG ")
        == "YUSDT against XUSDT"
    )
    texts = RulesNow(world.service)
    assert texts.texts() is texts.texts(), "composed once for each change"
    assert set(texts.texts()[rule_id]) == {"phase", "distance", "today"}
    assert alert_news(world.service.board.news()) == news, "nothing to send"


async def test_channels_are_offered_where_there_are_some(world: World) -> None:
    rule = AlertRule("x", Condition("z", "above", 2.0), channels=("phone", "gone"))

    class Some:
        def channels(self) -> list[Channel]:
            return [Channel("phone", "My phone", "ntfy, works")]

        def advice(self) -> str:
            return "Add more in a file."

    world.service.channels = Some()
    assert editing.channel_options(world.service, rule) == [
        {"label": "My phone", "value": "phone"}, {"label": "gone (not set up)", "value": "gone"},
    ]  # fmt: skip


async def test_where_a_rule_goes_is_said_when_it_is_saved_and_on_its_card(world: World) -> None:
    added = world.channels.add({"name": "my phone", "kind": "ntfy", "address": "ntfy://topic-of-mine"})
    channel_id = added.view.channel_id
    phone = {"label": "my phone", "value": channel_id}
    assert await editor_callbacks._offer(world.service, 1, [], []) == ([phone], [channel_id], ""), "a new one is ticked"
    assert await editor_callbacks._offer(world.service, 1, [phone], []) == ([phone], [], ""), "a known one is not"
    new: dict[str, Any] = {"rule_id": None}
    rule = AlertRule("told", Condition("z", "above", 2.0), channels=(channel_id,))
    assert saved(world.service, rule, new)[0] == "told is added, and looks at every bar from now on."
    said, _ = saved(world.service, AlertRule("quiet", Condition("z", "above", 2.0)), new)
    assert said.endswith("It goes to this screen only: no channel is ticked in it.")
    rows, _, seen = await callbacks._show_rules(world.service, None, None, None, None)
    told, quiet = rows_of(rows)
    assert told[2].endswith("goes to: my phone") and quiet[2].endswith("goes to: this screen only")
    world.channels.remove(channel_id)
    rows, *_ = await callbacks._show_rules(world.service, None, None, 1, seen)
    assert rows_of(rows)[0][2].endswith("goes to: a deleted channel")
    choices, _, missing = await editor_callbacks._offer(world.service, 2, [phone], [])
    assert choices == [] and "this screen only" in missing


async def test_the_history_names_channels_and_says_how_far_messages_are(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    press(monkeypatch, None)
    added = world.channels.add({"name": "my phone", "kind": "ntfy", "address": "ntfy://topic-of-mine"})
    world.service.create(FAR | {"channels": [added.view.channel_id]})
    await world.read(8_000, 12_000)
    first, seen = await callbacks._look_at_sent(world.service, 1, None)
    assert first is not no_update and seen and {each[1] for each in seen} == {"pending"}
    assert await callbacks._look_at_sent(world.service, 2, seen) == (no_update, no_update)
    outbox = SqliteOutbox(world.harness.folder / "analysis.db")
    (row,) = outbox.of_alerts([world.service.history()[0].alert.alert_id])
    outbox.keep_attempts([replace(row, attempts=1, next_at_ms=1_767_323_040_000, error="answered 500")])
    changed, _ = await callbacks._look_at_sent(world.service, 3, seen)
    assert changed is not no_update
    shown, *_ = await callbacks._show_history(world.service, None, None, "any", "any", 0, 0, None)
    states = [each[5] for each in rows_of(shown)]
    assert states[0] == "my phone: waits, next try from 2026-01-02 03:04:00 UTC on: answered 500"
    assert set(states[1:]) == {"my phone: waits"}


async def test_channels_are_added_tested_deleted_and_taken_back(world: World) -> None:
    services = world.channels
    empty = await channel_callbacks._show(services, world.service, None)
    assert "Add one below, and tick it in the rules" in text_of(empty)
    refused = await channel_callbacks._add(services, 1, "webhook", "desk", "http://10.0.0.1/t0ken", "", *[""] * 5)
    assert refused[0].startswith("Not added: ") and "t0ken" not in refused[0] and refused[1] is no_update
    for typed in (
        ("webhook", "desk", "https://desk.example.org/t0ken", "", *[""] * 5),
        ("email", "mail", "you@example.org", "passw0rd", "smtp.example.org", "", "me", "me@example.org", "starttls"),
        ("ntfy", "phone", "ntfy://topic-of-mine", "left out", *["left out"] * 5),
    ):
        fault, said, changed, *cleared = await channel_callbacks._add(services, 1, *typed)
        assert fault == "" and changed and cleared == ["", "", ""]
        assert ("shown this once" in text_of(said)) == (typed[0] == "webhook")
        assert ("read as: ntfy topic …ne at ntfy.sh" in text_of(said)) == (typed[0] == "ntfy")
    shown = text_of(await channel_callbacks._show(services, world.service, None))
    assert all(each in shown for each in ("desk", "mail", "phone")) and "t0ken" not in shown and "topic-of" not in shown
    views = {each.name: each for each in services.channels()}
    assert views["mail"].options == {"host": "….example.org", "port": "587", "tls": "starttls", "user": "••••••",
                                     "sender": "m…@example.org"}  # fmt: skip
    pressed = {"what": "delete", "channel": views["desk"].channel_id}
    assert await channel_callbacks._offer_undo(None)
    said, _, removed = await channel_callbacks._act(services, pressed)
    assert said == "desk is deleted; what waits for it is given up." and removed == views["desk"].channel_id
    assert (await channel_callbacks._act(services, pressed))[0].startswith("Not done: there is no channel")
    assert (await channel_callbacks._put_back(services, 1, removed))[0] == "desk is back."
    assert services.channels()[-1] == views["desk"]
    assert (await channel_callbacks._put_back(services, 1, removed))[0].startswith("Not done: the removed channel")
    assert channel_callbacks.wanted_of(("ntfy", "n", "a", "left out", *["left out"] * 5)) == {
        "name": "n", "kind": "ntfy", "address": "a",
    }  # fmt: skip
    world.is_owner = False
    assert (await channel_callbacks._act(services, pressed))[0] == "Not done: view only."


def test_every_kind_of_channel_says_what_its_address_is() -> None:
    assert all(len(channels.hint(kind)) > 10 for kind in KINDS)
    assert [channels.parts_of(kind)[2:] for kind in ("webhook", "email", "slack")] == [
        (False, True), (False, False), (True, True),
    ]  # fmt: skip


def test_a_long_history_keeps_its_extremes() -> None:
    values = np.sin(np.arange(50_000.0))
    values[[123, 40_000]], values[5] = (9.0, -9.0), np.nan
    places = figures.thinned(values)
    assert places.size <= figures.MOST_POINTS and {123, 40_000} <= set(places.tolist())
    assert (np.diff(places) > 0).all()


def test_what_a_comparison_does_not_use_stays_unseen() -> None:
    panel = json.dumps(tree_panel(form_of(AlertRule("x", Condition("gate", "above", 0.5))).tree, False),
                       default=lambda each: each.to_plotly_json())  # fmt: skip
    assert panel.count('"type": "hidden"') == 5 and "is open" in panel
    assert len(FORM) == len(set(FORM))
