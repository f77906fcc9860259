"""The compiled loop: bars in, columns out, state carried. One bar and a million bars run the same loop.

A slot is a bar's number counted from 1970 in bars of its width; schedules depend on the slot only, so results do not
depend on where a run starts or resumes. At each bar, in this order: measure the spread from the previous line; test the
gate if scheduled; decide; then update from the bar.
"""

from __future__ import annotations

import numpy as np

from engine.pairs.break_alarm import watch_breaks
from engine.pairs.enums import Flag, LegFlag
from engine.pairs.gate import count_open, evaluate_gate
from engine.pairs.hedge_ratio import KALMAN, is_refitted, refit, roll_lines
from engine.pairs.layout import At, Floats, In, Out, Par, Record
from engine.pairs.rule import decide, dollar_hedge, quote_distance, round_trip
from engine.stats.health import memory_of
from engine.stats.jit import inlined, njit
from engine.stats.kalman import kalman_step
from engine.stats.moments import is_rounding
from engine.stats.rolling import zscore_of
from engine.stats.windows import spread_moments, window_push


@njit
def advance(  # noqa: PLR0913 - a compiled loop
    pars: Record, state: Floats, beta_window: Floats, z_window: Floats,
    y: Floats, x: Floats, at_y: int, at_x: int, out: Floats, base_slot: int, start: int, stop: int,
) -> int:  # fmt: skip
    """Process the bars at places ``start .. stop - 1``; place 0 is slot ``base_slot``.

    Returns the place after the last bar processed: ``stop``, or the one after the bar that raised the break alarm.

    ``y`` and ``x`` are the legs' inputs, in which place 0 is at column ``at_y`` and ``at_x``. Rows are named in
    ``engine.pairs.layout``; ``state`` and the two window states are left at the last bar.
    """
    par = pars[0]
    price, tested, fitted = par.price, par.test_window, par.beta_window
    gate_every = par.gate_every if par.gated else 0
    refit_every = par.refit_every if is_refitted(par) else 0
    for i in range(start, stop):
        slot, j, k = base_slot + i, i + at_y, i + at_x
        flags = pair_flags(int(y[In.FLAGS, j]), int(x[In.FLAGS, k]))
        if flags & Flag.TAINTED:
            state[At.TAINTED] = slot
        _count_real(par, out, i, flags)
        spread, mean, deviation = _measure(par, state, out, slot, i, y[price, j], x[price, k], flags)
        if gate_every and slot % gate_every == 0 and i + 1 >= tested:
            window_y, window_x = y[price, j + 1 - tested : j + 1], x[price, k + 1 - tested : k + 1]
            evaluate_gate(par, state, window_y, window_x, slot, base_slot)
        z = zscore_of(spread, mean, deviation)
        cost_z, quote_z = _paid(par, y, x, j, k, out[Out.BETA, i], deviation, z)
        out[Out.SPREAD, i], out[Out.MEAN, i], out[Out.DEVIATION, i] = spread, mean, deviation
        out[Out.Z, i], out[Out.COST_Z, i], out[Out.QUOTE_Z, i] = z, cost_z, quote_z
        _write_gate(state, out, i)
        decide(
            par,
            state,
            out,
            slot,
            i,
            flags,
            max(y[In.AGE, j], x[In.AGE, k]),
            z,
            cost_z,
            quote_z,
            dollar_hedge(par, y, x, j, k, out[Out.BETA, i]),
        )
        _learn_line(par, state, beta_window, slot, y[price, j], x[price, k])
        if refit_every and slot % refit_every == 0 and i + 1 >= fitted:
            refit(par, state, y[price, j + 1 - fitted : j + 1], x[price, k + 1 - fitted : k + 1])
        _learn_spread(par, state, z_window, slot, y[price, j], x[price, k], spread)
        if state[At.BROKEN] == slot:
            return i + 1
    return stop


@inlined
def _paid(
    par: Par, y: Floats, x: Floats, j: int, k: int, beta: float, deviation: float, z: float
) -> tuple[float, float]:
    """The round trip, and the distance of the quotes that an entry at ``z`` takes, in deviations of the spread; NaN
    where that is not known, and of the quotes where entries are by the mids, which saves two logarithms a bar."""
    if not deviation > 0.0:
        return np.nan, np.nan
    away = quote_distance(par, y, x, j, k, beta, z < 0.0) / deviation if par.at_quotes else np.nan
    return round_trip(par, y, x, j, k, beta) / deviation, away


@inlined
def pair_flags(of_y: int, of_x: int) -> int:
    """Bits of ``enums.Flag`` from those of both legs' ``enums.LegFlag``."""
    filled = Flag.X_FILLED if of_x & LegFlag.FILLED else 0
    return of_y | (of_x & ~LegFlag.FILLED) | filled


@inlined
def _count_real(par: Par, out: Floats, i: int, flags: int) -> None:
    """Coverage is a difference of cumulative counts, so it costs O(1) for any window."""
    real = 0.0 if flags & (Flag.Y_FILLED | Flag.X_FILLED) else 1.0
    out[Out.REAL_BARS, i] = real + (out[Out.REAL_BARS, i - 1] if i > 0 else 0.0)
    window = par.z_window
    out[Out.COVERAGE, i] = np.nan
    if i + 1 >= window:
        before = out[Out.REAL_BARS, i - window] if i >= window else 0.0
        out[Out.COVERAGE, i] = (out[Out.REAL_BARS, i] - before) / window


