"""One pair's model: give it bars, get snapshots. Live, replay and notebooks use this same object.

>>> import numpy as np
>>> rng = np.random.default_rng(1)
>>> x = np.cumsum(rng.normal(0, 1e-4, 900)) + 11.0
>>> spread = np.zeros(900)
>>> for t in range(1, 900):
...     spread[t] = 0.9 * spread[t - 1] + rng.normal(0, 2e-4)
>>> model = PairModel(PairSettings(space="log"))
>>> for t in range(900):
...     shot = model.update(PairBar(5_000 * t, np.exp(0.8 * x[t] + spread[t]), np.exp(x[t])))
>>> round(shot.beta, 1), model.calibration is not None
(0.8, True)
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from engine.pairs.calibration import Calibration, calibrate, filter_start, is_long_enough, parameters
from engine.pairs.enums import Action, LegFlag, Reason
from engine.pairs.growable_array import GrowableArray
from engine.pairs.kernel import advance, pair_flags, refill
from engine.pairs.layout import At, Floats, In, Out, Par, as_record
from engine.pairs.leg_features import BAR_ROWS, LegFeatures, PairBar, put_bars
from engine.pairs.settings import PairSettings
from engine.pairs.snapshot import Snapshot
from engine.stats.windows import window_reserved

CHECKPOINT_EVERY = 2_048


class _Checkpoint(NamedTuple):
    """The recursive state before the bar at ``place``; windows are refilled from the columns."""

    place: int
    state: Floats
    par: Par
    calibration: Calibration | None


class PairModel:
    """Columns of one pair from its first bar on, and the state after the last."""

    def __init__(
        self, settings: PairSettings, first_slot: int | None = None, legs: tuple[LegFeatures, LegFeatures] | None = None
    ) -> None:
        """``first_slot``: open time of the first bar in bars of its width; taken from the first bar when None.

        ``legs``: its source of bars, starting at or before ``first_slot``; without them the caller passes bars.
        """
        self.settings = settings
        self.size = 0
        self.is_broken = False  # whether the break alarm was raised, at the last bar: the model takes no more bars
        self.first_slot = first_slot
        self.calibration: Calibration | None = None
        self._is_given_bars = legs is None
        self.legs = legs or (LegFeatures(first_slot or 0), LegFeatures(first_slot or 0))
        self._at = (0, 0)  # the position of place 0 in the legs
        self._set_start(first_slot)
        self._table = GrowableArray(len(Out))
        self._checkpoints: list[_Checkpoint] = []
        self._pause = 0  # a checkpoint or a calibration is due before this place
        self._take(parameters(settings, None))
        self._state = np.full(len(At), np.nan)
        for row, value in _AT_START.items():
            self._state[row] = value
        self._fill_windows(0)

    def update(self, bar: PairBar) -> Snapshot:
        """Take the next bar. Raises ValueError when it does not follow the one before, or a price is not positive."""
        width_ms = self.settings.interval_ms
        if self.first_slot is None:
            self._set_start(bar.open_time_ms // width_ms)
        expected_ms = self.open_time_ms(self.size)
        if bar.open_time_ms != expected_ms:
            raise ValueError(f"bar opens at {bar.open_time_ms} ms; expected the next one, at {expected_ms} ms")
        self.extend(np.array(bar[1:], dtype=np.float64).reshape(BAR_ROWS, 1))
        return self.snapshot(self.size - 1)

    def extend(self, bars: Floats) -> None:
        """Take the next bars, shape (9, n): the fields of PairBar after its time. Equal to n updates.

        Raises ValueError where a price is not positive and finite, or where the model follows legs.
        """
        self._put(self.size, bars)
        self.follow()

    def revise(self, place: int, bars: Floats) -> None:
        """Replace the bars from ``place`` on, as in ``extend``, and recompute the results from there."""
        if not 0 <= place <= place + bars.shape[1] <= self.size:
            raise ValueError(
                f"bars {place} to {place + bars.shape[1]} are revised; expected some of the {self.size} known"
            )
        self._put(place, bars)
        self.redo(place)

    def follow(self) -> int:
        """Take the new bars that both legs have; returns their number. None are taken after a break."""
        y, x = self.legs
        start, stop = self.size, min(y.size - self._at[0], x.size - self._at[1])
        if stop > start and not self.is_broken:
            self._run(start, stop)
        return self.size - start

    def redo(self, place: int) -> None:
        """The legs' bars from ``place`` on have changed: recompute the results from there."""
        while self._checkpoints[-1].place > place:
            self._checkpoints.pop()
        kept = self._checkpoints.pop()
        self._state, self.calibration = kept.state.copy(), kept.calibration
        self._take(kept.par)
        self._pause = kept.place
        self._fill_windows(kept.place)
        self._run(kept.place, self.size)

    def snapshot(self, place: int) -> Snapshot:
        """The values known at the close of the bar at ``place``."""
        *numbers, action, reason, memory = self._table.values[_SNAPSHOT_ROWS, place].tolist()
        codes = Action(int(action)), Reason(int(reason))
        return Snapshot._make([self.open_time_ms(place), *numbers, *codes, memory])

    def open_time_ms(self, place: int) -> int:
        """When the bar at ``place`` opens."""
        return ((self.first_slot or 0) + place) * self.settings.interval_ms

    def column(self, row: Out, start: int = 0) -> Floats:
        """A view of one output column from ``start`` to the last bar. Not to be written."""
        return self._table.values[row, start : self.size]

    def inputs(self, row: In, start: int = 0, stop: int | None = None) -> tuple[Floats, Floats]:
        """Views of one input row of both legs, from ``start`` to before ``stop`` (the end). Not to be written."""
        until = self.size if stop is None else stop
        y, x = (leg.columns[row, at + start : at + until] for leg, at in zip(self.legs, self._at, strict=True))
        return y, x

    @property
    def price_row(self) -> In:
        """The input row of the pair's prices."""
        return In(self._par.price)

    def prices(self, place: int) -> tuple[float, float]:
        """Prices of both legs, in quote currency, at one bar."""
        y, x = self.inputs(In.LAST if self.settings.price == "last" else In.MID, place, place + 1)
        return float(y[0]), float(x[0])

    def entered_before(self, place: int) -> int:
        """The place at which the position held just before ``place`` was entered; there must be one."""
        actions = self._table.values[Out.ACTION, :place]
        return int(np.flatnonzero((actions == Action.ENTER_LONG) | (actions == Action.ENTER_SHORT))[-1])

    def flags(self, place: int) -> int:
        """Bits of ``enums.Flag`` at one bar."""
        y, x = self.inputs(In.FLAGS, place, place + 1)
        return pair_flags(int(y[0]), int(x[0]))

    def windows(self) -> dict[str, int]:
        """Lengths in bars of ``beta``, ``z`` and ``test`` (if gated), where known."""
        lengths = self.calibration or self.settings
        found = {"beta": lengths.beta_window, "z": lengths.z_window}
        if self.settings.gate != "off":
            found["test"] = lengths.test_window
        return {name: bars for name, bars in found.items() if bars is not None}

    def state(self, row: At) -> float:
        """One number of the recursive state after the last bar."""
        return float(self._state[row])

    @property
    def break_kind(self) -> str:
        """Which relation moved: ``level`` or ``beta``."""
        level = max(self._state[At.LEVEL_UP], self._state[At.LEVEL_DOWN])
        return "level" if level > self._par.level_limit else "beta"

    @property
    def gate_tests(self) -> int:
        """The number of gate tests in this run."""
        return int(self._state[At.GATE_TESTS])

    @property
    def gate_flips(self) -> int:
        """The number of gate changes in this run."""
        return int(self._state[At.GATE_FLIPS])

    @property
    def gate_open_share(self) -> float:
        """Share of the bars since the first test in which the gate was open; NaN before it."""
        bars = float(self._state[At.GATE_BARS])
        return float(self._state[At.GATE_OPEN_BARS]) / bars if bars else math.nan

    def _take(self, par: Par) -> None:
        self._par, self._record = par, as_record(par)

    def _set_start(self, first_slot: int | None) -> None:
        self.first_slot = first_slot
        if first_slot is None:
            return
        if self._is_given_bars:
            for leg in self.legs:
                leg.first_slot = first_slot
        y, x = self.legs
        self._at = (first_slot - y.first_slot, first_slot - x.first_slot)

    def _put(self, place: int, bars: Floats) -> None:
        if not self._is_given_bars:
            raise ValueError("bars were passed to a model that follows legs; expected bars from its legs")
        put_bars(self.legs, place, bars)

    def _run(self, start: int, stop: int) -> None:
        """Advance over ``start .. stop - 1``, pausing where a checkpoint or a calibration is due."""
        self._table.hold(stop)
        out = self._table.values
        (y, x), (at_y, at_x) = self.legs, self._at
        at = start
        while at < stop:
            if at == self._pause:
                self._prepare(at)
            until = min(stop, self._pause)
            at = advance(
                self._record, self._state, self._beta_window, self._z_window,
                y.columns, x.columns, at_y, at_x, out, self.first_slot or 0, at, until,
            )  # fmt: skip
            self.is_broken = not math.isnan(self._state[At.BROKEN])
            if self.is_broken:
                self.size = at
                return
        self.size = max(self.size, stop)

    def _prepare(self, place: int) -> None:
        """Save a checkpoint before the bar at ``place``, and calibrate if due."""
        self._checkpoints.append(_Checkpoint(place, self._state.copy(), self._par, self.calibration))
        every = self.settings.calibration_bars
        if self.calibration is None and place > 0 and place % every == 0:
            self._calibrate(place)
        found = self.calibration
        if found is not None and found.start is None and place >= found.filter_bars:
            self._start_filter(found, place)
        self._pause = (place // CHECKPOINT_EVERY + 1) * CHECKPOINT_EVERY
        if self.calibration is None:
            self._pause = min(self._pause, (place // every + 1) * every)
        elif self.calibration.start is None:
            self._pause = min(self._pause, self.calibration.filter_bars)

    def _calibrate(self, place: int) -> None:
        """Fit the windows to all bars before ``place``; on failure, retry later."""
        filled = sum(np.bitwise_and(each.astype(np.int64), LegFlag.FILLED) for each in self.inputs(In.FLAGS, 0, place))
        y, x = self.inputs(self.price_row, 0, place)
        found = calibrate(y, x, self.settings) if np.count_nonzero(filled) * 2 <= place else None
        if found is None or not is_long_enough(found, self.settings):
            return
        self.calibration = found
        self._take(parameters(self.settings, found))
        self._fill_windows(place)

    def _start_filter(self, calibration: Calibration, place: int) -> None:
        """Fit the filter to all bars before ``place``; on failure, retry a checkpoint later."""
        start = filter_start(*self.inputs(self.price_row, 0, place))
        if start is None:
            self.calibration = replace(calibration, filter_bars=place + CHECKPOINT_EVERY)
            return
        self.calibration = replace(calibration, start=start)
        self._take(parameters(self.settings, self.calibration, float((self.first_slot or 0) + place)))
        for row, value in zip(_FILTER_ROWS, start.state, strict=True):
            self._state[row] = value

    def _fill_windows(self, place: int) -> None:
        """Rebuild both windows as of before the bar at ``place``."""
        beta_bars, z_bars = self._par.beta_window, self._par.z_window
        self._beta_window, self._z_window = window_reserved(beta_bars), window_reserved(z_bars)
        (y, x), (at_y, at_x) = self.legs, self._at
        begin = max(0, place - max(beta_bars, z_bars))
        refill(
            self._record, self._state, self._beta_window, self._z_window,
            y.columns, x.columns, at_y, at_x, self._table.values, self.first_slot or 0, begin, place,
        )  # fmt: skip


_FILTER_ROWS = (At.K_BETA, At.K_ALPHA, At.P11, At.P12, At.P22)  # as in FilterStart.state
_SNAPSHOT_ROWS = np.array([Out[name.upper()] for name in Snapshot._fields[1:]])  # all but the time
_AT_START = {
    At.GATE_TESTS: 0.0, At.GATE_FLIPS: 0.0, At.GATE_BARS: 0.0, At.GATE_OPEN_BARS: 0.0, At.TESTED: -1e18,
    At.POSITION: 0.0, At.ENTERED: -1e18, At.LEFT: -1e18, At.TAINTED: -1e18,
    At.LEVEL_UP: 0.0, At.LEVEL_DOWN: 0.0, At.BETA_UP: 0.0, At.BETA_DOWN: 0.0,
}  # fmt: skip
