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
from typing import NamedTuple

import numpy as np

from engine.pairs.calibration import Calibration, calibrate, parameters
from engine.pairs.codes import Action, Flag, Reason
from engine.pairs.columns import At, Floats, In, Out
from engine.pairs.kernel import advance, refill, to_log
from engine.pairs.settings import MAX_WINDOW, PairSettings
from engine.stats.windows import window_new

CHECKPOINT_EVERY = 2_048
_FIRST_CAPACITY = 1_024


class PairBar(NamedTuple):
    """One bar of both legs. Prices in quote currency; ages in ms; half-spreads as fractions, NaN unknown."""

    open_time_ms: int
    y: float
    x: float
    y_age_ms: float = 0.0
    x_age_ms: float = 0.0
    y_half_spread: float = math.nan
    x_half_spread: float = math.nan
    flags: int = 0


class Snapshot(NamedTuple):
    """What was known of the pair at one bar's close; NaN where it was not known."""

    open_time_ms: int
    beta: float
    alpha: float
    spread: float
    mean: float
    deviation: float
    z: float
    beta_ols: float
    beta_kalman: float
    gate_statistic: float
    gate_critical: float
    gate_pvalue: float
    gate: float
    coverage: float
    cost_z: float
    position: float
    action: Action
    reason: Reason


class _Checkpoint(NamedTuple):
    """The recursive state before the bar at ``place``; windows are filled again from the columns."""

    place: int
    state: Floats
    par: Floats
    calibration: Calibration | None


