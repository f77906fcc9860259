"""Creates a venue and its clock from settings: source, start time, and start condition."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from simulator.clock import Clock
from simulator.market import SyntheticMarket
from simulator.settings import HOUR_MS, ExchangeSettings
from simulator.sources import SyntheticSource, recorded_source
from simulator.state import StateWriter, load_state
from simulator.venue import Venue

ALIGN_MS = 5 * 60_000  # of a past that is caught up with


@dataclass(frozen=True, slots=True)
class ExchangeFactory:
    """The parts of one exchange. ``waits``: time starts with the first subscriber."""

    settings: ExchangeSettings
    venue: Venue
    clock: Clock
    waits: bool
    state_writer: StateWriter | None = None
    not_before_ms: int = 0
    skipped: Counter[str] = field(default_factory=Counter)

    def begins_ms(self, real_ms: int) -> int:
        """The exchange's start time, if it starts now."""
        if self.settings.replay:
            return real_ms if self.settings.restamp else self.venue.source.start_ms
        earliest_ms = real_ms - int(self.settings.catch_up_hours * HOUR_MS)
        if self.settings.catch_up_hours:
            earliest_ms -= earliest_ms % ALIGN_MS  # the same seed gives the same bars, whenever it is started
        # Ids of the previous run must not have later times than ids of this one.
        return max(earliest_ms, min(self.not_before_ms, real_ms))


def assemble(settings: ExchangeSettings, real_ms: int) -> ExchangeFactory:
    """The parts for these settings. Raises RecordingRefused or SettingsRefused for unusable files."""
    return _replay(settings) if settings.replay else _synthetic(settings, real_ms)


def _replay(settings: ExchangeSettings) -> ExchangeFactory:
    source, skipped = recorded_source(
        settings.replay, settings.replay_symbol, settings.skip_zero_rows, settings.seed, settings.restamp
    )
    clock = Clock(settings.speed, as_read=settings.as_fast_as_read, step_ms=source.step_ms)
    venue = Venue(source, settings.remember_trades, settings.remember_hours)
    return ExchangeFactory(settings, venue, clock, waits=True, skipped=skipped)


def _synthetic(settings: ExchangeSettings, real_ms: int) -> ExchangeFactory:
    saved = load_state(settings.state_file) if settings.state_file else None
    # Microseconds grow faster than ids in any run, so ids grow across restarts without a state file too.
    first_id = real_ms * 1_000 if settings.first_id is None else settings.first_id
    market = SyntheticMarket(
        settings.coins, settings.seed, real_ms, first_id,
        factor_bps=settings.factor_bps, state=saved.market if saved else None,
    )  # fmt: skip
    source = SyntheticSource(market, settings.coins, real_ms, int(settings.history_days * 1_440))
    catches_up = settings.catch_up_hours > 0
    return ExchangeFactory(
        settings,
        Venue(source, settings.remember_trades, settings.remember_hours),
        Clock(settings.speed, as_read=catches_up, meets=catches_up, step_ms=source.step_ms),
        waits=catches_up,
        state_writer=StateWriter(settings.state_file, market, saved) if settings.state_file else None,
        not_before_ms=saved.through_ms + 1 if saved else 0,
    )
