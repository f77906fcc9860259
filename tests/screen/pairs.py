"""Views of a pair, as the screen's pure functions take them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from engine.backtest.locked_position import LockedPosition
from engine.backtest.paper import PaperPosition
from engine.market.position_lock import PositionLock
from engine.pairs.calibration import Calibration, FilterStart
from engine.pairs.enums import Action, Reason
from engine.pairs.evidence import BreakWatch, PairEvidence, WindowCoverage
from engine.pairs.noise_gate import FIXED
from engine.pairs.settings import PairSettings
from engine.pairs.snapshot import Snapshot
from engine.stats.bid_ask_bounce import Bounce
from engine.stats.error_correction import ErrorCorrection
from engine.stats.half_life import HalfLife
from engine.stats.health import KalmanHealth, LjungBox
from engine.stats.hedge_interval import HedgeInterval
from engine.stats.power import evidence as of_test
from live.paper import Paper, PaperTotals
from live.parity import Mismatch, Parity
from services.pair_view import PairView
from services.parity import ParityState

NAN = math.nan
START = FilterStart(1e-6, 11.0, (1.1, -3.0, 1.0, 0.0, 1.0), 0.944, 1.1)
CALIBRATION = Calibration(360, 12.0, True, 300.0, 200, 50, 500, 360, START)


def snapshot(**changes: Any) -> Snapshot:
    known = Snapshot(
        open_time_ms=1_790_046_465_000, beta=1.1, alpha=-3.0, spread=0.0012, mean=0.0002, deviation=0.0005, z=2.0,
        beta_ols=1.2, beta_kalman=1.1, gate_statistic=-4.0, gate_critical=-3.3, gate_pvalue=0.012, gate=1.0,
        coverage=0.97, cost_z=0.8, position=-1.0, action=Action.NONE, reason=Reason.NONE,
    )  # fmt: skip
    return known._replace(**changes)


def view(**changes: Any) -> PairView:
    fields: dict[str, Any] = {
        "market": "sim", "y": "ETHUSDT", "x": "BTCUSDT", "settings": PairSettings(break_alarm=5_000), "has_run": True,
        "bars": 900,
        "latest": snapshot(), "calibration": CALIBRATION, "last_prices": (3100.5, 85000.1), "gate_tests": 40,
        "gate_open_share": 0.5, "gate_since_ms": 1_790_042_870_000, "evidence": evidence(), "entries": 3,
        "refused": {Reason.GATE_CLOSED: 7, Reason.WARMUP: 2}, "paper": paper(),
    }  # fmt: skip
    return PairView(**(fields | changes))


def paper(from_history: int = 1, of_book: dict[str, Any] | None = None, **changes: Any) -> Paper:
    fields: dict[str, Any] = {
        "side": -1, "coins_y": -3.225, "coins_x": 0.1294, "entry_y": 3_100.0, "entry_x": 85_000.0, "open_net": 1.234,
        "realised": -4.561, "fees": 0.784, "half_spread": 0.35, "slippage": 0.0, "funding": -0.021, "trades": 3,
        "wins": 1, "equity": 9_996.673,
    }  # fmt: skip
    made, since_ms = PaperPosition(**(fields | changes)), 1_790_042_000_000
    shared = ("open_net", "realised", "fees", "half_spread", "slippage", "funding", "trades", "wins")
    book = PaperTotals(1, since_ms, *(getattr(made, name) for name in shared), is_open_counted=True)
    return Paper(made, since_ms, from_history, 900, replace(book, **(of_book or {})))


def parity(first: Mismatch | None = None) -> ParityState:
    same = 900 if first is None else 899
    return ParityState("done", 5, 5, "", Parity("run", 1_790_046_500_000, (same, 900), (37, 37), (3, 3), first))


def locked(**changes: Any) -> LockedPosition:
    lock = PositionLock(
        "sim", "ETHUSDT", "BTCUSDT", "log", 1.1, -3.0, 0.0002, 0.0005, -3.225, 0.1294, 3_100.0, 85_000.0,
        1_790_046_400_000,
    )  # fmt: skip
    fields: dict[str, Any] = {
        "spread": 0.00123, "z": -0.4, "model_z": 0.1, "gross": -3.21, "costs": 8.0, "drift": 120.0,
        "rehedge_saves": 0.02, "rehedge_costs": 0.07, "rehedge_bars": 12.0,
    }  # fmt: skip
    return LockedPosition(lock, **(fields | changes))


def evidence(**changes: Any) -> PairEvidence:
    fields: dict[str, Any] = {
        "bars": 900, "test_bars": 500, "half_life": HalfLife(18.3, 9.8, 41.8, 43.5, 15.1, 0.955, 23.0),
        "test": of_test(500, 18.3), "tests": 325, "tests_today": 300, "flips": 23, "open_share": 0.68,
        "coverage": (
            WindowCoverage("beta", 200, 0.99, False),
            WindowCoverage("z", 50, 0.6, False),
            WindowCoverage("test", 500, 0.97, True),
        ),
        "half_spreads_bps": (0.42, 0.11), "bounce": Bounce(0.031, 0.41, 8.1, 12.3, 1.51, False),
        "health": health(), "breaks": BreakWatch(0.24, 0.41, 5_000), "hedge": hedge(), "correction": correction(),
        "noise": FIXED, "legs": (0.41, 0.62),
    }  # fmt: skip
    return PairEvidence(**(fields | changes))


def hedge(**changes: Any) -> HedgeInterval:
    fields: dict[str, Any] = {
        "estimator": "kalman", "method": "filter variance", "alpha": -3.0, "beta": 1.1, "alpha_error": 0.3,
        "beta_error": 0.041, "low": 1.02, "high": 1.18, "bars": 870, "phi": 0.965, "half_life": 19.4,
        "half_lives": 44.8, "is_window_long_enough": True,
    }  # fmt: skip
    return HedgeInterval(**(fields | changes))


def correction(**changes: Any) -> ErrorCorrection:
    fields: dict[str, Any] = {
        "speed_y": -0.048, "speed_x": 0.009, "error_y": 0.016, "error_x": 0.006, "t_y": -2.94, "t_x": 1.42,
        "adjusting": "y", "half_life": 11.3, "alpha": -3.0, "beta": 1.1, "lags": 0, "bars": 499,
    }  # fmt: skip
    return ErrorCorrection(**(fields | changes))


def health(**changes: Any) -> KalmanHealth:
    fields: dict[str, Any] = {
        "memory_bars": 623.2, "ratio": 34.1, "light": "green", "nis": 0.92, "nis_white": 0.89, "nis_low": 0.88,
        "nis_high": 1.13, "rho": 0.96, "ljung_box": LjungBox(10.9, 0.28, 10),
    }  # fmt: skip
    return KalmanHealth(**(fields | changes))
