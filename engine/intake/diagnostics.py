"""Diagnostics of the data flow, each with a remedy, in addition to the one bridge state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.intake.candle_checks import CandleChecks
from engine.intake.messages import Beat
from engine.market.intervals import interval_name
from engine.market.limits import BACKLOG_ROWS, LAG_MS
from engine.market.records import UNUSABLE_ROW, GapUpdate

SKEW_MS = 2_000
BACKPRESSURE_ROWS = 8_000  # in the server: half of what one bridge may have in flight
STALE_BEAT_MS = 2_500
MANY_GAPS = 10_000  # of a market: above this, one diagnostic covers all of them
SHOWN_LOST = 3


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem. ``code`` is stable, the texts are for display."""

    code: str
    what: str
    advice: str


@dataclass(frozen=True, slots=True)
class BridgeReport:
    """A bridge's latest beat, how old it is, and its clock's offset from the server's (+ ahead)."""

    client: str
    beat: Beat
    age_ms: int
    skew_ms: float


@dataclass(frozen=True, slots=True)
class GapFacts:
    """Counts of a market's open gaps; ``lost``: some of the unfetchable ones."""

    gaps: int = 0
    given_up: int = 0
    missing_ids: int = 0
    is_fetching: bool = False
    lost: tuple[GapUpdate, ...] = ()


def findings(reports: Iterable[BridgeReport], gaps: GapFacts, waiting_rows: int) -> list[Diagnostic]:
    """All current diagnostics of one market, most urgent first."""
    found: list[Diagnostic] = []
    for report in reports:
        found += _of_bridge(report)
    if waiting_rows > BACKPRESSURE_ROWS:
        found.append(
            Diagnostic("backpressure", f"{waiting_rows:,} rows wait for the disk.", "It recovers automatically.")
        )
    return found + _of_gaps(gaps)


def of_candles(checks: CandleChecks, market: str) -> list[Diagnostic]:
    """What is said where the exchange's candles and our own ticks differ."""
    (compared, differing), last = checks.count(market), checks.newest(market)
    if last is None:
        return []
    parts = zip(("open", "high", "low", "close", "volume"), last.candle, last.ticks, strict=True)
    name, candle, ticks = next(part for part in parts if part[1] != part[2])
    what = (
        f"{differing:,} of {compared:,} bars differ between the exchange's candles and own trades, the last one"
        f" {last.symbol} {interval_name(last.width_ms)}: {name} {candle:g} in the candle, {ticks:g} in trades."
    )
    advice = "Trades are used where they are whole. Bars from before the first trade may be off by as much."
    return [Diagnostic("candles-differ", what, advice)]


def _of_bridge(report: BridgeReport) -> list[Diagnostic]:
    beat, found = report.beat, []
    if report.age_ms > STALE_BEAT_MS:
        what = (
            f"The {report.client} is connected and has been silent for {report.age_ms / 1_000:.0f} s: frozen or asleep."
        )
        found.append(Diagnostic("frozen", what, "Wake the computer or the tab; the page then resumes automatically."))
    if beat.permission:
        what = f"The browser does not let the page through: {beat.permission}."
        found.append(Diagnostic("permission", what, "Allow it beside the address bar, then reload the page."))
    if abs(report.skew_ms) > SKEW_MS:
        way = "ahead of" if report.skew_ms > 0 else "behind"
        what = f"The {report.client}'s clock is {abs(report.skew_ms) / 1_000:.1f} s {way} this computer's."
        found.append(Diagnostic("clock-skew", what, "Set both clocks by network time."))
    if beat.skew_ms is not None and abs(beat.skew_ms) > SKEW_MS:
        way = "ahead of" if beat.skew_ms > 0 else "behind"
        what = f"The {report.client}'s clock is {abs(beat.skew_ms) / 1_000:.1f} s {way} the exchange's."
        found.append(
            Diagnostic("clock-skew-exchange", what, "Set the clock by network time; trade times are not touched.")
        )
    if beat.lag_ms is not None and beat.lag_ms > LAG_MS:
        what = f"Trades arrive {beat.lag_ms / 1_000:.1f} s after they happened."
        found.append(
            Diagnostic("exchange-lag", what, "The network or the exchange is slow; signals come late by as much.")
        )
    if beat.queued > BACKLOG_ROWS:
        what = f"{beat.queued:,} rows wait in the {report.client}."
        found.append(Diagnostic("backlog", what, "It is catching up; nothing is lost."))
    return found


def _of_gaps(gaps: GapFacts) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    open_gaps = gaps.gaps - gaps.given_up
    if gaps.gaps > MANY_GAPS:
        what = f"{gaps.gaps:,} stretches of trades are missing: the source left out ids, or two sources are mixed."
        found.append(
            Diagnostic("gaps-many", what, "Bars near them give no signal. Import whole files of one exchange.")
        )
    elif open_gaps:
        what = f"{gaps.missing_ids:,} trades are missing" + (" and being fetched." if gaps.is_fetching else ".")
        advice = "Bars near them give no signal until they are in."
        if not gaps.is_fetching:
            advice += " They are fetched as soon as a bridge follows the symbol."
        found.append(Diagnostic("gaps-open", what, advice))
    for news in gaps.lost[:SHOWN_LOST] if gaps.gaps <= MANY_GAPS else ():
        what = f"{_missing(news):,} trades of {news.symbol} could not be fetched: {news.given_up}."
        found.append(Diagnostic("gaps-lost", what, _advice_on(news)))
    return found


def _advice_on(lost: GapUpdate) -> str:
    if (lost.given_up or "").startswith(UNUSABLE_ROW):
        return "The exchange itself has no usable trade there, so nothing can fill it. Bars near it give no signal."
    return (
        "Bars near them give no signal. The exchange's dump files fill them: python -m feeds FILE --market "
        + lost.market
    )


def _missing(news: GapUpdate) -> int:
    return sum(run.last - run.first + 1 for run in news.missing)
