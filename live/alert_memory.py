"""What alert rules need of the past beside their own states: values that are not functions of bars, and up to where
bars were seen. It is stored among the states, under an empty rule."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.store.alerts import RuleStateRow


@dataclass(slots=True)
class DeskMemory:
    """``since_ms``: by market or symbol, bars that close up to then give nothing. ``seen_ms``: by market, the newest
    close of any run so far. ``bridges``: by market, 1 connected, 0 disconnected, as the latest event said. ``inputs``:
    by subject and metric, the newest value."""

    since_ms: dict[str, int] = field(default_factory=dict)
    seen_ms: dict[str, int] = field(default_factory=dict)
    bridges: dict[str, float] = field(default_factory=dict)
    inputs: dict[str, dict[str, float]] = field(default_factory=dict)
    _changed: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[RuleStateRow]) -> DeskMemory:
        """From the stored states; those of rules are left out."""
        found = cls()
        for row in rows:
            if not row.rule_id:
                found._take(row.subject, json.loads(row.state))
        return found

    def _take(self, name: str, value: float | str) -> None:
        kind, _, rest = name.partition("|")
        if kind == "input":
            metric, _, subject = rest.partition("|")
            self.inputs.setdefault(subject, {})[metric] = float(value)
        elif kind == "bridge":
            self.bridges[rest] = float(value)
        elif kind == "seen":
            self.seen_ms[rest] = int(value)
        else:
            self.since_ms[name] = int(value)

    def see(self, market: str, close_ms: int) -> None:
        """Bars that close up to then are there."""
        if close_ms > self.seen_ms.get(market, 0):
            self.seen_ms[market] = self._changed[f"seen|{market}"] = close_ms

    def leave_out(self, name: str, close_ms: int) -> None:
        """Bars of a market or symbol that close up to then give nothing from now on."""
        if close_ms > self.since_ms.get(name, 0):
            self.since_ms[name] = self._changed[name] = close_ms

    def set_bridge(self, market: str, value: float) -> None:
        """The bridge connected or disconnected."""
        self.bridges[market] = self._changed[f"bridge|{market}"] = value

    def set_input(self, subject: str, metric: str, value: float) -> None:
        """The newest value of a metric that is not a function of bars."""
        self.inputs.setdefault(subject, {})[metric] = value
        self._changed[f"input|{metric}|{subject}"] = value

    def take_changed(self) -> list[RuleStateRow]:
        """What is to be stored since the last call."""
        changed, self._changed = self._changed, {}
        return _rows(changed)

    def rows(self) -> list[RuleStateRow]:
        """All of it."""
        values: dict[str, float] = {**self.since_ms}
        values |= {f"seen|{market}": at for market, at in self.seen_ms.items()}
        values |= {f"bridge|{market}": value for market, value in self.bridges.items()}
        for subject, inputs in self.inputs.items():
            values |= {f"input|{metric}|{subject}": value for metric, value in inputs.items()}
        return _rows(values)


def _rows(values: dict[str, float]) -> list[RuleStateRow]:
    return [RuleStateRow("", name, json.dumps(value)) for name, value in values.items()]
