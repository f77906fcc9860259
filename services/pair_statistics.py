"""The statistics of one pair over its last bars, each with its error: hedge ratios, spread, z, correlation, returns.

Prices are the trade-side mids of whole bars, in logs. What a filter or a window cannot know yet is None.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from engine.errors import SettingsError
from engine.market.intervals import SECOND_MS, bar_open, interval_name, parse_interval
from engine.market.ticks import read_symbol
from engine.pairs.layout import In
from engine.scan.prices import closing_prices
from engine.stats import engle_granger, half_life, hedge_interval, rolling_correlation, zscore
from engine.stats.checks import Floats
from engine.stats.eg_distribution import eg_pvalue
from engine.store.interface import Backend, BarReader
from live.monitor import Monitor
from services.market_data import NotFound, market_of

REGRESSIONS = {
    "ols": "ols",
    "robust": "huber",
    "huber": "huber",
    "kalman": "kalman",
    "theil-sen": "theil-sen",
    "tls": "tls",
}
LEAST_BARS, MOST_BARS = 30, 5_000
YEAR_MS = 365 * 86_400_000
SHOWN = ("ols", "huber", "kalman")  # hedge ratios that are always given


@dataclass(frozen=True, slots=True)
class PairQuestion:
    """``y`` on ``x`` over the last ``bars`` bars of ``interval_ms``; z and correlation over ``window`` of them.
    ``market`` empty: the one that holds both. ``series``: with the values of every bar."""

    market: str
    y: str
    x: str
    interval_ms: int
    bars: int = 1_000
    window: int = 50
    regression: str = "ols"
    adf: bool = True
    series: bool = True

    @classmethod
    def of(
        cls, market: str, legs: tuple[str, str], interval: str, lengths: tuple[int, int], regression: str
    ) -> PairQuestion:
        """The question from text; ``lengths``: bars and window. Raises SettingsError, and RowRefused for what can be no
        symbol."""
        try:
            width_ms = parse_interval(interval)
        except ValueError as error:
            raise SettingsError(str(error)) from None
        y, x = (read_symbol(leg.strip().upper()) for leg in legs)
        return cls(market, y, x, width_ms, *lengths, regression)

    def __post_init__(self) -> None:
        """Raises SettingsError naming the field, the value and what was expected."""
        if self.y == self.x:
            raise SettingsError(f"both symbols are {self.y}; expected two legs, Y first")
        if self.regression not in REGRESSIONS:
            raise SettingsError(f"regression is {self.regression[:20]!r}; expected {', '.join(REGRESSIONS)}")
        if not LEAST_BARS <= self.bars <= MOST_BARS:
            raise SettingsError(f"bars is {self.bars}; expected {LEAST_BARS} to {MOST_BARS}")
        if not 5 <= self.window < self.bars:
            raise SettingsError(f"window is {self.window}; expected 5 to {self.bars - 1} bars")


class _Closes(NamedTuple):
    """Closing mids of both legs, gaps filled with the price before; ``filled``: bars without a trade, by leg."""

    market: str
    from_ms: int
    y: Floats
    x: Floats
    filled: tuple[int, int]


class PairStatisticsService:
    """Answers questions about any two symbols of one data folder. Any thread may call."""

    def __init__(self, backend: Backend, monitor: Monitor) -> None:
        """``monitor``: the bars of watched pairs are in its memory already."""
        self._backend = backend
        self._monitor = monitor

    def statistics(self, asked: PairQuestion) -> dict[str, Any]:
        """Plain JSON values, unknown ones None. Raises NotFound, SettingsError for too few bars, StoreError."""
        closes = self._watched(asked) or self._stored(asked)
        least = max(LEAST_BARS, asked.window + 1)
        if closes.y.size < least:
            raise NotFound(
                f"{asked.y} and {asked.x} have {closes.y.size} complete bars of"
                f" {interval_name(asked.interval_ms)} together;"
                f" expected at least {least}"
            )
        try:
            found: dict[str, Any] = _plain(_statistics(asked, closes))
            return found
        except ValueError as error:  # a leg or the spread does not move
            raise NotFound(f"{asked.y} on {asked.x}: {error}") from None

    def _watched(self, asked: PairQuestion) -> _Closes | None:
        with self._monitor.lock:
            for watch in self._monitor.watches.values():
                entry = watch.entry
                is_it = (entry.y, entry.x, watch.settings.interval_ms) == (asked.y, asked.x, asked.interval_ms)
                run = self._monitor.followed(watch) if is_it and asked.market in ("", entry.market) else None
                if run is not None and run.model.size >= asked.bars:
                    model = run.model
                    first = model.size - asked.bars
                    y, x = (each.copy() for each in model.inputs(In.MID, first))
                    flags = model.inputs(In.FLAGS, first)
                    filled = [int((each.astype(np.int64) & 1).sum()) for each in flags]
                    return _Closes(entry.market, model.open_time_ms(first), y, x, (filled[0], filled[1]))
        return None

    def _stored(self, asked: PairQuestion) -> _Closes:
        bulk = self._backend.bulk_reader()
        try:
            market, y_span = market_of(bulk, asked.y, asked.market)
            _, x_span = market_of(bulk, asked.x, market)
        finally:
            bulk.close()
        width_ms, reader = asked.interval_ms, self._backend.bar_reader()
        try:
            to_ms = bar_open(reader.watermark_ms(market) or min(y_span.end_ms, x_span.end_ms), width_ms)
            from_ms = max(to_ms - asked.bars * width_ms, bar_open(max(y_span.first_ms, x_span.first_ms), width_ms))
            span = from_ms, max(to_ms, from_ms)
            legs = [_closes(reader, market, name, span, width_ms) for name in (asked.y, asked.x)]
        finally:
            reader.close()
        known = ~np.isnan(legs[0]) & ~np.isnan(legs[1])
        begin = int(np.argmax(known)) if known.any() else known.size
        y, x = (_carried(each[begin:]) for each in legs)
        filled = [int(np.isnan(each[begin:]).sum()) for each in legs]
        return _Closes(market, from_ms + begin * width_ms, y, x, (filled[0], filled[1]))


def _closes(reader: BarReader, market: str, symbol: str, span: tuple[int, int], width_ms: int) -> Floats:
    from_ms, to_ms = span
    read = reader.read(market, symbol, from_ms, to_ms)
    quotes = (read.low, read.high, read.close, read.bid, read.ask)
    slots = read.open_time_ms // width_ms
    return closing_prices(slots, quotes, read.is_sided, from_ms // width_ms, (to_ms - from_ms) // width_ms)


def _carried(values: Floats) -> Floats:
    places = np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(values.size)))
    carried: Floats = values[places] if values.size else values
    return carried


def _statistics(asked: PairQuestion, closes: _Closes) -> dict[str, Any]:
    y, x, width_ms = np.log(closes.y), np.log(closes.x), asked.interval_ms
    chosen = REGRESSIONS[asked.regression]
    hedges = {name: _hedge(y, x, name) for name in dict.fromkeys((*SHOWN, chosen))}
    line = hedges[chosen]
    spread = y - line["alpha"] - line["beta"] * x
    z = zscore(spread, asked.window)
    gains_y, gains_x = np.diff(y), np.diff(x)
    r = np.concatenate([[np.nan], rolling_correlation(gains_y, gains_x, asked.window)])
    life = half_life(spread, residual=True)
    found = {
        "market": closes.market, "y": asked.y, "x": asked.x, "interval": interval_name(width_ms),
        "from_ms": closes.from_ms, "to_ms": closes.from_ms + y.size * width_ms, "bars": y.size, "window": asked.window,
        "filled": {asked.y: closes.filled[0], asked.x: closes.filled[1]}, "regression": chosen,
        "hedge_ratio": line["beta"], "hedge_error": line["beta_error"], "hedges": hedges,
        "spread": _spread_now(spread, asked.window, line["phi"]), "zscore": _z_now(z, asked.window, line["phi"]),
        "correlation": _correlation_now(r, asked.window),
        "half_life_bars": {"value": life.bars, "low": life.low, "high": life.high},
        "price_stats": {asked.y: price_stats(closes.y, width_ms), asked.x: price_stats(closes.x, width_ms)},
        "adf": _gate(y, x) if asked.adf else None,
    }  # fmt: skip
    if asked.series:
        times = closes.from_ms + width_ms * np.arange(y.size, dtype=np.int64)
        values = {"y": closes.y, "x": closes.x, "spread": spread, "zscore": z, "correlation": r}
        found["series"] = {"open_time_ms": times} | values
    return found


def _hedge(y: Floats, x: Floats, name: str) -> dict[str, Any]:
    return asdict(hedge_interval(y, x, name))


class Worth(NamedTuple):
    """How many independent values a window of an AR(1) is worth: for its ``mean``, and for its ``variance``, whose
    terms are squares: they forget at the square of the rate (Bartlett's formula for a Gaussian AR(1))."""

    mean: float
    variance: float


def worth_of(window: int, phi: float) -> Worth:
    """Of so many values in a row.

    >>> worth_of(100, 0.5)
    Worth(mean=33.333333333333336, variance=60.0)
    """
    held = min(max(phi, 0.0), 0.999) if phi == phi else 0.0
    mean, variance = (window * (1.0 - rate) / (1.0 + rate) for rate in (held, held * held))
    return Worth(max(mean, 2.0), max(variance, 2.0))


def _spread_now(spread: Floats, window: int, phi: float) -> dict[str, float]:
    last = spread[-window - 1 : -1]  # those before the last bar, against which its z is measured
    deviation, worth = float(last.std(ddof=1)), worth_of(window, phi)
    return {
        "value": float(spread[-1]), "mean": float(last.mean()), "mean_error": deviation / math.sqrt(worth.mean),
        "deviation": deviation, "deviation_error": deviation / math.sqrt(2.0 * worth.variance),
    }  # fmt: skip


def _z_now(z: Floats, window: int, phi: float) -> dict[str, float]:
    """The error of z follows from those of the mean and the deviation, which an AR(1) spread makes larger."""
    value, worth = float(z[-1]), worth_of(window, phi)
    return {"value": value, "error": math.sqrt(1.0 / worth.mean + value * value / (2.0 * worth.variance))}


def _correlation_now(r: Floats, window: int) -> dict[str, float]:
    """Of log returns, with Fisher's 95 % interval."""
    value = float(r[-1])
    reach = 1.96 / math.sqrt(max(window - 3, 1))
    middle = math.atanh(min(max(value, -0.999999), 0.999999)) if value == value else math.nan
    return {"value": value, "low": math.tanh(middle - reach), "high": math.tanh(middle + reach)}


def price_stats(price: Floats, width_ms: int) -> dict[str, float | None]:
    """S4's price statistics; the level of a price wanders, so its mean has no error, and its returns have."""
    gains = np.diff(np.log(price))
    n, deviation = gains.size, float(gains.std(ddof=1))
    centred = gains - gains.mean()
    kurtosis = float((centred**4).mean() / (centred**2).mean() ** 2) if deviation else math.nan
    year = math.sqrt(YEAR_MS / max(width_ms, SECOND_MS))
    return {
        "mean": float(price.mean()), "mean_error": None, "std": float(price.std(ddof=1)), "std_error": None,
        "last_price": float(price[-1]), "last_return": float(gains[-1]),
        "mean_return": float(gains.mean()), "mean_return_error": deviation / math.sqrt(n),
        "annualised_volatility": deviation * year,
        "annualised_volatility_error": deviation * year * math.sqrt(max(kurtosis - 1.0, 0.0) / (4.0 * n)),
    }  # fmt: skip


def _gate(y: Floats, x: Floats) -> dict[str, Any]:
    """The residual of a fitted line has the distribution of Engle and Granger, not Dickey and Fuller's."""
    found = engle_granger(y, x)
    critical = {f"{level}%": value for level, value in found.critical.items()}
    return {
        "statistic": found.statistic, "pvalue": float(eg_pvalue(found.statistic, y.size)), "lags": found.lags,
        "critical": critical, "null": "no cointegration (Engle-Granger, BIC)",
    }  # fmt: skip


def _plain(value: Any) -> Any:
    """NaN and infinity as None, arrays as lists."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray):
        listed: list[Any] = value.tolist()
        return (
            listed
            if value.dtype.kind != "f" or np.isfinite(value).all()
            else [each if math.isfinite(each) else None for each in listed]
        )
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
