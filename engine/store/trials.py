"""The trials ledger's records and protocol, part of ``engine.store.interface``: no SQL, no files, no database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

TRIAL_KINDS = ("backtest", "cell", "scan", "view")


@dataclass(frozen=True, slots=True)
class Trial:
    """Something tried on data, to be counted. ``kind``: ``backtest``, ``cell`` (of a sweep), ``scan`` or ``view``.

    ``data`` and ``settings``: fingerprints (``engine.backtest.trials``); the data's market, symbols (``x`` empty for a
    universe) and times, ``from_ms`` <= t < ``to_ms``. ``tests``: as how many it counts, such as all pairs of a scan.
    ``sharpe``: of a day, None without one.
    """

    kind: str
    data: str
    settings: str
    market: str
    y: str
    x: str
    from_ms: int
    to_ms: int
    tests: int = 1
    sharpe: float | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a kind that is not one of these, an empty time span, and tests under 1."""
        if self.kind not in TRIAL_KINDS:
            raise ValueError(f"kind is {self.kind!r}; expected one of {', '.join(TRIAL_KINDS)}")
        if self.to_ms <= self.from_ms:
            raise ValueError(f"to_ms is {self.to_ms}; expected above from_ms, {self.from_ms}")
        if self.tests < 1:
            raise ValueError(f"tests is {self.tests}; expected at least 1")


class LoggedTrial(NamedTuple):
    """A trial with its number in the ledger, and the local clock at that time."""

    trial_id: int
    at_ms: int
    trial: Trial


class TrialCount(NamedTuple):
    """``total``: all trials; ``distinct``: without repetitions of the same settings, which select nothing new."""

    total: int
    distinct: int


class TrialStore(Protocol):
    """The trials ledger: append-only. Any thread may call."""

    def add(self, at_ms: int, trials: Sequence[Trial]) -> list[int]:
        """Keep trials, all or none; returns the number of each on its data, earlier ones counted: "this is trial 143 on
        these data"."""

    def on_data(self, data: str) -> TrialCount:
        """Trials on data with this fingerprint."""

    def overlapping(self, market: str, from_ms: int, to_ms: int) -> TrialCount:
        """Trials on any symbols of a market that saw a part of ``from_ms`` <= t < ``to_ms``: one bar more does not
        begin a new count, and a pair that was chosen among many counts them all."""

    def sharpes(self, data: str) -> list[float]:
        """The known Sharpe ratios of a day on these data, one for each of the settings, the oldest first."""

    def newest(self, limit: int = 50) -> list[LoggedTrial]:
        """The newest first."""
