"""The settings of a pair as fields, grouped as the questions that they answer."""

from __future__ import annotations

from dataclasses import dataclass

from screen.components import ids
from screen.components.fields import Choices, Field
from screen.components.formatting import ESTIMATOR_NAMES

INTERVALS: Choices = (
    ("1s", "1 s – bounce shows"),
    ("5s", "5 s – default"),
    ("1m", "1 m – slow pairs"),
    ("5m", "5 m – medium"),
    ("15m", "15 m – longer"),
    ("1h", "1 h – days of data"),
)


@dataclass(frozen=True, slots=True)
class Question:
    """A group of fields: ``fields`` are always shown, ``more`` is folded."""

    name: str
    asks: str
    fields: tuple[Field, ...]
    more: tuple[Field, ...]


_LINE = Question(
    "Line", "How is the hedge line estimated?",
    (
        Field(ids.INTERVAL, "interval", "Bars", "Width of a bar.", INTERVALS),
        Field(
            ids.PRICES, "price", "Price",
            "Last prints bounce between bid and ask, which looks like mean reversion.",
            (("mid", "trade-side mid"), ("last", "last print, bounces")),
        ),
        Field(
            ids.ESTIMATOR, "estimator", "Hedge",
            "How the hedge ratio is estimated. Kalman updates with every bar; OLS and TLS roll over the β window; Huber"
            " and Theil-Sen resist outliers and stay fixed between two fits.", tuple(ESTIMATOR_NAMES.items()),
        ),
        Field(
            ids.BETA_WINDOW, "beta_window", "β window", "Bars of every estimator but Kalman; empty: 25 half-lives.",
            is_whole=True, empty="auto", unit="bars",
        ),
        Field(
            ids.MEMORY, "memory_half_life", "Memory", "Half-life of Kalman's memory, in bars; empty: 25 half-lives.",
            empty="auto", unit="bars",
        ),
    ),
    (
        Field(
            ids.SPACE, "space", "Hedge in", "Dollars: β is a ratio of dollars, on log prices. Coins: of coins.",
            (("log", "dollars, log prices"), ("price", "coins, prices")),
        ),
        Field(
            ids.CALIBRATION, "calibration_bars", "Calibration",
            "Bars before the first decision; the half-life and the filter's initial state are fitted on them once.",
            is_whole=True, unit="bars",
        ),
        Field(
            ids.REFIT, "refit_every", "Fit again every",
            "Bars between two fits of Huber or Theil-Sen; empty: a tenth of the window.", is_whole=True, empty="auto",
            unit="bars",
        ),
    ),
)  # fmt: skip
_SIGNAL = Question(
    "Signal", "When is the spread far from its mean?",
    (
        Field(
            ids.Z_WINDOW, "z_window", "z window", "Bars of the rolling mean and deviation; empty: 10 half-lives.",
            is_whole=True, empty="auto", unit="bars",
        ),
        Field(ids.ENTRY, "entry_z", "Entry |z|", "Enter when |z| passes this, in deviations of the spread.", unit="σ"),
        Field(ids.EXIT, "exit_z", "Exit |z|", "Exit when z is back at this; 0: when it crosses zero.", unit="σ"),
        Field(
            ids.ENTRY_MODE, "entry_mode", "Enter as z",
            "Is beyond: at any such bar. Passes it: only as it goes beyond. Returns: as it comes back inside.",
            (("simple", "is beyond"), ("uptick", "passes it"), ("downtick", "returns")),
        ),
    ),
    (
        Field(
            ids.Z_SCALE, "z_scale", "z from", "The spread's rolling deviation, or the one that Kalman expects.",
            (("rolling", "rolling deviation"), ("filter", "Kalman's own")),
        ),
        Field(
            ids.ENTRY_AT, "entry_at", "Enter by z at",
            "Mids: at the middle of the quotes. Quotes: at those that the order takes, buying at the ask and selling at"
            " the bid, so |z| has to go further out by what that costs.",
            (("mid", "the mids"), ("quotes", "the quotes")),
        ),
    ),
)  # fmt: skip
_GATE = Question(
    "Gate", "What must be true before an entry?",
    (
        Field(
            ids.GATE_ON, "gate", "Test",
            "Whether entries wait for the Engle-Granger test. Robust: to open, a wild bootstrap has to agree, so that a"
            " variance that clusters or jumps opens it no more often than its level says.",
            (("engle-granger", "Engle-Granger"), ("robust", "robust"), ("off", "off – no test")),
        ),
        Field(
            ids.GATE_LEVEL, "gate_level", "Opens at",
            "The level at which the gate opens; it closes at 20 %.", (("1", "1 %"), ("5", "5 %"), ("10", "10 %")),
        ),
        Field(
            ids.TEST_WINDOW, "test_window", "Test window",
            "Bars that the gate tests; empty: 40 half-lives, at least 500.", is_whole=True, empty="auto", unit="bars",
        ),
    ),
    (
        Field(
            ids.GATE_EVERY, "gate_every", "Test every", "Bars between two tests of the gate.", is_whole=True,
            unit="bars",
        ),
        Field(
            ids.GATE_DWELL, "gate_dwell", "Stays at least", "Least bars that the gate keeps its state.", is_whole=True,
            unit="bars",
        ),
        Field(
            ids.GATE_LAGS, "gate_lags", "Test lags", "How the test chooses its lags; BIC keeps its size best.",
            (("bic", "BIC"), ("aic", "AIC"), ("0", "0"), ("1", "1"), ("2", "2"), ("4", "4")),
        ),
        Field(
            ids.CENTRE_LIMIT, "centre_limit", "Off centre",
            "No entry while the spread's mean over the z window is more standard errors from zero; empty: any.",
            empty="any", unit="std errors",
        ),
        Field(
            ids.STALE, "stale_after_ms", "Leg is stale after", "A leg without a trade for longer blocks entries.",
            is_whole=True, unit="ms",
        ),
        Field(
            ids.LEAST_COVERAGE, "least_coverage", "Least coverage",
            "Share of the z window's bars, 0 to 1, in which both legs must have traded; less blocks entries.",
            unit="0 to 1",
        ),
    ),
)  # fmt: skip
_COSTS = Question(
    "Costs", "What does a round trip cost?",
    (
        Field(
            ids.FEE, "fee_bps", "Fee", "Per fill, in basis points of the traded value; a round trip has four.",
            unit="bps",
        ),
        Field(
            ids.COST_FILTER, "cost_filter", "only entries that pay the round trip",
            "Enter only if |z| is beyond the exit plus the cost of the round trip.", is_switch=True,
        ),
    ),
    (
        Field(
            ids.HALF_SPREAD, "half_spread_bps", "Half-spread",
            "Per fill; empty: measured from the trades' sides.", empty="measured", unit="bps",
        ),
        Field(ids.SLIPPAGE, "slippage_bps", "Slippage", "Per fill, beyond the half-spread.", unit="bps"),
    ),
)  # fmt: skip
_RISK = Question(
    "Risk", "How large is it, and what ends it?",
    (
        Field(ids.NOTIONAL, "notional", "Size of Y", "Quote currency in the Y leg of a signal.", unit="quote"),
        Field(
            ids.STOP, "stop_z", "Stop |z|", "Exit when z goes this far out on the adverse side; empty: none.",
            empty="none", unit="σ",
        ),
        Field(
            ids.MAX_HOLD, "max_hold_half_lives", "Hold at most", "Then exit, whatever z is; empty: no limit.",
            empty="none", unit="half-lives",
        ),
    ),
    (
        Field(
            ids.MAX_Z, "max_z", "Largest |z|", "No entry beyond: the relation may have broken; empty: no limit.",
            empty="none", unit="σ",
        ),
        Field(
            ids.COOLDOWN, "cooldown_bars", "Cool-down", "Bars after an exit without an entry.", is_whole=True,
            unit="bars",
        ),
        Field(
            ids.HEDGE_MIN, "hedge_min", "Least hedge", "Dollars of X per dollar of Y; with less no entry is given.",
            unit="$ per $",
        ),
        Field(
            ids.HEDGE_MAX, "hedge_max", "Largest hedge",
            "Dollars of X per dollar of Y; with more no entry. Both legs hold at most 1 + this times the size of Y.",
            unit="$ per $",
        ),
        Field(
            ids.NEGATIVE_HEDGE, "negative_hedge", "both legs may go the same way",
            "Entries with a negative hedge: both legs are bought, or both sold.", is_switch=True,
        ),
        Field(
            ids.BREAK_ALARM, "break_alarm", "Break alarm",
            "Bars between false alarms, on average. An alarm ends the run, and the next is calibrated on bars after it;"
            " empty: no alarm.", is_whole=True, empty="none", unit="bars",
        ),
    ),
)  # fmt: skip
QUESTIONS = (_LINE, _SIGNAL, _GATE, _COSTS, _RISK)
FIELDS = tuple(field for question in QUESTIONS for field in (*question.fields, *question.more))
FORM = tuple(field.id for field in FIELDS)
BY_NAME = {field.name: field for field in FIELDS}
