"""Whether data flows, and if not, why: one state with a cause and what to do.

Evaluated from ages on the server's monotonic clock. A pong proves nothing: the browser answers for a frozen page. Beats
distinguish a quiet market from a lost bridge.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

QUIET_MS = 5_000
STORE_STALL_MS = 3_000


class State(Enum):
    """The state shown in the banner."""

    WAITING = "WAITING FOR BRIDGE"
    LIVE = "LIVE"
    QUIET = "MARKET QUIET"
    UPSTREAM_DOWN = "UPSTREAM DOWN"
    WRONG_ROUTE = "WRONG ROUTE"
    SYMBOL_SILENT = "SYMBOL SILENT"
    DISCONNECTED = "BRIDGE DISCONNECTED"
    STORAGE_STALLED = "STORAGE STALLED"
    DISK_FULL = "DISK FULL"


@dataclass(frozen=True, slots=True)
class Status:
    """A state, its cause, and the remedy (empty when none is needed)."""

    state: State
    cause: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about one market's data flow. Ages in ms; None: never happened."""

    sign_age_ms: int | None  # since the last beat or tick of any bridge
    trade_age_ms: int | None  # since the last tick arrived
    upstream: str | None  # the bridge's state of its exchange connection; None from a forwarder without beats
    silent: tuple[str, ...] = ()  # symbols without trades while others trade
    last_word: str = ""  # reason of the last bye
    unstored_ms: int = 0  # of the oldest uncommitted batch
    store_error: str | None = None


def evaluate(facts: Facts, limit_ms: int) -> Status:
    """The state of one market. ``limit_ms``: silence after which the bridge counts as gone."""
    if facts.sign_age_ms is None:
        return Status(
            State.WAITING, "No bridge has connected yet.", "Open bridge/index.html in a browser and click Start Bridge."
        )
    if facts.store_error and "full" in facts.store_error:
        return Status(State.DISK_FULL, facts.store_error, "Free some disk space; everything waiting is stored then.")
    if facts.store_error or facts.unstored_ms > STORE_STALL_MS:
        cause = facts.store_error or f"A batch has waited {facts.unstored_ms / 1_000:.0f} s for the disk."
        return Status(State.STORAGE_STALLED, cause, "Check the disk; ticks are kept in the bridge until it recovers.")
    if facts.sign_age_ms > limit_ms:
        if facts.last_word:
            return Status(State.DISCONNECTED, f"The bridge disconnected: {facts.last_word}.", "Click Start Bridge.")
        return Status(
            State.DISCONNECTED,
            f"No message from the bridge for {facts.sign_age_ms / 1_000:.0f} s.",
            "Look at the bridge page: is the tab open, and what does its status say?",
        )
    return _of_the_exchange(facts)


def _of_the_exchange(facts: Facts) -> Status:
    if facts.upstream == "wrong-route":
        return Status(
            State.WRONG_ROUTE,
            "The exchange accepts the connection but sends no trades on this address.",
            "USD-M trades come only from wss://fstream.binance.com/market/stream; clear the page's exchange field.",
        )
    if facts.upstream not in (None, "open"):
        return Status(
            State.UPSTREAM_DOWN,
            f"The bridge runs, its connection to the exchange is {facts.upstream}.",
            "Check the internet connection; some networks and countries block the exchange.",
        )
    if facts.silent:
        names = ", ".join(facts.silent)
        return Status(State.SYMBOL_SILENT, f"No trades of {names} while others trade.", "Is it still listed?")
    if facts.trade_age_ms is None:
        return Status(State.QUIET, "The bridge is connected; no trade has come yet.")
    if facts.trade_age_ms > QUIET_MS:
        return Status(State.QUIET, f"Connected; the last trade came {facts.trade_age_ms / 1_000:.0f} s ago.")
    return Status(State.LIVE, "Trades are coming in.")
