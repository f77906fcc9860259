"""What a scan needs and the store lacks, asked for at the bridge server: which symbols are the most liquid, and their
candles.

The server has them fetched by whoever can: the bridge page, a feed, or itself. Everything that came is stored, so a
fetch that was cut off goes on where it stood.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect

from engine.intake.messages import PROTO
from engine.scan.request import ScanRequest
from services.jobs import IsCancelled, JobCancelled, JobFailed, Report

SETTLE_MS = 5_000  # after a bar's end: then its candle is final
LOOK_S = 0.25
OUTAGE_S = 60.0  # that the server may be away
STUCK_S = 15.0  # while nobody can bring what is missing: a bridge that was cut off may come back
BARS_A_MINUTE = 288_000  # candles, within 60 % of the weight: 1,440 at 5 a thousand

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FetchedUniverse:
    """``symbols``, the most liquid first, with their bars in ``[from_ms, until_ms)`` as far as the exchange has them.

    ``problems``: why bars of some symbols could not be had, by symbol.
    """

    symbols: tuple[str, ...]
    from_ms: int
    until_ms: int
    problems: dict[str, str]


class BarFetch:
    """The talk with the server about bars, without its socket: what to say, and what was heard."""

    def __init__(self, symbols: tuple[str, ...], width_ms: int, span: tuple[int, int], is_urgent: bool) -> None:
        self._symbols = symbols
        self._width_ms = width_ms
        self._span = span
        self._is_urgent = is_urgent
        self._progress: Message | None = None
        self._began: tuple[float, int] | None = None  # when bars were asked for first, and how many were missing
        self._stuck_since: float | None = None
        self._problems: dict[str, str] = {}

    def opening(self) -> Message:
        """What to ask on a new connection."""
        bars = [[symbol, self._width_ms, *self._span] for symbol in self._symbols]
        return {"type": "want", "bars": bars, "urgent": self._is_urgent, "tell": True}

    def heard(self, message: Message, now_s: float) -> Message | None:
        """What to ask next, if anything. Raises JobFailed."""
        kind = message.get("type")
        if kind == "refused":
            raise JobFailed(f"the bridge server refused: {message['message']}")
        if kind == "progress":
            self._take(message, now_s)
        return None

    def result(self, now_s: float) -> FetchedUniverse | None:
        """What was fetched, once all that can be had is there. Raises JobFailed when nothing can."""
        progress = self._progress
        if progress is None or progress["unknown"]:
            return None
        if progress["missing"]:
            if self._stuck_since is None or now_s - self._stuck_since < STUCK_S:
                return None
            if progress["missing"] == progress["wanted"]:
                raise JobFailed(f"no candles could be fetched: {next(iter(self._problems.values()))}")
        return FetchedUniverse(self._symbols, *self._span, self._problems if progress["missing"] else {})

    def stage(self, now_s: float) -> tuple[str, int, int]:
        """What is done now, and how many of how many bars are there."""
        progress = self._progress
        if progress is None or progress["unknown"] or self._began is None:
            return f"looking up what is stored of {len(self._symbols)} symbols", 0, 0
        wanted, missing = progress["wanted"], progress["missing"]
        if missing and self._stuck_since is not None:
            return (
                f"waiting for someone who can fetch ({next(iter(self._problems.values()))})",
                wanted - missing,
                wanted,
            )
        left_s = time_left_s(self._began[1], missing, now_s - self._began[0])
        left = "" if left_s is None or not missing else f", about {left_s:.0f} s left"
        return f"fetching candles of {len(self._symbols)} symbols{left}: bars", wanted - missing, wanted

    def _take(self, progress: Message, now_s: float) -> None:
        self._progress = progress
        if self._began is None and not progress["unknown"]:
            self._began = (now_s, progress["missing"])
        self._problems = dict(progress["problems"])
        if not progress["missing"] or progress["stuck"] < progress["missing"]:
            self._stuck_since = None
        elif self._stuck_since is None:
            self._stuck_since = now_s


class UniverseFetch(BarFetch):
    """First which symbols are the most liquid, then their bars."""

    def __init__(self, request: ScanRequest) -> None:
        super().__init__((), request.candle_ms, (0, 0), is_urgent=True)
        self._request = request

    def opening(self) -> Message:
        """See BarFetch."""
        if not self._symbols:
            return {"type": "want_tickers", "quote": self._request.quote, "count": self._request.symbols}
        return super().opening()

    def heard(self, message: Message, now_s: float) -> Message | None:
        """See BarFetch."""
        kind = message.get("type")
        if kind == "unfetchable_tickers":
            raise JobFailed(f"which symbols are the most liquid could not be fetched: {message['reason']}")
        if kind == "tickers":
            self._symbols = tuple(symbol for symbol, _ in message["rows"])
            if len(self._symbols) < 2:
                quote = self._request.quote
                raise JobFailed(f"{len(self._symbols)} symbols traded against {quote} today; expected at least 2")
            self._span = self._request.fetched_span(message["time_ms"] - SETTLE_MS)
            return self.opening()
        return super().heard(message, now_s)

    def stage(self, now_s: float) -> tuple[str, int, int]:
        """See BarFetch."""
        return super().stage(now_s) if self._symbols else ("asking which symbols are the most liquid", 0, 0)


def time_left_s(at_first: int, missing: int, elapsed_s: float) -> float | None:
    """How long the rest may take, from how long it took so far, and from the weight that the exchange allows a minute;
    None while nothing has come.

    >>> time_left_s(129_600, 64_800, 10.0), time_left_s(500_000, 300_000, 10.0), time_left_s(10, 10, 1.0)
    (10.0, 50.0, None)
    """
    fetched = at_first - missing
    if fetched <= 0:
        return None
    pauses_s = 60.0 * (at_first // BARS_A_MINUTE) - elapsed_s
    return max(elapsed_s * missing / fetched, pauses_s)


def fetch_universe(
    request: ScanRequest, url: str, token: str, report: Report, is_cancelled: IsCancelled
) -> FetchedUniverse:
    """Have the bars of a scan stored. ``url`` and ``token`` of the bridge server.

    Raises JobCancelled once ``is_cancelled()`` is true, and JobFailed when nothing can be had, with the reason.
    """
    return have_fetched(UniverseFetch(request), request.market, (url, token), report, is_cancelled)


def have_fetched(
    talk: BarFetch, market: str, server: tuple[str, str], report: Report, is_cancelled: IsCancelled
) -> FetchedUniverse:
    """As ``fetch_universe``, of any bars. ``server``: its address and token."""
    url, token = server
    seen_s = time.monotonic()
    while True:
        try:
            with connect(url, compression=None, ping_interval=None, max_size=2**20, close_timeout=1) as socket:
                _say(socket, [_hello(market, token), talk.opening()])
                found = _converse(socket, talk, report, is_cancelled)
                if found is not None:
                    return found
                seen_s = time.monotonic()
        except (OSError, ConnectionClosed, InvalidHandshake, TimeoutError) as error:
            if time.monotonic() - seen_s > OUTAGE_S:
                raise JobFailed(f"the bridge server does not answer ({error}); candles come through it") from None
            report("waiting for the bridge server", 0, 0)
        _check(is_cancelled)
        time.sleep(LOOK_S)


def _converse(
    socket: ClientConnection, talk: BarFetch, report: Report, is_cancelled: IsCancelled
) -> FetchedUniverse | None:
    """Until all is there; None when the server went away."""
    told: tuple[str, int, int] | None = None
    while True:
        _check(is_cancelled)
        now_s = time.monotonic()
        found = talk.result(now_s)
        if found is not None:
            return found
        stage = talk.stage(now_s)
        if stage != told:
            told = stage
            report(*stage)
        try:
            answer = talk.heard(json.loads(socket.recv(timeout=LOOK_S)), time.monotonic())
        except TimeoutError:
            continue
        except ConnectionClosed:
            return None
        if answer is not None:
            _say(socket, [answer])


def _say(socket: ClientConnection, messages: Sequence[Message]) -> None:
    for message in messages:
        socket.send(json.dumps(message))


def _hello(market: str, token: str) -> Message:
    who = {"market": market, "client": "scan", "session": str(uuid.uuid4()), "helper": True}
    return {"type": "hello", "proto": PROTO, "token": token, **who}


def _check(is_cancelled: IsCancelled) -> None:
    if is_cancelled():
        raise JobCancelled("the scan was cancelled")
