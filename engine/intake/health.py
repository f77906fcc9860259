"""What ``GET /health`` says: every market's state, counts and ages, as plain JSON values."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from engine.intake.intake import Intake
from engine.intake.liveness import judge
from engine.intake.traffic import MarketTraffic


def health(
    intake: Intake, now_ms: int, wall_ms: int, limit_ms: int, unstored_ms: int, store_error: str | None
) -> dict[str, Any]:
    """``market`` is the one heard of last; its state is the server's. Ages in ms, null when it never happened.

    ``wall_ms``: the server's clock, to compare the bridges' with.
    """
    markets = {
        market: _market(intake, market, now_ms, limit_ms, unstored_ms, store_error)
        | {"findings": [asdict(found) for found in intake.findings(market, now_ms, wall_ms)]}
        for market in intake.markets()
    }
    heard = [name for name, of in markets.items() if of["sign_age_ms"] is not None]
    latest = min(heard, key=lambda name: markets[name]["sign_age_ms"], default=None)
    if latest is None:
        status = judge(intake.facts("", now_ms, unstored_ms, store_error), limit_ms)
        state = {"state": status.state.value, "cause": status.cause, "advice": status.advice}
    else:
        state = {key: markets[latest][key] for key in ("state", "cause", "advice")}
    refusals = [asdict(refusal) for refusal in list(intake.refusals)[-20:]]
    return {**state, "market": latest, "markets": markets, "refusals": refusals, "refused": dict(intake.refused)}


def _market(
    intake: Intake, market: str, now_ms: int, limit_ms: int, unstored_ms: int, store_error: str | None
) -> dict[str, Any]:
    facts = intake.facts(market, now_ms, unstored_ms, store_error)
    status = judge(facts, limit_ms)
    traffic = intake.traffic.markets.get(market, MarketTraffic())
    open_holes = [news for news in intake.holes.all() if news.market == market]
    return {
        "state": status.state.value,
        "cause": status.cause,
        "advice": status.advice,
        "sign_age_ms": facts.sign_age_ms,
        "trade_age_ms": facts.trade_age_ms,
        "bridges": intake.clients(market),
        "received": traffic.received,
        "rejected": traffic.rejected,
        "stored": traffic.stored,
        "duplicates": traffic.duplicates,
        "conflicts": traffic.conflicts,
        "holes": [
            {
                "symbol": news.symbol,
                "from": news.hole.first,
                "to": news.hole.last,
                "missing": sum(run.last - run.first + 1 for run in news.missing),
                "given_up": news.given_up,
            }
            for news in open_holes[:50]
        ],
        "open_holes": len(open_holes),
        "symbols": {
            name: {
                "last_id": symbol.last_id,
                "last_price": symbol.last_price,
                "last_trade_ms": symbol.last_trade_ms,
                "age_ms": now_ms - symbol.last_ms,
                "ticks": symbol.ticks,
            }
            for name, symbol in traffic.symbols.items()
        },
    }
