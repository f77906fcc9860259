"""What an account does with a signal: how large, how hedged, with which capital and leverage, and when it gives up."""

from __future__ import annotations

from dataclasses import dataclass

from engine.stats.checks import positive, whole

SIZINGS = ("notional", "equity", "kelly")
NEUTRALS = ("beta", "dollar", "volatility")


@dataclass(frozen=True, slots=True)
class Account:
    """Money in quote currency; None: not used.

    ``sizing`` gives the dollars of Y: ``notional`` those of ``PairSettings.notional``, ``equity`` the ``share`` of
    equity, ``kelly`` a gross exposure of both legs of equity x min(``kelly_cap``, ``kelly_fraction`` x mean / variance
    of the closed trades' net returns on their gross entry value), after ``kelly_trades`` trades, and the notional
    before. With a mean of 0 or less Kelly enters no more.

    ``neutral`` gives the dollars of X for each of Y: ``beta`` the hedge, ``dollar`` 1, ``volatility`` the ratio of the
    legs' deviations of log changes, exponentially weighted with a half-life of ``volatility_bars``.

    ``leverage`` bounds the gross exposure at an entry to so many times the equity, and ``maintenance`` is the share of
    the gross exposure below which equity is liquidated. ``stop_loss``: share of a trade's gross entry value whose loss,
    costs included, closes it. ``rehedge``: the risk aversion of the hedge's upkeep: X is traded back to the hedge once
    rehedge / 2 x variance saved over ``rehedge_bars`` / equity exceeds the cost of the fill.
    """

    capital: float = 10_000.0
    sizing: str = "notional"
    neutral: str = "beta"
    share: float = 0.5
    kelly_fraction: float = 0.5
    kelly_cap: float = 2.0
    kelly_trades: int = 20
    leverage: float = 10.0
    maintenance: float = 0.005
    stop_loss: float | None = None
    volatility_bars: int = 100
    rehedge: float | None = None
    rehedge_bars: int = 20

    def __post_init__(self) -> None:
        """Raises ValueError with the field, the value and the expected range."""
        for name in ("capital", "share", "kelly_fraction", "kelly_cap", "leverage"):
            positive(getattr(self, name), name)
        if not 0.0 <= self.maintenance < 1.0 / self.leverage:
            raise ValueError(
                f"maintenance is {self.maintenance!r}; expected 0 to below 1 / leverage, {1.0 / self.leverage:g}"
            )
        for name in ("kelly_trades", "volatility_bars", "rehedge_bars"):
            whole(getattr(self, name), name, at_least=2)
        for name in ("stop_loss", "rehedge"):
            if getattr(self, name) is not None:
                positive(getattr(self, name), name)
        for name, names in (("sizing", SIZINGS), ("neutral", NEUTRALS)):
            if getattr(self, name) not in names:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected {', '.join(names)}")
