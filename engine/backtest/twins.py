"""Null twins: surrogate pairs that keep each leg's own returns and have no relation between the legs.

Each leg is cut into its own blocks of random length, which are shuffled: every return is there once, inside a block in
its order (bounce, clustered variance, a part that comes back by itself), and what belongs to a bar goes with it
(half-spread, volume, filled bars), so costs stay what they are. A backtest of the pair is then one more number among
those of its twins, and on unrelated legs its percentile is uniform, whatever the rule: every artefact of a rule shows
in the twins too.

Blocks drawn with replacement (the stationary bootstrap, ``method="bootstrap"``) are the looser choice: a drawn leg
drifts by the sample's drift and a random one on top, so its spread trends more than the pair's own, and on noise the
percentiles crowd at the middle [simulated: docs/mathematics.md].

What twins do not keep: moves that both legs share at one time (so a twin's spread moves more than that of two legs of
one market: compare a ratio, such as the Sharpe ratio a bar, rather than a sum), the hour of the day, and dependence
longer than a block.

Sources: Politis and Romano 1994; Romano 1990; White 2000 (a rule judged against resampled data).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from engine.backtest.block_bootstrap import SEED, drawn_blocks, stream_of
from engine.stats.checks import ArrayLike, Floats, Ints, as_series, positive, whole
from engine.stats.jit import njit
from engine.stats.random import mixed

if TYPE_CHECKING:
    import pandas as pd

    LegLike: TypeAlias = ArrayLike | pd.Series[Any] | pd.DataFrame | Mapping[str, ArrayLike]

TWINS = 200
PRICES = ("close", "mid", "last", "open", "high", "low", "bid", "ask", "fill_bid", "fill_ask")  # scaled with the price
MINIMUM_BARS = 20
METHODS = ("shuffle", "bootstrap")


def twin_pairs(
    y: LegLike,
    x: LegLike,
    count: int = TWINS,
    *,
    mean_block: float | None = None,
    method: str = "shuffle",
    seed: int = SEED,
) -> Iterator[tuple[Any, Any]]:
    """``count`` surrogate pairs one after another, each of the kinds given; the memory of one at a time.

    A leg is an array or Series of prices, or a frame or mapping of columns with ``close``; NaN where it did not trade.
    Columns of ``PRICES`` keep their ratio to the close, all others their values. A twin begins with the first bar of
    its leg. ``mean_block`` in bars, sqrt(bars) by default. Twin k is a function of the legs, ``seed`` and k.

    Raises ValueError for under 20 bars, prices that are not positive, and a first bar without a price.
    """
    sources = [TwinSource.of(each, name, mean_block, method) for each, name in ((y, "y"), (x, "x"))]
    start, total = whole(seed, "seed", at_least=0), whole(count, "count", at_least=1)
    for number in range(total):
        yield sources[0].draw(start, 2 * number), sources[1].draw(start, 2 * number + 1)


@dataclass(frozen=True, slots=True, eq=False)
class TwinSource:
    """One leg, prepared: ``ratio`` of each bar's price to the one before, ``columns`` (names x bars) of which the first
    ``prices`` are ratios to the bar's price; ``given`` in the kind that a twin takes."""

    given: Any
    names: tuple[str, ...]
    ratio: Floats
    columns: Floats
    prices: int
    first: float
    mean_block: float
    is_shuffled: bool

    @classmethod
    def of(cls, given: Any, name: str = "leg", mean_block: float | None = None, method: str = "shuffle") -> TwinSource:
        """Check and prepare a leg. Raises ValueError as :func:`twin_pairs`."""
        if method not in METHODS:
            raise ValueError(f"method is {method!r}; expected one of {', '.join(METHODS)}")
        values = {str(key): given[key] for key in given} if _has_columns(given) else {"close": given}
        if "close" not in values:
            raise ValueError(f"{name} has the columns {list(values)}; expected close among them")
        table = {key: as_series(each, f"{name}.{key}", minimum=MINIMUM_BARS, nan=True) for key, each in values.items()}
        close = _carried(table["close"], name)
        scaled = [key for key in table if key in PRICES]
        names = (*scaled, *(key for key in table if key not in PRICES))
        columns = np.empty((len(names), close.size))
        for row, key in enumerate(names):
            if table[key].size != close.size:
                raise ValueError(f"{name}.{key} has {table[key].size} values; expected {close.size} as close has")
            columns[row] = table[key] / close if key in PRICES else table[key]
        ratio = np.concatenate(([1.0], close[1:] / close[:-1]))
        block = close.size**0.5 if mean_block is None else positive(mean_block, "mean_block")
        return cls(given, names, ratio, columns, len(scaled), float(close[0]), block, method == "shuffle")

    def arrays(self, seed: int, stream: int) -> Floats:
        """The columns of one twin, in the order of ``names``, shape (names, bars)."""
        out, price = np.empty_like(self.columns), np.empty(self.ratio.size)
        starts, lengths = np.empty((2, self.ratio.size - 1), dtype=np.int64)
        state = np.uint64(stream_of(np.uint64(seed), stream))
        count = drawn_blocks(starts, lengths, starts.size, self.mean_block, self.is_shuffled, state)
        _join(self.ratio, self.columns, self.prices, self.first, starts[:count], lengths[:count], price, out)
        return out

    def draw(self, seed: int, stream: int) -> Any:
        """One twin in the kind that was given: a Series or frame keeps its index."""
        found = self.arrays(seed, stream)
        if not _has_columns(self.given):
            if not hasattr(self.given, "iloc"):
                return found[0]
            return type(self.given)(found[0], index=self.given.index, name=self.given.name)
        if hasattr(self.given, "iloc"):
            frame = type(self.given)(found.T, columns=list(self.names), index=self.given.index)
            return frame[[str(key) for key in self.given]]
        return dict(zip(self.names, found, strict=True))


