"""The backtest once more, slow and plain: pandas in, a list of trades out, written from docs/backtest.md alone.

It shares no code with the engine. From the engine it takes the pipeline's columns (z, cost_z, quote_z, the standing
objection, the line), which have references of their own (``tests/engine/pairs/test_batch.py``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from engine.backtest import Account, Costs, Inputs, Venue
from engine.backtest.layout import Row
from engine.pairs import PairSettings, Reason

HEDGE_RANGE = int(Reason.HEDGE_RANGE)


def bars_of(inputs: Inputs) -> pd.DataFrame:
    """One row a bar, by name."""
    return pd.DataFrame({row.name.lower(): inputs.rows[row] for row in Row})


def decisions(bars: pd.DataFrame, settings: PairSettings) -> Iterator[tuple[int, str, str]]:
    """(place, action, reason) of each entry and exit."""
    side, entered, left, last_z, run, is_owed = 0, -(10**9), -(10**9), math.nan, 0.0, False
    for i, bar in enumerate(bars.itertuples()):
        if bar.run != run:
            is_owed, side, left, last_z, run = is_owed or side != 0, 0, -(10**9), math.nan, bar.run
        if is_owed and bar.is_traded:
            is_owed = False
            yield i, "exit", "RUN_END"
        z, was = bar.z, last_z
        last_z = z
        if side:
            away = -side * z
            limit = math.inf if settings.max_hold_half_lives is None else settings.max_hold_half_lives * bar.half_life
            reason = ""
            if away <= settings.exit_z:
                reason = "TARGET"
            elif settings.stop_z is not None and away >= settings.stop_z:
                reason = "STOP"
            elif bar.slot - entered >= limit:
                reason = "TIME"
            if reason:
                side, left = 0, bar.slot
                yield i, "exit", reason
            continue
        if not asks(settings, z, was):
            continue
        away = abs(z)
        is_blocked = (
            bar.objection not in (0, HEDGE_RANGE)
            or (settings.max_z is not None and away >= settings.max_z)
            or (settings.entry_at == "quotes" and not away - bar.quote_z >= asked(settings))
            or (settings.cost_filter and not away >= settings.exit_z + bar.cost_z)
            or bar.slot - left <= settings.cooldown_bars
            or bar.objection == HEDGE_RANGE
        )
        if not is_blocked:
            side, entered = (-1 if z > 0 else 1), bar.slot
            yield i, "long" if side == 1 else "short", ""


def asked(settings: PairSettings) -> float:
    """The |z| that has to be there at the quotes."""
    return settings.exit_z if settings.entry_mode == "downtick" else settings.entry_z


def asks(settings: PairSettings, z: float, was: float) -> bool:
    """Whether z asks for an entry in the entry mode of the settings."""
    e, beyond_before = settings.entry_z, abs(was) >= settings.entry_z and (z > 0) == (was > 0)
    if settings.entry_mode == "simple":
        return abs(z) >= e
    if settings.entry_mode == "uptick":
        return abs(z) >= e and not math.isnan(was) and not beyond_before
    return beyond_before and settings.exit_z < abs(z) < e


@dataclass
class Book:
    """Cash and coins, and what waits for a fill."""

    settings: PairSettings
    costs: Costs
    account: Account
    venue: Venue
    cash: float = 0.0
    held: dict[str, float] = field(default_factory=lambda: {"y": 0.0, "x": 0.0})
    close: dict[str, float] = field(default_factory=lambda: {"y": math.nan, "x": math.nan})
    entry: dict[str, Any] | None = None
    exit_reason: str = ""
    rehedge: float = 0.0
    trade: dict[str, Any] | None = None
    trades: list[dict[str, Any]] = field(default_factory=list)
    returns: list[float] = field(default_factory=list)
    equity: list[float] = field(default_factory=list)

    def buy(self, bar: Any, coins: dict[str, float]) -> None:
        """Buy (+) or sell coins of each leg in this bar."""
        for leg, amount in coins.items():
            if amount == 0.0:
                continue
            price, half = getattr(bar, f"fill_{leg}"), getattr(bar, f"half_{leg}")
            slip = self.costs.slippage_bps / 1e4
            if self.costs.impact_bps:
                slip += self.costs.impact_bps / 1e4 * math.sqrt(abs(amount) / getattr(bar, f"volume_{leg}"))
            sign = 1.0 if amount > 0 else -1.0
            paid = price * (1.0 + sign * (half + slip))
            tick = getattr(self.venue, leg).tick
            if tick:
                steps = paid / tick
                paid = (math.ceil(steps - 1e-9) if sign > 0 else math.floor(steps + 1e-9)) * tick
            self.cash -= amount * paid + self.fee * abs(amount) * price
            self.held[leg] += amount

    @property
    def fee(self) -> float:
        return (self.costs.maker_fee_bps if self.costs.tier == "maker" else self.costs.fee_bps) / 1e4

    def pay_funding(self, bar: Any) -> None:
        for leg, coins in self.held.items():
            if coins:
                self.cash -= coins * self.close[leg] * getattr(bar, f"funding_{leg}")

    def fill(self, bar: Any, i: int) -> None:
        """All that waits, in a bar in which both legs trade: first the exit, then the entry."""
        if self.trade is not None and self.exit_reason:
            self.buy(bar, {leg: -coins for leg, coins in self.held.items()})
            self.held = {"y": 0.0, "x": 0.0}
            net = self.cash - self.trade.pop("cash")
            self.returns.append(net / self.trade["value"])
            self.trades.append({**self.trade, "exit": i, "reason": self.exit_reason, "net": net})
            self.trade, self.exit_reason, self.rehedge = None, "", 0.0
        elif self.trade is not None and self.rehedge:
            self.buy(bar, {"x": self.rehedge})
            self.rehedge = 0.0
        if self.entry is not None:
            coins = {leg: self.entry[leg] for leg in "yx"}
            value = sum(abs(coins[leg]) * getattr(bar, f"fill_{leg}") for leg in "yx")
            self.trade = {"side": self.entry["side"], "entry": i, "coins_y": coins["y"], "coins_x": coins["x"],
                          "value": value, "cash": self.cash}  # fmt: skip
            self.buy(bar, coins)
            self.entry = None

    def mark(self, bar: Any) -> None:
        """Equity at the close, and the exits that depend on money."""
        self.close = {"y": bar.close_y, "x": bar.close_x}
        equity = self.cash + sum(self.held[leg] * self.close[leg] for leg in "yx")
        self.equity.append(equity)
        if self.trade is None or self.exit_reason:
            return
        limit = math.inf if self.account.stop_loss is None else self.account.stop_loss
        if equity <= self.account.maintenance * sum(abs(self.held[leg]) * self.close[leg] for leg in "yx"):
            self.exit_reason = "LIQUIDATION"
        elif equity - self.trade["cash"] <= -limit * self.trade["value"]:
            self.exit_reason = "STOP_LOSS"

    def take(self, action: str, reason: str, signal: Any, variance: Any) -> None:
        """The decision of a bar."""
        if action != "exit":
            self.entry = _sized(signal, action, self, variance)
        elif self.entry is not None:
            self.entry = None
        elif self.trade is not None and not self.exit_reason:
            self.exit_reason = reason


def backtest(
    inputs: Inputs, settings: PairSettings, costs: Costs, account: Account, venue: Venue
) -> tuple[pd.DataFrame, pd.Series[float]]:
    """Trades (side, entry, exit, reason, coins, value, net) and equity at each close."""
    bars = bars_of(inputs)
    orders: dict[int, list[tuple[int, str, str]]] = {}
    for place, action, reason in decisions(bars, settings):
        orders.setdefault(place + venue.delay_bars, []).append((place, action, reason))
    book = Book(settings, costs, account, venue, cash=account.capital)
    variances = _variances(bars, account)
    for i, bar in enumerate(bars.itertuples()):
        book.pay_funding(bar)
        if bar.is_traded:
            book.fill(bar, i)
        book.mark(bar)
        for place, action, reason in orders.get(i, ()):
            book.take(action, reason, bars.iloc[place], variances.iloc[i])
        if account.rehedge and book.trade is not None and not book.exit_reason:
            book.rehedge = _rehedge(bar, book, variances.iloc[i]) or book.rehedge
    if book.trade is not None:
        net = book.equity[-1] - book.trade.pop("cash")
        book.trades.append({**book.trade, "exit": len(bars) - 1, "reason": "OPEN", "net": net})
    columns = ["side", "entry", "exit", "reason", "coins_y", "coins_x", "value", "net"]
    return pd.DataFrame(book.trades, columns=columns), pd.Series(book.equity, dtype=float)


def _variances(bars: pd.DataFrame, account: Account) -> pd.DataFrame:
    """Exponentially weighted mean squares of log changes, over bars that traded; from the close of the bar before."""
    kept = 0.5 ** (1.0 / account.volatility_bars)
    found = {}
    for leg in "yx":
        logs = bars[f"close_{leg}"].map(math.log)
        squares = (logs.diff() ** 2).where(bars["is_traded"] == 1.0)
        found[leg] = squares.dropna().ewm(alpha=1.0 - kept, adjust=False).mean().reindex(bars.index).ffill()
    return pd.DataFrame(found)


def _hedge(beta_hedge: float, account: Account, variance: Any) -> float:
    sign = math.nan if math.isnan(beta_hedge) else math.copysign(1.0, beta_hedge)
    if account.neutral == "dollar":
        return sign
    return sign * math.sqrt(variance["y"] / variance["x"]) if account.neutral == "volatility" else beta_hedge


def _lots(coins: float, lot: float, nearest: bool) -> float:
    if not lot:
        return coins
    return math.copysign(math.floor(abs(coins) / lot + (0.5 if nearest else 1e-9)) * lot, coins)


def _sized(bar: Any, action: str, book: Book, variance: Any) -> dict[str, Any] | None:
    account, venue, equity = book.account, book.venue, book.equity[-1]
    hedge = _hedge(bar["hedge"], account, variance)
    both = 1.0 + abs(hedge)
    dollars = book.settings.notional
    if account.sizing == "equity":
        dollars = account.share * equity
    elif account.sizing == "kelly" and len(book.returns) >= account.kelly_trades:
        past = pd.Series(book.returns)
        leverage = min(account.kelly_cap, account.kelly_fraction * past.mean() / past.var()) if past.var() > 0 else 0.0
        dollars = max(leverage, 0.0) * equity / both
    dollars = min(dollars, account.leverage * equity / both)
    if not dollars > 0.0:
        return None
    side = 1.0 if action == "long" else -1.0
    want_y = side * dollars / bar["close_y"]
    want_x = -hedge * side * dollars / bar["close_x"]
    y = _lots(want_y, venue.y.lot, False)
    x = _lots(want_x * y / want_y, venue.x.lot, True)
    small = abs(y) * bar["close_y"] < venue.y.min_notional or 0.0 < abs(x) * bar["close_x"] < venue.x.min_notional
    if y == 0.0 or (x == 0.0 and want_x != 0.0) or small:
        return None
    return {"side": side, "y": y, "x": x}


def _rehedge(bar: Any, book: Book, variance: Any) -> float:
    """Coins of X to trade; 0 for none."""
    account, venue, trade, equity = book.account, book.venue, book.trade, book.equity[-1]
    assert account.rehedge is not None and trade is not None
    target = -_hedge(bar.hedge, account, variance) * trade["coins_y"] * bar.close_y / bar.close_x
    if math.isnan(target):
        return 0.0
    missing = _lots(target - book.held["x"], venue.x.lot, True)
    dollars = abs(missing) * bar.close_x
    if dollars <= venue.x.min_notional or equity <= 0.0:
        return 0.0
    cost = dollars * (book.fee + book.costs.slippage_bps / 1e4 + bar.half_x)
    saved = account.rehedge * dollars**2 * variance["x"] * account.rehedge_bars / (2.0 * equity)
    return missing if saved > cost else 0.0
