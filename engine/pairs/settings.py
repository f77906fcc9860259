"""The analysis settings of one pair. A change of any of these ends a run and starts another."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any

from engine.errors import SettingsError
from engine.market.intervals import MAX_WIDTH_MS, SECOND_MS

_KINDS = {"int": "a whole number", "float": "a finite number", "str": "a text", "bool": "true or false"}
MAX_WINDOW = 5_000  # bars; on noise an iterated window rule would diverge beyond this
LEAST_TEST_WINDOW = 500  # bars, of a window derived from the half-life
MAX_HEDGE = 100.0  # dollars of X per dollar of Y
GAP_TEST_WINDOWS = 2  # after a longer gap no window holds earlier bars
ESTIMATORS = ("kalman", "ols", "huber", "theil-sen", "tls")
REFITTED = ("huber", "theil-sen")  # fixed between two fits; the others change with every bar
PRICES = ("mid", "last")
SPACES = ("log", "price")
Z_SCALES = ("rolling", "filter")
GATES = ("engle-granger", "robust", "off")
GATE_LEVELS = (1, 5, 10)
GATE_CLOSES = 20  # percent: the value at which an open gate closes, see gate.CLOSE_ROW
ENTRY_MODES = ("simple", "uptick", "downtick")
ENTRY_PRICES = ("mid", "quotes")

_Rule = tuple[bool, str, str]  # whether it holds, the field, what was expected


@dataclass(frozen=True, slots=True)
class PairSettings:
    """Windows in bars, z in standard deviations, costs in basis points of the traded value.

    None means derived from the half-life h, which is estimated once per run on its calibration:
    memory 25 h, beta window 25 h, z window 10 h, test window max(500, 40 h), each at most 5,000 (the memory 1,000,000).
    Where the calibration shows no reversion h is infinite: each of these is the longest, and with a derived test window
    the gate stays closed to the end of the run, as it does wherever 40 h passes 5,000.
    """

    interval_ms: int = 5_000
    price: str = "mid"  # statistics on the trade-side mid, or on the last print (which bounces: trap T4)
    space: str = "log"  # beta is a ratio of dollars in log space, of coins in price space
    estimator: str = "kalman"  # of the hedge ratio
    calibration_bars: int = 360
    beta_window: int | None = 200  # of every estimator except the filter
    refit_every: int | None = None  # bars between two fits of Huber or Theil-Sen, counted from 1970; None: window / 10
    memory_half_life: float | None = None  # of the Kalman filter
    hedge_min: float = 1 / 3  # dollars of X per dollar of Y; no entry below it, or above hedge_max
    hedge_max: float = 3.0  # limits an entry to 1 + hedge_max times the notional
    negative_hedge: bool = False  # whether both legs may have the same side; the range then limits the size
    z_window: int | None = 50
    z_scale: str = "rolling"  # z by the spread's rolling deviation, or by the filter's own (e / sqrt(Q))
    entry_mode: str = "simple"  # beyond entry_z; "uptick": as z goes beyond it; "downtick": as z comes back from beyond
    entry_at: str = "mid"  # the z that has to ask for an entry; "quotes": the worse one, at which it could be filled
    entry_z: float = 2.0
    exit_z: float = 0.5  # 0: when z crosses zero
    stop_z: float | None = None  # on the adverse side
    max_z: float | None = None  # no entry beyond
    max_hold_half_lives: float | None = None
    cooldown_bars: int = 0  # after an exit
    gate: str = "engle-granger"  # "robust": to open, a wild bootstrap has to agree; against a variance that moves
    gate_level: int = 5  # percent; it closes again at 20 %
    gate_every: int = 12  # bars between tests, counted from 1970
    gate_dwell: int = 12  # least bars that the gate keeps its state
    gate_lags: str = "bic"
    test_window: int | None = 500
    stale_after_ms: int = 10_000  # a leg without a trade for longer blocks entries
    least_coverage: float = 0.5  # share of the z window's bars in which both legs traded; less blocks entries
    cost_filter: bool = False  # entry only where |z| pays the round trip
    break_alarm: int | None = None  # bars between false alarms; an alarm ends the run, and another begins after it
    centre_limit: float | None = 2.58  # standard errors of the spread's mean over the z window; beyond, no entry
    fee_bps: float = 5.0  # per fill
    half_spread_bps: float | None = None  # per fill; None: measured from the trade-side quotes
    slippage_bps: float = 0.0  # per fill, beyond the half-spread
    notional: float = 10_000.0  # of the Y leg, in quote currency

    def __post_init__(self) -> None:
        """Raises SettingsError with the field, the value and the expected range."""
        _check_types(self)
        _check(self, (*_choice_rules(self), *_range_rules(self)))

    def to_json(self) -> str:
        """The canonical text: equal settings give equal texts."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> PairSettings:
        """Parses the output of ``to_json``. Raises SettingsError for anything else."""
        try:
            return cls(**json.loads(text))
        except (TypeError, ValueError) as error:
            raise SettingsError(f"settings are {text[:80]!r}: {error}") from error


