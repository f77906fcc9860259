"""The same backtest on null twins: where the pair stands among surrogates whose legs have no relation.

Sources: those of :mod:`engine.backtest.twins`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from engine.backtest.account import Account
from engine.backtest.block_bootstrap import SEED
from engine.backtest.costs import Costs
from engine.backtest.inputs import Venue, prepare
from engine.backtest.ledger_run import LedgerRun, run_on
from engine.backtest.rows import Inputs
from engine.backtest.twins import TWINS, percentile_among, twin_pairs
from engine.pairs.settings import PairSettings
from engine.stats.checks import Floats
from engine.stats.representation import short_repr

if TYPE_CHECKING:
    from engine.pairs.bar_grid import LegLike, TimesLike

Statistic: TypeAlias = Callable[[Inputs, LedgerRun], float]
_AHEAD = 2  # twins drawn for each thread before they are needed: bounds the memory
_KEPT_VALUES = 2_000_000  # 16 MB


@dataclass(frozen=True, slots=True, eq=False)
class NullTwins:
    """``own``: the pair's statistic; ``twins``: one value a twin; ``percentile`` of ``own`` among them, 0 to 100,
    uniform where the legs are unrelated; ``seed``: of the twins and of ties."""

    own: float
    twins: Floats
    percentile: float
    seed: int

    __repr__ = short_repr

    @property
    def worse(self) -> int:
        """Twins below ``own``; equal ones are not."""
        return int((self.twins < self.own).sum())

    @property
    def p_value(self) -> float:
        """(1 + twins at or above ``own``) / (1 + twins): the pair is one of them where the legs are unrelated, so it is
        never 0. Phipson and Smyth 2010."""
        return float(1 + self.twins.size - self.worse) / (1 + self.twins.size)


def sharpe_a_bar(inputs: Inputs, found: LedgerRun) -> float:
    """Mean over deviation of the bars' profit after costs; 0 where nothing was traded. A ratio, because the spread of
    a twin, whose legs have no common moves, moves more than the pair's own."""
    changes = np.diff(found.equity)
    deviation = float(changes.std()) if changes.size else 0.0
    return float(changes.mean()) / deviation if deviation > 0.0 else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Strategy:
    """What is backtested: rule, costs, account and venue, and the figure that is compared."""

    settings: PairSettings
    costs: Costs
    account: Account = field(default_factory=Account)
    venue: Venue = field(default_factory=Venue)
    statistic: Statistic = sharpe_a_bar

    __repr__ = short_repr

    def measure(self, y: LegLike, x: LegLike, times_ms: TimesLike = None) -> float:
        """The figure of one pair."""
        inputs = prepare(y, x, times_ms, self.settings, self.costs, self.venue)
        return self.statistic(inputs, run_on(inputs, self.costs, self.account, self.venue))


def null_twins(
    y: LegLike,
    x: LegLike,
    times_ms: TimesLike,
    strategy: Strategy,
    *,
    count: int = TWINS,
    seed: int = SEED,
    threads: int = 2,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> NullTwins:
    """Backtest a pair and ``count`` twins of it; arguments as for :func:`engine.backtest.run`.

    ``progress`` gets (twins done, ``count``) after each, and stops the work by raising. Threads do not affect results.
    Raises ValueError as ``run`` and :func:`engine.backtest.twin_pairs`.
    """
    _keep_memory()
    own = strategy.measure(y, x, times_ms)
    values = np.empty(count)
    pairs = twin_pairs(y, x, count, seed=seed)
    with ThreadPoolExecutor(threads) as pool:
        for number, value in enumerate(_measured(pool, strategy, pairs, times_ms, threads * _AHEAD)):
            values[number] = value
            progress(number + 1, count)
    return NullTwins(own, values, percentile_among(own, values, seed), seed)


def _keep_memory() -> None:
    """Allocate a block and free it. glibc then keeps freed memory up to twice its size for the next twin; otherwise it
    gives the arrays of each twin back to the system, and a quarter of the time is the kernel's, clearing pages. Other
    allocators do not mind."""
    np.empty(_KEPT_VALUES)


def _measured(
    pool: ThreadPoolExecutor, strategy: Strategy, pairs: Iterator[tuple[Any, Any]], times_ms: TimesLike, ahead: int
) -> Iterator[float]:
    """The figure of each pair, in their order."""
    waiting: deque[Future[float]] = deque()
    try:
        for y, x in pairs:
            waiting.append(pool.submit(strategy.measure, y, x, times_ms))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for each in waiting:
            each.cancel()
