"""Settings of one simulated exchange: its coins, clock and limits. All frozen and validated.

>>> ExchangeSettings(speed=500)
Traceback (most recent call last):
...
simulator.errors.SettingsRefused: speed is 500; expected a number from 1 to 100
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.errors import RowRefused
from engine.market.ticks import read_symbol
from simulator.errors import SettingsRefused

HOUR_MS = 3_600_000


def _check_number(name: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise SettingsRefused(f"{name} is {value!r}; expected a number from {low:g} to {high:g}")


def _check_symbol(symbol: str) -> None:
    try:
        read_symbol(symbol)
    except RowRefused as error:
        raise SettingsRefused(str(error)) from None


@dataclass(frozen=True, slots=True)
class Coin:
    """One symbol: log price = log(price) + beta * F + u, F the factor that all coins share.

    u is an Ornstein-Uhlenbeck process (``half_life_s``, stationary deviation ``spread_bps``) and the coin is
    cointegrated with F; or a separate random walk (``walk_bps`` per square root of a second) and it is not; or zero.
    With ``break_every_s`` (whole minutes; 0: never) the price shifts by ``break_bps`` at the multiples of that time
    since 1970, and back at the next: the relation breaks. ``tick`` and ``lot`` are decimal strings: ``0.10`` prints two
    decimals in steps of ten. ``half_spread_bps`` is the distance of bid and ask from the mid before rounding outwards
    to ticks.
    """

    symbol: str
    price: float
    tick: str
    lot: str
    trades_per_s: float
    beta: float = 1.0
    half_life_s: float | None = None
    spread_bps: float = 0.0
    walk_bps: float = 0.0
    half_spread_bps: float = 0.2
    break_every_s: int = 0
    break_bps: float = 0.0

    def __post_init__(self) -> None:
        _check_symbol(self.symbol)
        _check_number("price", self.price, 1e-9, 1e9)
        _check_number("trades_per_s", self.trades_per_s, 0, 10_000)
        _check_number("spread_bps", self.spread_bps, 0, 1_000)
        _check_number("walk_bps", self.walk_bps, 0, 1_000)
        _check_number("half_spread_bps", self.half_spread_bps, 0, 1_000)
        _check_number("break_every_s", self.break_every_s, 0, 1e7)
        _check_number("break_bps", self.break_bps, 0, 5_000)
        if self.break_every_s % 60:
            raise SettingsRefused(f"break_every_s is {self.break_every_s}; expected whole minutes")
        if self.half_life_s is not None:
            _check_number("half_life_s", self.half_life_s, 1, 1e7)
        for name, step in (("tick", self.tick), ("lot", self.lot)):
            if not step.replace(".", "", 1).isdecimal() or float(step) <= 0:
                raise SettingsRefused(f"{name} of {self.symbol} is {step!r}; expected a decimal such as '0.10'")


# A round trip of two legs at 5 bps a fill costs about 22 bps. ETH on BTC pays that and trades every few minutes; SOL on
# BTC is as true a pair and too small to pay; BNB on BTC would pay, and breaks every six hours; ADA is unrelated.
DEFAULT_COINS = (
    Coin("BTCUSDT", 85_000.0, "0.10", "0.001", 8.0),
    Coin("ETHUSDT", 3_100.0, "0.01", "0.001", 6.0, beta=1.1, half_life_s=8.0, spread_bps=30.0),
    Coin("SOLUSDT", 140.0, "0.01", "0.01", 4.0, beta=1.3, half_life_s=120.0, spread_bps=7.0),
    Coin(
        "BNBUSDT",
        850.0,
        "0.01",
        "0.01",
        3.0,
        beta=0.9,
        half_life_s=60.0,
        spread_bps=35.0,
        break_every_s=6 * 3_600,
        break_bps=300.0,
    ),
    Coin("ADAUSDT", 0.42, "0.0001", "1", 3.0, beta=1.0, walk_bps=1.0),
)


def coins_named(symbols: Iterable[str], rate: float = 1.0) -> tuple[Coin, ...]:
    """The default coins of these names, their trades a second times ``rate``.

    Any other name becomes a control: it follows the factor plus a separate random walk.
    """
    known = {coin.symbol: coin for coin in DEFAULT_COINS}
    coins = [known.get(name) or Coin(name, 1.0, "0.0001", "1", 2.0, walk_bps=1.0) for name in symbols]
    return tuple(dataclasses.replace(coin, trades_per_s=coin.trades_per_s * rate) for coin in coins)


@dataclass(frozen=True, slots=True)
class ExchangeSettings:
    """One simulated exchange. ``port`` 0 takes any free one.

    ``first_id``: the first aggregate id of every symbol; by default the microseconds since 1970, so that ids grow
    across restarts even without a state file. ``speed``: simulated milliseconds per real one. ``catch_up_hours``: start
    that long ago, or up to five minutes earlier at a multiple of five minutes, with the first subscriber, as fast as it
    reads. ``replay``: recorded files instead of the synthetic market. ``messages_per_s``: None is unlimited.
    ``shutdown_notice_s``: time from serverShutdown to a planned close. ``history_days``: candles and funding reach so
    far back before the synthetic market began.
    """

    port: int = 0
    coins: tuple[Coin, ...] = DEFAULT_COINS
    seed: int = 1
    factor_bps: float = 1.0
    first_id: int | None = None
    speed: float = 1.0
    catch_up_hours: float = 0.0
    state_file: Path | None = None
    replay: tuple[Path, ...] = ()
    replay_symbol: str | None = None
    as_fast_as_read: bool = False
    restamp: bool = False
    skip_zero_rows: bool = False
    remember_trades: int = 2_000_000
    remember_hours: float = 48.0
    weight_limit: int = 2_400
    ban_after: int = 10
    ban_s: float = 120.0
    messages_per_s: int | None = 5
    rotation_s: float = 86_400.0
    shutdown_notice_s: float = 10.0
    geo_block: bool = False
    history_days: float = 120.0

    def __post_init__(self) -> None:
        _check_number("port", self.port, 0, 65_535)
        _check_number("speed", self.speed, 1, 100)
        _check_number("catch_up_hours", self.catch_up_hours, 0, 24 * 31)
        _check_number("factor_bps", self.factor_bps, 0, 1_000)
        _check_number("remember_trades", self.remember_trades, 1_000, 1e9)
        _check_number("remember_hours", self.remember_hours, 0.01, 24 * 31)
        _check_number("weight_limit", self.weight_limit, 1, 1e9)
        _check_number("history_days", self.history_days, 0, 1_000)
        _check_number("rotation_s", self.rotation_s, 0.01, 1e9)
        _check_number("shutdown_notice_s", self.shutdown_notice_s, 0, 1e9)
        symbols = [coin.symbol for coin in self.coins]
        if not self.replay and (not symbols or len(set(symbols)) < len(symbols)):
            raise SettingsRefused(f"symbols are {', '.join(symbols) or 'none'}; expected at least one, each once")
        if self.replay_symbol is not None:
            _check_symbol(self.replay_symbol)
        self._check_together()

    def _check_together(self) -> None:
        if self.catch_up_hours and (self.replay or self.speed != 1):
            raise SettingsRefused("catch-up hours with a replay or a speed; expected catch-up hours alone")
        if self.replay and self.state_file:
            raise SettingsRefused("a state file with a replay; expected one of them: a recording has its own ids")
        if self.state_file and self.speed != 1:
            raise SettingsRefused(
                f"a state file with speed {self.speed:g}; expected real time, which no restart can lead"
            )
        if not self.replay and (self.restamp or self.as_fast_as_read or self.skip_zero_rows or self.replay_symbol):
            raise SettingsRefused("options of a replay without a replay; expected a recorded file with them")
        if self.as_fast_as_read and self.speed != 1:
            raise SettingsRefused(f"as fast as read with speed {self.speed:g}; expected one of them")