def longest_gap_ms(settings: PairSettings) -> int:
    """The longest time without a trade in a leg: ``GAP_TEST_WINDOWS`` test windows (the least one if derived)."""
    return GAP_TEST_WINDOWS * (settings.test_window or LEAST_TEST_WINDOW) * settings.interval_ms


def classic(window: int = 50, threshold: float = 2.0, **changes: Any) -> PairSettings:
    """The textbook rule on honest statistics: z over ``window`` bars, entry at ``threshold``, exit at 0.5. Entries only
    if they cover their costs; a z window shorter than the spread's half-lives makes it lose all the same."""
    exit_z = min(0.5, threshold / 2)
    return PairSettings(**{"z_window": window, "entry_z": threshold, "exit_z": exit_z, "cost_filter": True, **changes})


def defended(**changes: Any) -> PairSettings:
    """Windows from the half-life, the filter's own deviation, the robust gate, entries only if they pay their costs."""
    has_own_deviation = changes.get("estimator", "kalman") == "kalman"
    values: dict[str, Any] = {
        "calibration_bars": 500, "beta_window": None, "z_window": None, "test_window": None,
        "z_scale": "filter" if has_own_deviation else "rolling", "gate": "robust",
        "break_alarm": 5_000, "cost_filter": True, "max_z": 6.0, "stop_z": 6.0, "max_hold_half_lives": 5.0,
        "cooldown_bars": 12,
    }  # fmt: skip
    return PairSettings(**{**values, **changes})


def _check_types(settings: PairSettings) -> None:
    """Whole numbers are int (a float without a fraction becomes one), other numbers finite, texts str, choices bool."""
    for field in dataclasses.fields(settings):
        kind, _, may_be_none = str(field.type).partition(" | ")
        value = getattr(settings, field.name)
        if value is None and may_be_none:
            continue
        if kind == "int" and isinstance(value, float) and value.is_integer():
            value = int(value)
            object.__setattr__(settings, field.name, value)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        fits = {
            "int": is_number and isinstance(value, int),
            "float": is_number and math.isfinite(value),
            "str": isinstance(value, str),
            "bool": isinstance(value, bool),
        }
        if not fits[kind]:
            raise SettingsError(
                f"{field.name} is {value!r}; expected {_KINDS[kind]}{' or none' if may_be_none else ''}"
            )


def _lags_fit(settings: PairSettings) -> bool:
    if not settings.gate_lags.isdecimal():
        return True
    return int(settings.gate_lags) <= (settings.test_window or LEAST_TEST_WINDOW) // 2 - 2


def _names(names: tuple[str, ...]) -> str:
    return " or ".join(names)


def _in(value: float | None, low: float, high: float) -> bool:
    return value is None or low <= value <= high


