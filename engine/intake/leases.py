"""Which bridge forwards which symbol: one per (market, symbol), the others stand by."""

from __future__ import annotations

from collections.abc import Iterable


class Leases:
    """First come, first served; when a holder disconnects, the longest-waiting bridge takes over."""

    def __init__(self) -> None:
        self._wanted: dict[int, tuple[str, tuple[str, ...]]] = {}  # by connection, in order of subscription
        self._holder: dict[tuple[str, str], int] = {}
        self._asleep: set[int] = set()

    def want(self, conn: int, market: str, symbols: Iterable[str]) -> set[int]:
        """A bridge's list, replacing an earlier one; returns the connections whose leases changed."""
        wanted = tuple(symbols)
        self._wanted[conn] = (market, wanted)
        kept = {(market, symbol) for symbol in wanted}
        let_go = [key for key, holder in self._holder.items() if holder == conn and key not in kept]
        for key in let_go:
            del self._holder[key]
        return self._settle()

    def leave(self, conn: int) -> set[int]:
        """A bridge has disconnected."""
        self._wanted.pop(conn, None)
        self._asleep.discard(conn)
        return self._free(conn)

    def sleep(self, conn: int) -> set[int]:
        """A bridge has stopped sending beats: others may take over, it moves to the end of the queue."""
        if conn in self._asleep or conn not in self._wanted:
            return set()
        self._asleep.add(conn)
        return self._free(conn)

    def wake(self, conn: int) -> set[int]:
        """The bridge sends beats again."""
        if conn not in self._asleep:
            return set()
        self._asleep.discard(conn)
        self._wanted[conn] = self._wanted.pop(conn)
        return self._settle()

    def holder(self, market: str, symbol: str) -> int | None:
        """The connection that forwards this symbol."""
        return self._holder.get((market, symbol))

    def is_awake(self, conn: int) -> bool:
        """Whether a connection has not stopped sending beats."""
        return conn not in self._asleep

    def of(self, conn: int) -> tuple[list[str], list[str]]:
        """(active, standby) symbols of a connection, in the order of its list."""
        market, wanted = self._wanted.get(conn, ("", ()))
        active = [symbol for symbol in wanted if self._holder.get((market, symbol)) == conn]
        return active, [symbol for symbol in wanted if self._holder.get((market, symbol)) != conn]

    def _free(self, conn: int) -> set[int]:
        for key in [key for key, holder in self._holder.items() if holder == conn]:
            del self._holder[key]
        return self._settle()

    def _settle(self) -> set[int]:
        changed: set[int] = set()
        for conn, (market, wanted) in self._wanted.items():
            if conn in self._asleep:
                continue
            for symbol in wanted:
                if (market, symbol) not in self._holder:
                    self._holder[market, symbol] = conn
                    changed.add(conn)
        return changed
