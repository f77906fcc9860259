"""The job that puts two settings of a pair through the same stored bars: what would the draft have done?

Both are backtests of the same range, with the costs of the settings and the account of the paper position. The draft
counts as a trial, as on the Backtest page: who looks at ten drafts and takes the best has tried ten. (The present
settings are counted while their pair is on a screen.)
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from engine.backtest import Account, Costs, Result, run, settings_fingerprint
from engine.errors import SettingsError
from engine.pairs.settings import PairSettings
from engine.store import open_backend
from engine.store.interface import Backend
from engine.store.trials import Trial
from services.backtest_data import Legs, read_legs
from services.backtest_request import StoredSource
from services.jobs import IsCancelled, JobCancelled, Json, Report

DAY_MS = 86_400_000
LEAST_BARS = 1_500  # of wide bars a day holds fewer than the windows
MOST_MS = 7 * DAY_MS


@dataclass(frozen=True, slots=True)
class TrialRequest:
    """Two settings of a pair, over the newest stored bars."""

    market: str
    y: str
    x: str
    present: PairSettings
    draft: PairSettings

    @property
    def span_ms(self) -> int:
        """A day, or ``LEAST_BARS`` of the wider bars if that is more, at most a week."""
        width_ms = max(self.present.interval_ms, self.draft.interval_ms)
        return max(DAY_MS, min(LEAST_BARS * width_ms, MOST_MS))

    @classmethod
    def from_json(cls, values: Json) -> TrialRequest:
        """Parses ``dataclasses.asdict`` that went through JSON. Raises SettingsError."""
        try:
            return msgspec.convert(values, cls)
        except msgspec.ValidationError as error:
            raise SettingsError(f"a trial's request is {str(values)[:80]}: {error}") from error


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one of the settings would have done: ``entries`` and ``exits`` that were filled, ``bars_in_position`` of
    ``bars``, ``net`` after all costs in quote currency, an open position marked at the last bar."""

    bars: int
    entries: int
    exits: int
    bars_in_position: int
    net: float


@dataclass(frozen=True, slots=True)
class TrialResult:
    """Both outcomes over the bars that open in ``[from_ms, to_ms)``."""

    from_ms: int
    to_ms: int
    present: Outcome
    draft: Outcome

    @classmethod
    def from_json(cls, values: Json) -> TrialResult:
        """From ``dataclasses.asdict`` that went through JSON."""
        return cls(**values | {name: Outcome(**values[name]) for name in ("present", "draft")})


def run_trial(request: Json, report: Report, is_cancelled: IsCancelled) -> Json:
    """The job function: ``data_dir``, and a ``trial`` with the fields of a TrialRequest; the result is a TrialResult by
    ``dataclasses.asdict``. Raises JobCancelled, SettingsError, StoreError, and ValueError where there are no bars."""
    wanted = TrialRequest.from_json(request["trial"])
    found = compare(open_backend(Path(request["data_dir"])), wanted, report, is_cancelled)
    return dataclasses.asdict(found)


def compare(
    backend: Backend, wanted: TrialRequest, report: Report = lambda *_: None, is_cancelled: IsCancelled = lambda: False
) -> TrialResult:
    """Backtest both over the same range, and count them. Raises as ``run_trial``."""
    reader = backend.bar_reader()
    newest_ms = reader.watermark_ms(wanted.market)
    reader.close()
    if newest_ms is None:
        raise ValueError(f"market {wanted.market} has no stored trades; expected a day of them")
    width_ms = max(wanted.present.interval_ms, wanted.draft.interval_ms)
    to_ms = newest_ms // width_ms * width_ms
    source = StoredSource(wanted.market, wanted.y, wanted.x, to_ms - wanted.span_ms, to_ms)
    found: list[Result] = []
    legs: dict[int, Legs] = {}
    for number, settings in enumerate((wanted.present, wanted.draft)):
        if is_cancelled():
            raise JobCancelled(f"the comparison of {wanted.y} on {wanted.x} was cancelled")
        report("backtesting", number, 2)
        width = settings.interval_ms
        legs[width] = legs.get(width) or read_legs(source, width, backend)
        found.append(run(legs[width].y, legs[width].x, None, settings))
    backend.trials().add(time.time_ns() // 1_000_000, [_trial_of(legs[wanted.draft.interval_ms], wanted.draft)])
    spans = [each.span_ms for each in legs.values()]
    present, draft = map(outcome_of, found)
    return TrialResult(min(each[0] for each in spans), max(each[1] for each in spans), present, draft)


def outcome_of(found: Result) -> Outcome:
    """The figures of one backtest."""
    trades = found.trades
    return Outcome(
        bars=found.inputs.bars, entries=len(trades), exits=int((~trades["is_open"]).sum()),
        bars_in_position=int(trades["hold_bars"].sum()), net=float(trades["net"].sum()),
    )  # fmt: skip


def _trial_of(legs: Legs, settings: PairSettings) -> Trial:
    tried = {"settings": settings.to_json(), "costs": Costs.of(settings), "account": Account(), "delay": 0}
    return Trial(
        "backtest", legs.fingerprint, settings_fingerprint(tried), legs.market, *legs.names, *legs.span_ms
    )  # fmt: skip