def percentile_among(value: float, twins: ArrayLike, seed: int = SEED) -> float:
    """Where ``value`` stands among its twins, 0 to 100: uniform if it is one of them.

    Of twins that are equal to it a part, drawn by ``seed``, counts as below: otherwise rules that seldom trade would
    pile up at one figure. Raises ValueError for a value or a twin that is NaN: a statistic that is 0 where nothing was
    traded, such as the net profit, is always known.

    >>> percentile_among(2.5, [1.0, 2.0, 3.0, 4.0], seed=1) == percentile_among(2.5, [4.0, 3.0, 2.0, 1.0], seed=1)
    True
    """
    others = as_series(twins, "twins", is_squared=False)
    own = float(as_series([value], "value", is_squared=False)[0])
    below, equal = int((others < own).sum()), int((others == own).sum())
    bits = int(mixed(np.uint64(stream_of(np.uint64(whole(seed, "seed", at_least=0)), others.size))))
    share = (bits + 0.5) / 2.0**64
    return 100.0 * (below + share * (equal + 1)) / (others.size + 1)


@njit
def _join(
    ratio: Floats, columns: Floats, prices: int, first: float, starts: Ints, lengths: Ints, price: Floats, out: Floats
) -> None:
    """The first bar, then the blocks of bars 1 .. n-1; the price is the product of their ratios."""
    bars = ratio.size
    price[0] = level = first
    out[:, 0] = columns[:, 0]
    at = 1
    for block in range(starts.size):
        source, length = starts[block] + 1, lengths[block]
        while length > 0:
            run = min(length, bars - source)  # up to the end of the leg, then from its start
            for i in range(run):
                level *= ratio[source + i]
                price[at + i] = level
            for row in range(columns.shape[0]):
                out[row, at : at + run] = columns[row, source : source + run]
            at, length, source = at + run, length - run, 1
    for row in range(prices):
        for i in range(bars):
            out[row, i] *= price[i]


def _has_columns(given: Any) -> bool:
    return isinstance(given, Mapping) or hasattr(given, "columns")


def _carried(close: Floats, name: str) -> Floats:
    """Prices with the last one repeated where a bar has none."""
    bad = ~(np.isnan(close) | (close > 0.0))
    if bad.any() or np.isnan(close[0]):
        at = int(np.argmax(bad)) if bad.any() else 0
        raise ValueError(f"{name}.close[{at}] is {close[at]}; expected positive prices, and one in the first bar")
    known = np.maximum.accumulate(np.where(np.isnan(close), 0, np.arange(close.size)))
    return close[known]
