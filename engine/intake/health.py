"""The content of ``GET /health``: every market's state, counts and ages, as plain JSON values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from engine.intake.bridge_state import Facts, evaluate
from engine.intake.diagnostics import SHOWN_LOST, BridgeReport, Diagnostic, GapFacts, findings, of_candles
from engine.intake.intake import Intake
from engine.intake.metrics import MarketMetrics
from engine.intake.registry import Market


@dataclass(frozen=True, slots=True)
class Moment:
    """The time of the health report, and the store's state. Clocks in ms."""

    now_ms: int  # monotonic
    wall_ms: int  # for comparison with the bridges' clocks
    unstored_ms: int = 0  # of the oldest uncommitted batch
    store_error: str | None = None
    waiting_rows: int = 0  # received and not stored yet


def health(intake: Intake, moment: Moment, limit_ms: int) -> dict[str, Any]:
    """``market`` is the most recently active one; its state is the server's. Ages in ms, null when it never happened.

    ``limit_ms``: silence after which a bridge counts as gone.
    """
    markets = {
        market: _market(intake, market, moment, limit_ms)
        | {"findings": [asdict(found) for found in findings_of(intake, market, moment)]}
        for market in sorted(intake.registry.markets)
    }
    heard = [name for name, of in markets.items() if of["sign_age_ms"] is not None]
    latest = min(heard, key=lambda name: markets[name]["sign_age_ms"], default=None)
    if latest is None:
        status = evaluate(facts_of(intake, "", moment), limit_ms)
        state = {"state": status.state.value, "cause": status.cause, "advice": status.advice}
    else:
        state = {key: markets[latest][key] for key in ("state", "cause", "advice")}
    refusals = [asdict(refusal) for refusal in list(intake.rows.refusals)[-20:]]
    return {**state, "market": latest, "markets": markets, "refusals": refusals, "refused": dict(intake.refused)}


def facts_of(intake: Intake, market: str, moment: Moment) -> Facts:
    """The facts that determine a market's bridge state."""
    known = intake.registry.markets.get(market, Market())
    beats = [b for b in intake.registry.live(market) if b.beat is not None]
    fresh = max(beats, key=lambda b: (b.beat is not None and b.beat.upstream == "open", b.beat_ms), default=None)
    silent = intake.metrics.silent(market, moment.now_ms)
    return Facts(
        sign_age_ms=None if known.sign_ms is None else moment.now_ms - known.sign_ms,
        trade_age_ms=intake.metrics.trade_age_ms(market, moment.now_ms),
        upstream=fresh.beat.upstream if fresh and fresh.beat else None,
        silent=tuple(symbol for symbol in silent if intake.leases.holder(market, symbol) is not None),
        last_word=known.last_word,
        unstored_ms=moment.unstored_ms,
        store_error=moment.store_error,
    )


def findings_of(intake: Intake, market: str, moment: Moment) -> list[Diagnostic]:
    """The diagnostics of a market."""
    reports = []
    for bridge in intake.registry.live(market):
        if bridge.hello is not None and bridge.beat is not None:
            age_ms = moment.now_ms - bridge.beat_ms
            skew_ms = bridge.beat.clock_ms - (moment.wall_ms - age_ms)
            reports.append(BridgeReport(bridge.hello.client, bridge.beat, age_ms, skew_ms))
    count = intake.gaps.count(market)
    gaps = GapFacts(
        count.gaps, count.given_up, count.missing_ids, intake.gaps.is_fetching(market),
        tuple(intake.gaps.given_up(market, SHOWN_LOST)),
    )  # fmt: skip
    return findings(reports, gaps, moment.waiting_rows) + of_candles(intake.history.checks, market)


def _market(intake: Intake, market: str, moment: Moment, limit_ms: int) -> dict[str, Any]:
    facts = facts_of(intake, market, moment)
    status = evaluate(facts, limit_ms)
    traffic = intake.metrics.markets.get(market, MarketMetrics())
    latency = intake.metrics.latency(market, moment.now_ms, moment.wall_ms)
    return {
        "state": status.state.value,
        "cause": status.cause,
        "advice": status.advice,
        "sign_age_ms": facts.sign_age_ms,
        "trade_age_ms": facts.trade_age_ms,
        "bridges": [b.hello.client for b in intake.registry.live(market) if b.hello is not None],
        "received": traffic.received,
        "rejected": traffic.rejected,
        "stored": traffic.stored,
        "duplicates": traffic.duplicates,
        "conflicts": traffic.conflicts,
        "holes": [
            {
                "symbol": news.symbol,
                "from": news.gap.first,
                "to": news.gap.last,
                "missing": sum(run.last - run.first + 1 for run in news.missing),
                "given_up": news.given_up,
            }
            for news in intake.gaps.newest(market)
        ],
        "latency": asdict(latency) if latency else None,
        "open_holes": intake.gaps.count(market).gaps,
        "history": _history(intake, market),
        "symbols": {
            name: {
                "last_id": symbol.last_id,
                "last_price": symbol.last_price,
                "last_trade_ms": symbol.last_trade_ms,
                "age_ms": moment.now_ms - symbol.last_ms,
                "ticks": symbol.ticks,
            }
            for name, symbol in traffic.symbols.items()
        },
    }


def _history(intake: Intake, market: str) -> dict[str, Any]:
    """Candles wanted and missing, and where they differ from whole ticks."""
    bars = intake.history.bars
    return {**bars.progress(market), **intake.history.checks.health(market), "wants": bars.health(market)}
