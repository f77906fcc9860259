"""What the paper position of an ended run earned."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PaperResult:
    """Of the trades whose entry was given in a bar that opens in ``[from_ms, to_ms)``, the last one closed at the run's
    last price if it was open. Money in quote currency; costs are paid, funding is received."""

    run_id: str
    from_ms: int
    to_ms: int
    realised: float
    fees: float
    half_spread: float
    slippage: float
    funding: float
    trades: int
    wins: int
