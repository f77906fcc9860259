"""The alerts of a rule by a replay: the stored ticks of a run through the pipeline, and its bars through the rule."""

from __future__ import annotations

from collections.abc import Iterable

from engine.market.records import Event, Run, RunEnd
from engine.pairs.run import PairRun
from engine.store.alerts import RuleStateRow, StoredAlert, StoredRule
from engine.store.interface import TickReader
from live.alerts import AlertDesk
from live.replay import Replay


class OneRule:
    """The part of an AlertStore that a desk needs, for one rule, in memory."""

    def __init__(self, rule: StoredRule) -> None:
        self.rule = rule
        self.given: list[StoredAlert] = []

    def alert_rules(self) -> list[StoredRule]:
        """The one."""
        return [self.rule]

    def alert_states(self) -> list[RuleStateRow]:
        """It begins anew."""
        return []

    def keep_alert_states(self, states: Iterable[RuleStateRow]) -> None:
        """Not needed again."""

    def add_alert(self, alert: StoredAlert, _outbox: Iterable[object]) -> bool:
        """Collect an alert."""
        self.given.append(alert)
        return True


class ReplayDesk(AlertDesk):
    """Looks at what comes after the tick and the event with which the rule began; until then bars only count as
    seen."""

    _has_begun = False

    def take(self, run: PairRun, seq: int) -> None:
        """See AlertDesk."""
        self._begin_if(seq > self.rules[0][0].began_seq)
        super().take(run, seq)

    def note(self, event: Event) -> None:
        """See AlertDesk."""
        self._begin_if(event.event_id > self.rules[0][0].began_event_id)
        super().note(event)

    def _begin_if(self, is_later: bool) -> None:
        self._has_begun = self._has_begun or is_later
        self._active = self.rules if self._has_begun else []


def replay_alerts(
    reader: TickReader, run: Run, rule: StoredRule, seq: int, event_id: int, end: RunEnd | None = None
) -> list[StoredAlert]:
    """What a rule gave on the bars of one run, up to the tick ``seq`` and the event ``event_id``. The rule's state
    begins anew, so it is for a rule that has seen no other run since it began. Raises StoreError."""
    player, store = Replay(reader, run, seq, event_id, end), OneRule(rule)
    desk = ReplayDesk({run.market: player.pipeline}, store)  # type: ignore[arg-type]
    desk.attach(player.pipeline)
    for _ in player.moments():
        pass
    desk.save(0)
    return store.given