@inlined
def _measure(
    par: Par, state: Floats, out: Floats, slot: int, i: int, y: float, x: float, flags: int
) -> tuple[float, float, float]:
    """Spread, mean and deviation from the state before this bar; also updates the filter.

    A bar in which a leg did not trade repeats its price: it is measured, but does not update the filter.
    """
    innovation = variance = kalman_alpha = np.nan
    out[Out.BETA_OLS, i] = state[At.OLS_BETA]
    out[Out.BETA_KALMAN, i] = out[Out.MEMORY, i] = np.nan
    if slot >= par.calibrated:
        is_seen = not flags & (Flag.Y_FILLED | Flag.X_FILLED)
        out[Out.BETA_KALMAN, i] = state[At.K_BETA]
        kalman_alpha = state[At.K_ALPHA] - state[At.K_BETA] * par.centre
        innovation, variance = _filter(par, state, y, x - par.centre, is_seen)
        watch_breaks(par, state, slot, innovation if is_seen else np.nan, x)
        if is_seen:
            out[Out.MEMORY, i] = memory_of(variance, par.v_e)
    if par.estimator == KALMAN:
        out[Out.BETA, i], out[Out.ALPHA, i] = out[Out.BETA_KALMAN, i], kalman_alpha
        if par.filter_z:
            return innovation, 0.0, np.sqrt(variance)
        return innovation, state[At.Z_MEAN], state[At.Z_DEVIATION]
    out[Out.BETA, i], out[Out.ALPHA, i] = state[At.LINE_BETA], state[At.LINE_ALPHA]
    spread = y - (state[At.LINE_BETA] * x + state[At.LINE_ALPHA])
    return spread, state[At.Z_MEAN], state[At.Z_DEVIATION]


@inlined
def _filter(par: Par, state: Floats, y: float, x: float, is_seen: bool) -> tuple[float, float]:
    """One step of the filter; ``x`` is centred. Returns the innovation and its variance."""
    beta, alpha = state[At.K_BETA], state[At.K_ALPHA]
    b, a, p11, p12, p22, innovation, variance = kalman_step(
        beta, alpha, state[At.P11], state[At.P12], state[At.P22],
        y if is_seen else np.nan, x, 0.0, par.q_alpha, par.v_e,
    )  # fmt: skip
    state[At.K_BETA], state[At.K_ALPHA] = b, a
    state[At.P11], state[At.P12], state[At.P22] = p11, p12, p22
    if not is_seen:
        innovation = y - (beta * x + alpha)
        variance = x * (x * p11 + 2.0 * p12) + p22 + par.v_e  # P is the predicted R here
    return innovation, variance


@inlined
def _write_gate(state: Floats, out: Floats, i: int) -> None:
    count_open(state)
    out[Out.GATE_STATISTIC, i] = state[At.GATE_STATISTIC]
    out[Out.GATE_CRITICAL, i] = state[At.GATE_CRITICAL]
    out[Out.GATE_PVALUE, i] = state[At.GATE_PVALUE]
    out[Out.GATE, i] = state[At.GATE]
    out[Out.GATE_BOOTSTRAP, i] = state[At.GATE_BOOTSTRAP]


@inlined
def _learn_line(par: Par, state: Floats, beta_window: Floats, slot: int, y: float, x: float) -> None:
    """The rolling lines with this bar in them, for the next one."""
    _, mean_y, mean_x, syy, sxy, sxx = window_push(beta_window, slot, y, x)
    roll_lines(par, state, mean_y, mean_x, syy, sxy, sxx)


@inlined
def _learn_spread(
    par: Par, state: Floats, z_window: Floats, slot: int, y: float, x: float, spread: float
) -> None:  # fmt: skip
    """Mean and deviation with this bar in them, for the next one.

    A windowed line recomputes all bars of the z window; the filter's innovations stay unchanged.
    """
    if par.estimator != KALMAN:
        bars, mean_y, mean_x, syy, sxy, sxx = window_push(z_window, slot, y, x)
        state[At.Z_MEAN], state[At.Z_DEVIATION] = spread_moments(
            bars, mean_y, mean_x, syy, sxy, sxx, state[At.LINE_ALPHA], state[At.LINE_BETA]
        )
    elif spread == spread:
        bars, mean, _, squares, _, _ = window_push(z_window, slot, spread, spread)
        is_still = is_rounding(squares, bars, abs(y) + abs(state[At.K_BETA] * x))
        state[At.Z_MEAN], state[At.Z_DEVIATION] = mean, np.nan if is_still else np.sqrt(squares / (bars - 1.0))


@njit
def refill(  # noqa: PLR0913 - a compiled loop
    pars: Record, state: Floats, beta_window: Floats, z_window: Floats,
    y: Floats, x: Floats, at_y: int, at_x: int, out: Floats, base_slot: int, start: int, stop: int,
) -> None:  # fmt: skip
    """Refill empty windows to their state after the bar at ``stop - 1``: they are functions of their last bars.

    A line fitted on a schedule is kept from the state.
    """
    par = pars[0]
    price = par.price
    for i in range(start, stop):
        slot, now_y, now_x = base_slot + i, y[price, i + at_y], x[price, i + at_x]
        _learn_line(par, state, beta_window, slot, now_y, now_x)
        _learn_spread(par, state, z_window, slot, now_y, now_x, out[Out.SPREAD, i])
