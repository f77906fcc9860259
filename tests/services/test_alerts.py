"""Alert rules through the service: made, changed, previewed, solved, snoozed, acknowledged."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.alerts.metrics import METRICS
from engine.alerts.rules import Feature
from engine.errors import NotAllowed, SettingsError
from engine.stats.checks import Floats
from engine.store.sqlite.alerts import SqliteOutbox
from runtime.secrets import write_private
from services.alerts import AlertMissing, AlertService
from services.delivery.channels import ChannelFile
from services.delivery.network import Network
from services.delivery.senders import Senders
from services.delivery.service import ChannelService
from services.delivery.shown import ShownChannels
from services.errors import problem_of
from tests.engine.pairs.markets import make_ticks
from tests.live.test_monitor import Harness

FAR: dict[str, Any] = {
    "name": "far", "when": {"metric": "z", "kind": "leaves", "threshold": -1.2, "upper": 1.2, "hysteresis": 0.3},
    "channels": ["phone"],
}  # fmt: skip
PAIR = "pair|sim|YUSDT|XUSDT"


class World:
    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.is_owner = True
        outbox = SqliteOutbox(harness.folder / "analysis.db")
        senders, file = Senders(Network()), ChannelFile(harness.folder / "channels.json", write_private)
        self.channels = ChannelService(file, senders, outbox, self.require_owner)
        shown = ShownChannels(self.channels)
        self.service = AlertService(harness.monitor, outbox, self.require_owner, shown, lambda: 1_000)
        self.ticks = make_ticks(2, 1_500)

    def require_owner(self) -> None:
        if not self.is_owner:
            raise NotAllowed("view only")

    async def read(self, start: int, stop: int) -> None:
        await self.harness.write(self.ticks[start:stop])
        self.harness.read_all()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    harness = await Harness.open(tmp_path)
    world = World(harness)
    await world.read(0, 8_000)
    yield world
    harness.monitor.close()
    await harness.writer.close()


async def test_a_rule_lives(world: World) -> None:
    service = world.service
    made = service.create(FAR)
    assert (made.revision, made.words, made.subjects) == (1, "z leaves -1.2 to 1.2", (PAIR,))
    await world.read(8_000, 10_000)
    (view,) = service.rules()
    alerts = service.history()
    assert view.today == len(alerts) >= 2 and [row.state for row in alerts[0].messages] == ["pending"]
    assert service.acknowledge(alerts[0].alert.alert_id) and not service.acknowledge(alerts[0].alert.alert_id)
    assert service.history(before=alerts[0].number, limit=1)[0].number == alerts[1].number
    assert service.change(made.rule_id, {"name": "further"}).today == view.today  # the state stays
    assert service.snooze(made.rule_id).snoozed_ms > 0
    await world.read(10_000, 12_000)
    newest = service.history()[0]
    assert newest.alert.name == "further" and newest.alert.sent_as == "snoozed" and newest.messages == ()
    service.snooze(made.rule_id, 0)
    today = service.rule(made.rule_id).today
    changed = service.change(made.rule_id, {"schedule": {"zone": "Europe/Berlin", "days": [0, 1]}})
    assert (changed.revision, changed.today, changed.hours) == (3, today, "Mon Tue Europe/Berlin")
    assert not service.enable(made.rule_id, False).rule.enabled
    count = len(service.history())
    await world.read(12_000, 13_000)
    assert len(service.history()) == count
    service.delete(made.rule_id)
    assert service.rules() == [] and len(service.history(rule_id=made.rule_id)) == count
    with pytest.raises(AlertMissing) as missing:
        service.rule(made.rule_id)
    assert problem_of(missing.value).status == 404


async def test_no_change_of_a_rule_gives_more_alerts_than_its_daily_limit(world: World) -> None:
    service = world.service
    rule_id = service.create({**FAR, "cap_per_day": 2}).rule_id
    await world.read(8_000, 9_000)
    assert service.rule(rule_id).today == 2 == len(service.history())
    service.change(rule_id, {"cooldown_s": 60.0})
    await world.read(9_000, 10_000)
    view_ms = world.harness.monitor.alerts.memory.seen_ms["sim"]
    assert service.enable(rule_id, False).today == 2, "it was on today"
    world.harness.monitor.alerts.memory.see("sim", view_ms + 86_400_000)
    assert service.rule(rule_id).today == 0, "not tomorrow"
    world.harness.monitor.alerts.memory.seen_ms["sim"] = view_ms
    service.enable(rule_id, True)
    await world.read(10_000, 11_000)
    service.delete(rule_id)
    service.undelete(rule_id)
    await world.read(11_000, 12_000)
    view = service.rule(rule_id)
    assert view.today == 2 == len(service.history()) and view.held > 0
    service.change(rule_id, {"cap_per_day": 3})
    await world.read(12_000, 13_000)
    assert service.rule(rule_id).today == 3 == len(service.history())


async def test_a_preview_and_a_budget_replay_stored_bars(world: World) -> None:
    (found,) = world.service.preview(FAR).values()
    assert len(found.alerts) >= 5 and 0 < found.reverted <= found.followed <= len(found.alerts)
    with pytest.raises(SettingsError, match="expected at least 500 for a budget"):
        world.service.budget(FAR, 100.0)
    await world.read(8_000, 13_000)
    budget = world.service.budget(FAR, 100.0)
    assert 0.0 < budget.low < budget.expected <= 100.0 == budget.rule.budget_per_day
    symbol = {"name": "moves", "scope": {"kind": "symbol", "market": "sim", "y": "XUSDT"},
              "when": {"metric": "change", "kind": "above", "threshold": 0.01, "window": 5}}  # fmt: skip
    assert list(world.service.preview(symbol)) == ["symbol|sim|XUSDT"]
    with pytest.raises(SettingsError, match="parity is not stored bar by bar"):
        world.service.preview({"name": "p", "when": {"metric": "parity", "kind": "below", "threshold": 0.5}})
    elsewhere = {**FAR, "scope": {"kind": "watched", "market": "spot"}}
    assert world.service.preview(elsewhere) == {}
    with pytest.raises(SettingsError, match="no stored bars for this rule"):
        world.service.budget(elsewhere, 2.0)


async def test_a_failed_parity_check_is_told_at_the_next_bar(world: World) -> None:
    world.service.create({"name": "p", "when": {"metric": "parity", "kind": "below", "threshold": 0.5}})
    (watch_id,) = world.harness.monitor.watches
    world.service.parity(watch_id, is_equal=True)
    await world.read(8_000, 8_200)
    assert world.service.history() == []
    world.service.parity(watch_id, is_equal=False)
    await world.read(8_200, 8_400)
    assert [each.alert.values for each in world.service.history()] == [{"parity": 0.0}]


async def test_what_is_wrong_is_refused_and_changes_nothing(world: World) -> None:
    with pytest.raises(SettingsError, match="the zone is 'Mars/Base'"):
        world.service.create({**FAR, "schedule": {"zone": "Mars/Base"}})
    made = world.service.create(FAR)
    with pytest.raises(SettingsError, match="severity is 'loud'"):
        world.service.change(made.rule_id, {"severity": "loud"})
    world.is_owner = False
    for act in (lambda: world.service.create(FAR), lambda: world.service.delete(made.rule_id),
                lambda: world.service.snooze(made.rule_id), lambda: world.service.acknowledge("a")):  # fmt: skip
        with pytest.raises(NotAllowed):
            act()
    assert world.service.rules() == [made]


async def test_a_deleted_rule_comes_back_under_its_id(world: World) -> None:
    service = world.service
    made = service.create(FAR)
    service.delete(made.rule_id)
    assert service.rules() == []
    back = service.undelete(made.rule_id)
    assert (back.rule_id, back.rule, back.revision) == (made.rule_id, made.rule, 2)
    with pytest.raises(AlertMissing, match="not kept"):
        service.undelete(made.rule_id)
    service.delete(made.rule_id)
    world.is_owner = False
    with pytest.raises(NotAllowed):
        service.undelete(made.rule_id)


async def test_the_news_count_what_waits_to_be_seen(world: World) -> None:
    service, board = world.service, world.service.board
    service.create(FAR | {"severity": "critical"})
    service.create(FAR | {"severity": "info"})
    first = board.news()
    assert (first.unseen, first.newest) == (0, ())
    await world.read(8_000, 12_000)
    news = board.news()
    given = service.history()
    urgent = service.history(severity="critical")
    assert news.version > first.version and news.unseen == len(urgent) > 0
    assert {each.alert.severity for each in given} == {"critical", "info"}
    assert {each.alert.severity for each in urgent} == {"critical"}
    assert news.newest[0] == (given[0].number, given[0].alert) and board.news() is news, "read once"
    service.acknowledge(urgent[0].alert.alert_id)
    assert board.news().unseen == len(urgent) - 1


async def test_each_rule_says_how_far_it_is_from_firing(world: World) -> None:
    service, board = world.service, world.service.board
    z = board.value(PAIR, Feature("z"))
    far: dict[str, Any] = {"name": "a", "when": {"metric": "z", "kind": "above", "threshold": z + 0.5}}
    both = {"name": "b", "when": {"all": [far["when"], {"metric": "price", "kind": "below", "threshold": 1.0}]}}
    either = {"name": "c", "when": {"any": both["when"]["all"]}}
    ids = [service.create(each).rule_id for each in (far, both, either)]
    off = service.create(far | {"enabled": False}).rule_id
    gone = service.create(far | {"expires_ms": 1_300_000_000_000}).rule_id
    other = service.create(far | {"scope": {"kind": "pair", "market": "sim", "y": "A", "x": "B"}}).rule_id
    now = {each.rule_id: each for each in board.now()}
    assert now[ids[0]].phase == "armed" and now[ids[0]].subject == PAIR
    assert now[ids[0]].missing[0].by == pytest.approx(0.5) and now[ids[0]].missing[0].value == z
    assert [each.condition.metric for each in now[ids[1]].missing] == ["z", "price"]
    assert [each.condition.metric for each in now[ids[2]].missing] == ["z"], "the nearer of the two"
    assert [now[each].phase for each in (off, gone, other)] == ["off", "expired", "no bars"]
    true = service.create(far | {"when": {"metric": "price", "kind": "above"}, "cap_per_day": 1}).rule_id
    await world.read(8_000, 9_000)
    assert {each.rule_id: (each.phase, each.missing) for each in board.now()}[true] == ("capped", ())
    service.change(true, {"cap_per_day": 0})
    await world.read(9_000, 10_000)
    assert {each.rule_id: each.phase for each in board.now()}[true] == "fired"
    service.snooze(true)
    assert {each.rule_id: each.is_snoozed for each in board.now()}[true]
    again = service.create(far | {"when": {"metric": "price", "kind": "above"}, "cooldown_s": 7_200.0}).rule_id
    await world.read(10_000, 11_000)
    paused = {each.rule_id: each for each in board.now()}[again]
    (alert,) = service.history(rule_id=again)
    assert (paused.phase, paused.until_ms) == ("paused", alert.alert.close_ms + 7_200_000)


async def test_the_board_is_computed_once_for_each_change(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def counted(*at: Any) -> Floats:
        asked.append("parity")
        return parity.column(*at)

    parity = METRICS["parity"]
    monkeypatch.setitem(METRICS, "parity", replace(parity, column=counted))
    when = {"metric": "parity", "kind": "below", "threshold": 0.5}
    for name in ("a", "b"):
        world.service.create({"name": name, "when": when})
    board = world.service.board
    first = board.now()
    assert board.now() is first and len(asked) == 1, "of two rules that read the same"
    (watch_id,) = world.harness.monitor.watches
    world.service.parity(watch_id, is_equal=False)
    second = board.now()
    assert [each.missing for each in second] == [(), ()] and len(asked) == 2, "an input without a bar"
    await world.read(8_000, 8_001)
    assert board.now() is second, "a tick without a bar"
    await world.read(8_001, 8_200)
    assert board.now() is not second


async def test_acknowledging_and_snoozing_load_no_rule_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    service, desk = world.service, world.harness.monitor.alerts
    made, other = service.create(FAR), service.create(FAR | {"name": "other"})
    await world.read(8_000, 10_000)
    book, rules = desk.book, list(desk.rules)
    alert = service.history(rule_id=made.rule_id)[0].alert
    assert service.acknowledge(alert.alert_id)
    assert service.snooze(made.rule_id, 5).snoozed_ms == 5
    assert desk.book is book and desk.rules[1] is rules[1] and desk.rules[0][0].snoozed_ms == 5
    again = world.harness.fresh()
    again.step()
    assert [stored.snoozed_ms for stored, _ in again.alerts.rules] == [5, 0] and other.rule_id == rules[1][0].rule_id
    again.close()


async def test_a_trial_has_the_bars_that_it_was_made_on(world: World) -> None:
    (trial,) = world.service.trials(FAR)
    assert trial.subject == PAIR and trial.close_ms.shape == trial.values.shape
    assert trial.preview.alerts and {each.close_ms for each in trial.preview.alerts} <= set(trial.close_ms.tolist())
    for each in trial.preview.alerts:
        assert abs(float(trial.values[trial.close_ms == each.close_ms][0])) > 1.2
