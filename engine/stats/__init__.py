"""Statistics: floats and arrays in, results out. What to call, by question:

    what is the hedge?                  ols, huber, theil_sen, tls; kalman (it moves); multiple_ols (several X legs)
    is the spread stationary?           engle_granger (two legs, one fitted line); adf, kpss (a given series)
    and where the variance moves?       engle_granger_robust
    and where the relation moves?       gregory_hansen (once, at an unknown date)
    how sure is the hedge?              hedge_interval, filter_interval; multiple_regression (several X legs)
    are several legs cointegrated?      johansen
    all tests, in one table?            test_report
    how fast does it revert?            half_life, ou_fit; hurst; error_correction (and which leg)
    where to enter, given costs?        bertram_entry, expected_cycle
    how far from its mean is it now?    zscore, rolling_moments, rolling_ols
    is it the bounce of bid and ask?    trade_side_mid, half_spread_bps, roll_half_spread, bounce
    do they move together?              pearson, rolling_correlation; hayashi_yoshida (trades off a grid)
    who leads?                          lead_lag; granger_causality (on a grid)
    could the test have detected it?    evidence, eg_power, bars_for_power
    is the filter consistent?           kalman_health, effective_memory, nis_band, ljung_box, whiten
    has the relation broken?            cusum, cusum_threshold
    how many discoveries are false?     benjamini_hochberg, benjamini_yekutieli; holm (of one pair); eg_pvalue
    volume, liquidity, volatility?      vwap, volume_profile, volume_ratio, liquidity, returns, volatility

Arrays are 1-D float64 of equal length, times int64 ms UTC, log prices unless stated otherwise. Results are frozen
dataclasses. Bad input raises ValueError with the value found; an unknown value is NaN, never 0. Every
statistic that is used bar by bar is a compiled kernel that takes its state and returns it, so that one bar and a
million bars run the same code. The tests of a module, which check each formula against its source or by simulation,
are in ``tests/engine/stats/test_<module>.py``.
"""

from engine.stats.bid_ask_bounce import Bounce, bounce
from engine.stats.cointegration import EngleGranger, engle_granger
from engine.stats.eg_distribution import eg_pvalue
from engine.stats.error_correction import ErrorCorrection, error_correction
from engine.stats.false_discovery import benjamini_hochberg, benjamini_yekutieli, holm
from engine.stats.granger_causality import GrangerCausality, granger_causality
from engine.stats.gregory_hansen import GregoryHansen, gregory_hansen
from engine.stats.half_life import HalfLife, half_life
from engine.stats.hayashi_yoshida import HayashiYoshida, LeadLag, hayashi_yoshida, lead_lag
from engine.stats.health import KalmanHealth, LjungBox, effective_memory, kalman_health, ljung_box, nis_band, whiten
from engine.stats.hedge_interval import HedgeInterval, filter_interval, hedge_interval
from engine.stats.hurst import Hurst, hurst
from engine.stats.johansen import Johansen, johansen
from engine.stats.kalman import KalmanRun, KalmanSettings, KalmanState, kalman, kalman_calibrate, kalman_filter
from engine.stats.moments import CoMoments, Moments
from engine.stats.multiple_regression import MultipleRegression, multiple_regression
from engine.stats.ornstein_uhlenbeck import OrnsteinUhlenbeck, bertram_entry, expected_cycle, ou_fit
from engine.stats.power import Evidence, bars_for_power, eg_power, evidence
from engine.stats.quotes import half_spread_bps, roll_half_spread, trade_side_mid, trade_side_quotes
from engine.stats.regression import Line, Plane, multiple_ols, ols, tls
from engine.stats.report import TestReport, test_report
from engine.stats.report_rows import TestRow
from engine.stats.returns import pearson, returns, volatility
from engine.stats.robust import TheilSenLine, huber, theil_sen
from engine.stats.rolling import RollingLine, rolling_correlation, rolling_moments, rolling_ols, zscore
from engine.stats.stationarity import Kpss, kpss
from engine.stats.structural_breaks import Cusum, cusum, cusum_threshold
from engine.stats.unitroot import UnitRoot, adf
from engine.stats.volume import Liquidity, VolumeProfile, liquidity, volume_profile, volume_ratio, vwap
from engine.stats.wild_bootstrap import RobustEngleGranger, engle_granger_robust

__all__ = [
    # hedge ratios
    "ols", "huber", "theil_sen", "tls", "multiple_ols", "Line", "TheilSenLine", "Plane",
    "kalman", "kalman_calibrate", "kalman_filter", "KalmanRun", "KalmanSettings", "KalmanState",
    "hedge_interval", "filter_interval", "multiple_regression", "HedgeInterval", "MultipleRegression",
    # one bar after another
    "Moments", "CoMoments", "rolling_moments", "rolling_ols", "rolling_correlation", "zscore", "RollingLine",
    "returns", "volatility", "pearson", "vwap", "volume_profile", "volume_ratio", "liquidity",
    "VolumeProfile", "Liquidity",
    # mean reversion and its speed
    "adf", "kpss", "engle_granger", "engle_granger_robust", "gregory_hansen", "johansen", "test_report",
    "UnitRoot", "Kpss", "EngleGranger", "RobustEngleGranger", "GregoryHansen", "Johansen", "TestReport", "TestRow",
    "half_life", "hurst", "ou_fit", "bertram_entry", "expected_cycle", "HalfLife", "Hurst", "OrnsteinUhlenbeck",
    "error_correction", "ErrorCorrection",
    # asynchronous trades
    "hayashi_yoshida", "lead_lag", "trade_side_mid", "trade_side_quotes", "half_spread_bps", "roll_half_spread",
    "HayashiYoshida", "LeadLag", "granger_causality", "GrangerCausality",
    # reliability of the results
    "evidence", "eg_power", "bars_for_power", "bounce", "kalman_health", "effective_memory", "nis_band", "ljung_box",
    "whiten", "cusum", "cusum_threshold", "eg_pvalue", "benjamini_hochberg", "benjamini_yekutieli", "holm",
    "Evidence", "Bounce", "KalmanHealth", "LjungBox", "Cusum",
]  # fmt: skip
