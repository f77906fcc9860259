"""What may be asked of a backtest: typed records, to and from plain JSON values."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import msgspec

from engine.backtest import Account, Costs, Instrument, WalkPlan
from engine.errors import SettingsError
from engine.pairs.settings import PairSettings


@dataclass(frozen=True, slots=True)
class FileSource:
    """Files of bars; ``interval`` and ``zone`` as :class:`engine.files.inspection.Told` takes them."""

    paths: tuple[str, ...]
    y: str
    x: str
    interval: str = ""
    zone: str = ""


@dataclass(frozen=True, slots=True)
class StoredSource:
    """Stored bars of a market that open in ``[from_ms, to_ms)``; ``to_ms`` None: to the newest complete bar, so that
    the range is the live one."""

    market: str
    y: str
    x: str
    from_ms: int
    to_ms: int | None = None


@dataclass(frozen=True, slots=True)
class VenueTerms:
    """How orders are rounded and late, and whether the stored funding rates of both legs are paid."""

    y: Instrument = field(default_factory=Instrument)
    x: Instrument = field(default_factory=Instrument)
    delay_bars: int = 0
    funding: bool = False


@dataclass(frozen=True, slots=True)
class Search:
    """``axes``: settings and their values; ``count`` of quasi-random points between them, None: the whole grid."""

    axes: dict[str, tuple[Any, ...]]
    count: int | None = None
    seed: int = 0
    walk: WalkPlan | None = None


_KINDS: dict[str, Any] = {
    "settings": PairSettings, "costs": Costs | None, "account": Account, "venue": VenueTerms,
    "search": Search | None, "twins": int,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class BacktestRequest:
    """One backtest, or with ``search`` one of many cells. ``costs`` None: those of the settings. ``twins``: how many
    surrogate pairs the backtest, or the best cell, is compared with."""

    source: FileSource | StoredSource
    settings: PairSettings
    costs: Costs | None = None
    account: Account = field(default_factory=Account)
    venue: VenueTerms = field(default_factory=VenueTerms)
    search: Search | None = None
    twins: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values: equal requests give equal values."""
        plain = msgspec.to_builtins(dataclasses.asdict(self))
        plain["source"]["kind"] = "files" if isinstance(self.source, FileSource) else "stored"
        found: dict[str, Any] = plain
        return found

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> BacktestRequest:
        """Parses what ``to_json`` gives. Raises SettingsError naming the field and what was expected."""
        try:
            source = dict(values["source"])
            kind = {"files": FileSource, "stored": StoredSource}[source.pop("kind")]
            rest = {name: value for name, value in values.items() if name != "source"}
            return cls(
                msgspec.convert(source, kind),
                **{name: msgspec.convert(value, _KINDS[name]) for name, value in rest.items()},
            )
        except (msgspec.ValidationError, KeyError, TypeError) as error:
            raise SettingsError(f"a backtest's request is {str(values)[:80]}: {error}") from error
