"""The synthetic market: a pure function of its seed and its start. It reads no clock and does no I/O.

log price_i = a_i + beta_i * F + u_i on a grid of 100 ms, F a random walk common to all coins and u_i as defined in
settings.Coin. Trades arrive by a Poisson process and print at the bid or the ask around that price. The market is
generated in blocks of one minute of its own time, so the step size, and the set of other coins, do not affect the
trades of a coin.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from simulator.settings import Coin
from simulator.trade_history import TRADES, Rows, joined

GRID_MS = 100
BLOCK_MS = 60_000
GRID_POINTS = BLOCK_MS // GRID_MS
MAX_FILLS = 20
LAG_MS = (4, 160)
SWEEP_SHARE = 0.15  # of the arrivals print a second trade one tick further, at the same time
RPI_SHARE = 0.02  # of the trades have fills that nq excludes
TYPICAL_NOTIONAL = 500.0

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(slots=True)
class CoinState:
    """The state of one coin: its next ids, its own part u and permanent jumps of the log price."""

    next_id: int
    next_fill: int
    own: float = 0.0
    shift: float = 0.0


@dataclass(slots=True)
class MarketState:
    """The state from which a later market continues. ``generation`` counts its starts."""

    generation: int = 0
    factor: float = 0.0
    coins: dict[str, CoinState] = field(default_factory=dict)


class SyntheticMarket:
    """Coins that trade from ``start_ms`` on.

    Each coin draws from its own generator, seeded by (seed, generation, symbol). ``first_id`` is used for coins without
    ``state``.
    """

    def __init__(
        self, coins: Sequence[Coin], seed: int, start_ms: int, first_id: int, *,
        factor_bps: float = 1.0, state: MarketState | None = None,
    ) -> None:  # fmt: skip
        state = state or MarketState()
        self._generation = state.generation
        self.seed = [seed, state.generation]
        self.factor_bps = factor_bps
        self.began = MarketState(  # where it began; the lines go on from there
            state.generation, state.factor,
            {coin.symbol: state.coins.get(coin.symbol) or CoinState(first_id, first_id) for coin in coins},
        )  # fmt: skip
        self._rng = np.random.default_rng(self.seed)
        self._factor_sd = factor_bps * 1e-4 * math.sqrt(GRID_MS / 1_000)
        self._end_ms = start_ms
        self._factor = np.full(1, state.factor)
        self._lines = {
            coin.symbol: _Line(
                coin,
                np.random.default_rng([*self.seed, *coin.symbol.encode()]),
                self.began.coins[coin.symbol],
            )
            for coin in coins
        }

    def advance(self, until_ms: int) -> dict[str, Rows]:
        """The trades since the last call, with times up to and including ``until_ms``."""
        while self._end_ms <= until_ms:
            walk = self._factor_sd * self._rng.standard_normal(GRID_POINTS)
            self._factor = self._factor[-1] + np.cumsum(walk)
            for line in self._lines.values():
                line.trade(self._end_ms, self._factor)
            self._end_ms += BLOCK_MS
        return {symbol: rows for symbol, line in self._lines.items() if len(rows := line.take(until_ms))}

    def jump(self, symbol: str, bps: float) -> None:
        """Move one coin's price permanently, from its next trade on."""
        self._lines[symbol].jump(bps)

    def next_ids(self) -> Mapping[str, int]:
        """Per symbol, the next id."""
        return {symbol: line.next_id for symbol, line in self._lines.items()}

    def state(self, now_ms: int) -> MarketState:
        """The market's state at ``now_ms``, the time of its last advance."""
        at = min(max((now_ms - (self._end_ms - BLOCK_MS)) // GRID_MS, 0), len(self._factor) - 1)
        coins = {symbol: line.state(at) for symbol, line in self._lines.items()}
        return MarketState(self._generation, float(self._factor[at]), coins)


class _Line:
    """One coin: its own part of the price, and its generated but not yet returned trades."""

    def __init__(self, coin: Coin, rng: np.random.Generator, state: CoinState) -> None:
        self._coin = coin
        self._rng = rng
        self._price_decimals, self._tick_units = step_of(coin.tick)
        self._lot_decimals, self._lot_units = step_of(coin.lot)
        self._own = np.full(1, state.own)
        self._shift = state.shift
        self._made_id = self.next_id = state.next_id
        self._made_fill = self._next_fill = state.next_fill
        self._last_sent_ms = 0
        self._made: list[Rows] = []

    def trade(self, start_ms: int, factor: Floats) -> None:
        """Generate the trades of the block that starts at ``start_ms``."""
        coin, rng = self._coin, self._rng
        self._own = self._own_path()
        self._break(start_ms)
        logs = math.log(coin.price) + coin.beta * factor + self._own + self._shift
        arrivals = int(rng.poisson(coin.trades_per_s * BLOCK_MS / 1_000 / (1 + SWEEP_SHARE)))
        offsets = np.sort(rng.integers(0, BLOCK_MS, arrivals))
        prints = 1 + (rng.random(arrivals) < SWEEP_SHARE)
        maker = np.repeat(rng.random(arrivals) < 0.5, prints)
        depth = np.arange(len(maker)) - np.repeat(np.cumsum(prints) - prints, prints)
        offsets = np.repeat(offsets, prints)
        ticks = self._ticks(logs[offsets // GRID_MS], maker, depth)
        rows = np.empty(len(maker), TRADES)
        rows["time_ms"] = start_ms + offsets
        rows["price"] = ticks * self._tick_units
        rows["price_decimals"] = self._price_decimals
        rows["maker"] = maker
        self._fill_sizes(rows)
        self._fill_ids(rows)
        self._made.append(rows)

    def take(self, until_ms: int) -> Rows:
        """Return the generated trades up to ``until_ms``."""
        made = joined(self._made)
        cut = int(np.searchsorted(made["time_ms"], until_ms, side="right"))
        self._made = [made[cut:]]
        if cut:
            last = made[cut - 1]
            self.next_id = int(last["id"]) + 1
            self._next_fill = int(last["first_fill"]) + int(last["fills"])
        return made[:cut]

    def jump(self, bps: float) -> None:
        """Shift the log price, including generated but not yet returned trades."""
        self._shift += math.log1p(bps * 1e-4)
        for rows in self._made:
            ticks = np.rint(rows["price"] * (1 + bps * 1e-4) / self._tick_units)
            rows["price"] = np.maximum(ticks, 1).astype(np.int64) * self._tick_units

    def _break(self, start_ms: int) -> None:
        """Shift the log price at the multiples of the coin's break time: up, and down again at the next."""
        coin = self._coin
        if coin.break_every_s and start_ms % (coin.break_every_s * 1_000) == 0:
            side = 1.0 if start_ms // (coin.break_every_s * 1_000) % 2 else -1.0
            self._shift += side * math.log1p(coin.break_bps * 1e-4)

    def state(self, at: int) -> CoinState:
        """This coin at grid point ``at`` of the last generated block."""
        own = float(self._own[min(at, len(self._own) - 1)])
        return CoinState(self.next_id, self._next_fill, own, self._shift)

    def _own_path(self) -> Floats:
        shocks = self._rng.standard_normal(GRID_POINTS)
        if self._coin.half_life_s is None:
            walk: Floats = self._own[-1] + np.cumsum(self._coin.walk_bps * 1e-4 * math.sqrt(GRID_MS / 1_000) * shocks)
            return walk
        # u_k = phi u_(k-1) + s e_k with s^2 = sd^2 (1 - phi^2), written out: u_k = phi^k (u_0 + sum_j s e_j / phi^j)
        phi = 0.5 ** (GRID_MS / 1_000 / self._coin.half_life_s)
        powers = phi ** np.arange(1, GRID_POINTS + 1)
        sd = self._coin.spread_bps * 1e-4 * math.sqrt(1 - phi * phi)
        path: Floats = powers * (self._own[-1] + np.cumsum(sd * shocks / powers))
        return path

    def _ticks(self, logs: Floats, maker: Bools, depth: Ints) -> Ints:
        mid = np.exp(logs) * 10**self._price_decimals / self._tick_units
        half = mid * self._coin.half_spread_bps * 1e-4
        ticks = np.where(maker, np.floor(mid - half) - depth, np.ceil(mid + half) + depth)
        whole: Ints = np.maximum(ticks, 1).astype(np.int64)
        return whole

    def _fill_sizes(self, rows: Rows) -> None:
        rng, count = self._rng, len(rows)
        lot = self._lot_units / 10**self._lot_decimals
        typical = math.log(max(TYPICAL_NOTIONAL / self._coin.price / lot, 1.0))
        lots = np.minimum(np.ceil(rng.lognormal(typical, 1.3, count)), 1e9).astype(np.int64)
        fills = np.minimum(np.minimum(rng.geometric(0.5, count), MAX_FILLS), lots)
        normal = np.where(rng.random(count) < RPI_SHARE, lots // 2, lots)
        rows["quantity"] = lots * self._lot_units
        rows["normal"] = normal * self._lot_units
        rows["quantity_decimals"] = self._lot_decimals
        rows["fills"] = fills

    def _fill_ids(self, rows: Rows) -> None:
        """Contiguous ids and fills; sent 4..160 ms after the trade, never before an earlier id."""
        rows["id"] = np.arange(self._made_id, self._made_id + len(rows))
        ends = np.cumsum(rows["fills"], dtype=np.int64)
        rows["first_fill"] = self._made_fill + ends - rows["fills"]
        sent = rows["time_ms"] + self._rng.integers(LAG_MS[0], LAG_MS[1] + 1, len(rows))
        if len(rows):
            sent[0] = max(int(sent[0]), self._last_sent_ms)
            sent = np.maximum.accumulate(sent)
            self._made_id += len(rows)
            self._made_fill += int(ends[-1])
            self._last_sent_ms = int(sent[-1])
        rows["lag_ms"] = sent - rows["time_ms"]


def step_of(text: str) -> tuple[int, int]:
    """Decimals of a tick or lot, and how many units of the last decimal one step is: 0.10 -> (2, 10)."""
    decimals = len(text.partition(".")[2])
    return decimals, int(Decimal(text).scaleb(decimals))
