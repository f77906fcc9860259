"""The source of each market's trades, as of 2026 (docs/protocol.md, section 1)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

SIMULATOR_PORT = 9443


@dataclass(frozen=True, slots=True)
class Route:
    """One exchange: its WebSocket base with the path of combined streams, and its REST base and paths."""

    market: str
    stream: str
    rest: str
    trades_path: str

    def stream_url(self, symbols: list[str]) -> str:
        """The combined aggTrade stream of these symbols."""
        names = "/".join(quote(symbol.lower()) + "@aggTrade" for symbol in symbols)
        return f"{self.stream}?streams={names}"

    @property
    def trades_url(self) -> str:
        """The URL for aggregate trades by id."""
        return self.rest + self.trades_path


ROUTES = {
    "usdm": Route("usdm", "wss://fstream.binance.com/market/stream", "https://fapi.binance.com", "/fapi/v1/aggTrades"),
    "spot": Route("spot", "wss://stream.binance.com:9443/stream", "https://api.binance.com", "/api/v3/aggTrades"),
    "us": Route("us", "wss://stream.binance.us:9443/stream", "https://api.binance.us", "/api/v3/aggTrades"),
    "testnet": Route(
        "testnet",
        "wss://fstream.binancefuture.com/market/stream",
        "https://testnet.binancefuture.com",
        "/fapi/v1/aggTrades",
    ),
}


def simulator_route(base: str = f"127.0.0.1:{SIMULATOR_PORT}") -> Route:
    """The simulated exchange at ``host:port``."""
    return Route("sim", f"ws://{base}/market/stream", f"http://{base}", "/fapi/v1/aggTrades")
