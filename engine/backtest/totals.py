"""Totals of a backtest, in quote currency, out of the ledger's final state."""

from __future__ import annotations

from engine.backtest.layout import TradeCol
from engine.stats.checks import Floats


def totals_of(trades: Floats, equity: Floats, capital: float, refused: dict[str, int]) -> dict[str, float]:
    """Unit in each key. ``trades``: rows of ``TradeCol``, an open one included; ``equity``: one value a bar.

    Net is gross less all costs; funding paid is a cost, received a negative one.
    """
    gross, net = float(trades[:, TradeCol.GROSS].sum()), float(trades[:, TradeCol.NET].sum())
    spent = {
        "Fees [quote]": 0.0 - float(trades[:, TradeCol.FEES].sum()),
        "Half-spread [quote]": 0.0 - float(trades[:, TradeCol.HALF_SPREAD].sum()),
        "Slippage [quote]": 0.0 - float(trades[:, TradeCol.SLIPPAGE].sum()),
        "Funding paid [quote]": 0.0 - float(trades[:, TradeCol.FUNDING].sum()),
    }
    return {
        "Capital [quote]": capital,
        "PnL gross [quote]": gross,
        "Costs [quote]": gross - net,
        **spent,
        "PnL net [quote]": net,
        "Return [%]": 100.0 * net / capital,
        "Equity [quote]": float(equity[-1]) if equity.size else capital,
        "Trades [#]": float(trades.shape[0]),
        "Refused entries [#]": float(sum(refused.values())),
    }
