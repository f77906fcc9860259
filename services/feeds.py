"""The bridge server's health as records: its feeds, what it found, and the history that it fetches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from live.heartbeat import Heartbeat


@dataclass(frozen=True, slots=True)
class Finding:
    """A diagnostic: its code, what was found, and what to do."""

    code: str
    what: str
    advice: str


@dataclass(frozen=True, slots=True)
class HistoryWant:
    """Bars of one symbol and width that somebody wants. ``missing``: None while the store has not said."""

    market: str
    symbol: str
    width_ms: int
    from_ms: int
    to_ms: int
    wanted: int
    missing: int | None
    problem: str


@dataclass(frozen=True, slots=True)
class FeedState:
    """One market. Ages and latencies in ms, None where there is none; counts since the server started.

    ``clients``: the connected bridges; ``latency_ms``: p50 and p95 from the exchange's time of a trade to its commit,
    over the last minute.
    """

    market: str
    state: str
    cause: str
    advice: str
    clients: tuple[str, ...]
    heard_age_ms: int | None
    trade_age_ms: int | None
    latency_ms: tuple[int, int] | None
    received: int
    stored: int
    duplicates: int
    conflicts: int
    rejected: int
    open_gaps: int
    findings: tuple[Finding, ...]
    wants: tuple[HistoryWant, ...]
    bars_wanted: int
    bars_missing: int


@dataclass(frozen=True, slots=True)
class ServerState:
    """The bridge server. ``answers``: whether it responds; everything else is unknown when it does not.

    ``commit_ms``: how long its newest commit took; ``refused``: refused connections and messages by reason.
    """

    answers: bool
    state: str
    cause: str
    advice: str
    markets: tuple[FeedState, ...] = ()
    uptime_ms: int = 0
    commit_ms: float = 0.0
    waiting_batches: int = 0
    store_note: str = ""
    refused: dict[str, int] | None = None


class FeedService:
    """Reads of the newest health. Any thread may call."""

    def __init__(self, heartbeat: Heartbeat) -> None:
        self._heartbeat = heartbeat

    def server(self) -> ServerState:
        """The server and its markets now."""
        health, status = self._heartbeat.health(), self._heartbeat.status(None)
        said = (status.state.value, status.cause, status.advice)
        if health is None:
            return ServerState(False, *said)
        markets = tuple(_feed(name, of) for name, of in sorted(health["markets"].items()))
        return ServerState(
            True, *said, markets, health["uptime_ms"], health["commit_ms"], health["waiting_batches"],
            health["store_note"] or "", dict(health["refused"]),
        )  # fmt: skip

    def only_market(self) -> str:
        """The market of the connected bridges, empty where there are several or none."""
        found = [each.market for each in self.server().markets if each.clients]
        return found[0] if len(found) == 1 else ""


def _feed(market: str, of: dict[str, Any]) -> FeedState:
    latency, history = of.get("latency"), of["history"]
    return FeedState(
        market=market, state=of["state"], cause=of["cause"], advice=of["advice"], clients=tuple(of["bridges"]),
        heard_age_ms=of["sign_age_ms"], trade_age_ms=of["trade_age_ms"],
        latency_ms=(latency["p50_ms"], latency["p95_ms"]) if latency else None,  # servers of before say none
        received=of["received"], stored=of["stored"], duplicates=of["duplicates"], conflicts=of["conflicts"],
        rejected=of["rejected"], open_gaps=of["open_holes"],
        findings=tuple(Finding(each["code"], each["what"], each["advice"]) for each in of["findings"]),
        wants=tuple(_want(market, each) for each in history["wants"]),
        bars_wanted=history["wanted"], bars_missing=history["missing"],
    )  # fmt: skip


def _want(market: str, of: dict[str, Any]) -> HistoryWant:
    return HistoryWant(
        market, of["symbol"], of["width_ms"], of["from_ms"], of["to_ms"], of["wanted"], of["missing"],
        of["problem"] or "",
    )  # fmt: skip