class PairModel:
    """Columns of one pair from its first bar on, and the state after the last."""

    def __init__(self, settings: PairSettings, first_slot: int | None = None) -> None:
        """``first_slot``: open time of the first bar in bars of its width; taken from the first bar when None."""
        self.settings = settings
        self.size = 0
        self.first_slot = first_slot
        self.calibration: Calibration | None = None
        self._inp = np.full((len(In), _FIRST_CAPACITY), np.nan)
        self._out = np.full((len(Out), _FIRST_CAPACITY), np.nan)
        self._checkpoints: list[_Checkpoint] = []
        self._par = parameters(settings, None)
        self._state = np.full(len(At), np.nan)
        for row, value in _AT_START.items():
            self._state[row] = value
        self._fill_windows(0)

    def update(self, bar: PairBar) -> Snapshot:
        """Take the next bar. Raises ValueError when it does not follow the one before, or a price is not positive."""
        width_ms = self.settings.interval_ms
        if self.first_slot is None:
            self.first_slot = bar.open_time_ms // width_ms
        expected_ms = self.open_time_ms(self.size)
        if bar.open_time_ms != expected_ms:
            raise ValueError(f"bar opens at {bar.open_time_ms} ms; expected the next one, at {expected_ms} ms")
        self.extend(np.array(bar[1:], dtype=np.float64).reshape(len(In), 1))
        return self.snapshot(self.size - 1)

    def extend(self, bars: Floats) -> None:
        """Take the bars that follow, shape (7, n): the fields of PairBar after its time, prices in quote currency.

        Equal to n updates. Raises ValueError where a price is not positive and finite.
        """
        self._put(self.size, bars)
        self._run(self.size, self.size + bars.shape[1])

    def revise(self, place: int, bars: Floats) -> None:
        """Replace the bars from ``place`` on, as in ``extend``, and do again all that follows from them."""
        if not 0 <= place <= place + bars.shape[1] <= self.size:
            raise ValueError(
                f"bars {place} to {place + bars.shape[1]} are revised; expected some of the {self.size} known"
            )
        self._put(place, bars)
        while self._checkpoints[-1].place > place:
            self._checkpoints.pop()
        kept = self._checkpoints.pop()
        self._state, self._par, self.calibration = kept.state.copy(), kept.par, kept.calibration
        self._fill_windows(kept.place)
        self._run(kept.place, self.size)

    def snapshot(self, place: int) -> Snapshot:
        """What was known at the close of the bar at ``place``."""
        values = self._out[:, place]
        numbers = [float(values[row]) for row in range(Out.POSITION + 1)]
        action, reason = Action(int(values[Out.ACTION])), Reason(int(values[Out.REASON]))
        return Snapshot._make([self.open_time_ms(place), *numbers, action, reason])

    def open_time_ms(self, place: int) -> int:
        """When the bar at ``place`` opens."""
        return ((self.first_slot or 0) + place) * self.settings.interval_ms

    def column(self, row: Out, start: int = 0) -> Floats:
        """A view of one output column from ``start`` to the last bar. Not to be written."""
        return self._out[row, start : self.size]

    def prices(self, place: int) -> tuple[float, float]:
        """Prices of both legs, in quote currency, at one bar."""
        y, x = float(self._inp[In.Y, place]), float(self._inp[In.X, place])
        return (y, x) if self.settings.space == "price" else (math.exp(y), math.exp(x))

    def entered_before(self, place: int) -> int:
        """Where the position that is held just before ``place`` was entered; there must be one."""
        actions = self._out[Out.ACTION, :place]
        return int(np.flatnonzero((actions == Action.ENTER_LONG) | (actions == Action.ENTER_SHORT))[-1])

    def flags(self, place: int) -> int:
        """Bits of ``codes.Flag`` at one bar."""
        return int(self._inp[In.FLAGS, place])

    @property
    def gate_tests(self) -> int:
        """How many times the gate was tested in this run."""
        return int(self._state[At.GATE_TESTS])

    @property
    def gate_flips(self) -> int:
        """How many times the gate changed in this run."""
        return int(self._state[At.GATE_FLIPS])

    def _put(self, place: int, bars: Floats) -> None:
        prices = bars[: In.X + 1]
        bad = ~(np.isfinite(prices) & (prices > 0)).all(axis=0)
        if bad.any():
            y, x = prices[:, bad.argmax()]
            raise ValueError(f"prices are {y!r} and {x!r}; expected positive, finite numbers")
        self._make_room(place + bars.shape[1])
        target = self._inp[:, place : place + bars.shape[1]]
        target[:] = bars
        if self.settings.space == "log":
            to_log(target[In.Y])
            to_log(target[In.X])

    def _run(self, start: int, stop: int) -> None:
        """Advance over ``start .. stop - 1``, stopping where a checkpoint or a calibration is due."""
        at = start
        while at < stop:
            is_due = self._is_calibration_due(at)
            if is_due or at % CHECKPOINT_EVERY == 0:
                self._checkpoints.append(_Checkpoint(at, self._state.copy(), self._par, self.calibration))
            if is_due:
                self._calibrate(at)
            until = min(stop, self._next_pause(at))
            advance(
                self._par, self._state, self._beta_window, self._z_window,
                self._inp, self._out, self.first_slot or 0, at, until,
            )  # fmt: skip
            at = until
        self.size = max(self.size, stop)

    def _is_calibration_due(self, place: int) -> bool:
        return self.calibration is None and place > 0 and place % self.settings.calibration_bars == 0

    def _next_pause(self, place: int) -> int:
        pauses = [CHECKPOINT_EVERY] if self.calibration else [CHECKPOINT_EVERY, self.settings.calibration_bars]
        return min((place // every + 1) * every for every in pauses)

    def _calibrate(self, place: int) -> None:
        """Fit the filter and the windows on all bars before ``place``; where that cannot be done, try again later."""
        y, x, flags = self._inp[In.Y, :place], self._inp[In.X, :place], self._inp[In.FLAGS, :place]
        filled = np.count_nonzero(flags.astype(np.int64) & (Flag.Y_FILLED | Flag.X_FILLED))
        found = calibrate(y, x, self.settings) if filled * 2 <= place else None
        if found is None:
            return
        self.calibration = found
        self._par = parameters(self.settings, found, float((self.first_slot or 0) + place))
        self._state[At.K_BETA : At.P22 + 1] = found.state
        self._fill_windows(place)

    def _fill_windows(self, place: int) -> None:
        """Make both windows as they stand before the bar at ``place``."""
        lengths = self.calibration or self.settings
        beta_bars, z_bars = lengths.beta_window or MAX_WINDOW, lengths.z_window or MAX_WINDOW
        self._beta_window, self._z_window = window_new(beta_bars), window_new(z_bars)
        begin = max(0, place - max(beta_bars, z_bars))
        refill(
            self._par, self._state, self._beta_window, self._z_window,
            self._inp, self._out, self.first_slot or 0, begin, place,
        )  # fmt: skip

    def _make_room(self, bars: int) -> None:
        capacity = self._inp.shape[1]
        if bars <= capacity:
            return
        while capacity < bars:
            capacity *= 2
        for name in ("_inp", "_out"):
            old = getattr(self, name)
            fresh = np.full((old.shape[0], capacity), np.nan)
            fresh[:, : old.shape[1]] = old
            setattr(self, name, fresh)


_AT_START = {
    At.GATE_TESTS: 0.0, At.GATE_FLIPS: 0.0, At.POSITION: 0.0, At.ENTERED: -1e18, At.LEFT: -1e18, At.TAINTED: -1e18,
}  # fmt: skip