def _choice_rules(s: PairSettings) -> tuple[_Rule, ...]:
    return (
        (
            SECOND_MS <= s.interval_ms <= MAX_WIDTH_MS and s.interval_ms % SECOND_MS == 0,
            "interval_ms",
            "whole seconds up to a day",
        ),
        (s.price in PRICES, "price", _names(PRICES)),
        (s.space in SPACES, "space", _names(SPACES)),
        (s.estimator in ESTIMATORS, "estimator", _names(ESTIMATORS)),
        (s.z_scale in Z_SCALES, "z_scale", _names(Z_SCALES)),
        (
            s.z_scale == "rolling" or s.estimator == "kalman",
            "z_scale",
            "rolling unless the estimator is kalman: only the filter has its own deviation",
        ),
        (s.entry_mode in ENTRY_MODES, "entry_mode", _names(ENTRY_MODES)),
        (s.entry_at in ENTRY_PRICES, "entry_at", _names(ENTRY_PRICES)),
        (
            s.entry_at == "mid" or s.price == "mid",
            "entry_at",
            "mid where the price is last: quotes lie around the mid, not around a print",
        ),
        (s.gate in GATES, "gate", _names(GATES)),
        (s.gate_level in GATE_LEVELS, "gate_level", "1, 5 or 10"),
        (s.gate_lags in ("bic", "aic") or s.gate_lags.isdecimal(), "gate_lags", "bic, aic or a number"),
        (_lags_fit(s), "gate_lags", "fewer than half of the test window's bars"),
    )


def _range_rules(s: PairSettings) -> tuple[_Rule, ...]:
    return (
        (30 <= s.calibration_bars <= MAX_WINDOW, "calibration_bars", f"30 to {MAX_WINDOW}"),
        (_in(s.beta_window, 20, MAX_WINDOW), "beta_window", f"20 to {MAX_WINDOW}, or none"),
        (_in(s.refit_every, 1, 10_000), "refit_every", "1 to 10,000 bars, or none"),
        (0 <= s.hedge_min < s.hedge_max, "hedge_min", "from 0 to below hedge_max"),
        (s.hedge_max <= MAX_HEDGE, "hedge_max", f"at most {MAX_HEDGE:g}"),
        (_in(s.z_window, 5, MAX_WINDOW), "z_window", f"5 to {MAX_WINDOW}, or none"),
        (_in(s.test_window, 50, MAX_WINDOW), "test_window", f"50 to {MAX_WINDOW}, or none"),
        (_in(s.memory_half_life, 1, 1e6), "memory_half_life", "1 to 1,000,000 bars, or none"),
        (0 < s.entry_z <= 100, "entry_z", "more than 0, at most 100"),
        (0 <= s.exit_z < s.entry_z, "exit_z", "from 0 to below entry_z"),
        (s.stop_z is None or s.stop_z > s.entry_z, "stop_z", "above entry_z, or none"),
        (s.max_z is None or s.max_z > s.entry_z, "max_z", "above entry_z, or none"),
        (_in(s.max_hold_half_lives, 0.1, 1_000), "max_hold_half_lives", "0.1 to 1,000, or none"),
        (0 <= s.cooldown_bars <= 100_000, "cooldown_bars", "0 to 100,000"),
        (1 <= s.gate_every <= 10_000, "gate_every", "1 to 10,000 bars"),
        (0 <= s.gate_dwell <= 100_000, "gate_dwell", "0 to 100,000 bars"),
        (s.stale_after_ms >= 0, "stale_after_ms", "0 or more"),
        (0 <= s.least_coverage <= 1, "least_coverage", "0 to 1"),
        (_in(s.break_alarm, 100, 1_000_000), "break_alarm", "100 to 1,000,000 bars, or none"),
        (_in(s.centre_limit, 1, 10), "centre_limit", "1 to 10 standard errors, or none"),
        (0 <= s.fee_bps <= 1_000, "fee_bps", "0 to 1,000"),
        (_in(s.half_spread_bps, 0, 1_000), "half_spread_bps", "0 to 1,000, or none"),
        (0 <= s.slippage_bps <= 1_000, "slippage_bps", "0 to 1,000"),
        (0 < s.notional < math.inf, "notional", "more than 0"),
    )


def _check(settings: PairSettings, rules: tuple[_Rule, ...]) -> None:
    for holds, name, expected in rules:
        if not holds:
            raise SettingsError(f"{name} is {getattr(settings, name)!r}; expected {expected}")
