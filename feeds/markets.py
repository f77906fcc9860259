"""The source of each market's trades, as of 2026 (docs/protocol.md, section 1)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

SIMULATOR_PORT = 9443
_CANDLE_WEIGHTS = ((100, 1), (500, 2), (1_001, 5), (2**31, 10))  # below this limit, so much


@dataclass(frozen=True, slots=True)
class Route:
    """One exchange: its WebSocket base with the path of combined streams, and its REST base and paths."""

    market: str
    stream: str
    rest: str
    trades_path: str
    minute: int = 2_400  # request weight that the exchange allows one address
    trades_weight: int = 20
    is_futures: bool = True  # its candles weigh by their number, and it has funding

    def stream_url(self, symbols: list[str]) -> str:
        """The combined aggTrade stream of these symbols."""
        names = "/".join(quote(symbol.lower()) + "@aggTrade" for symbol in symbols)
        return f"{self.stream}?streams={names}"

    @property
    def trades_url(self) -> str:
        """The URL for aggregate trades by id."""
        return self.rest + self.trades_path

    def url_of(self, name: str) -> str:
        """Another path beside the trades'."""
        return self.trades_url.removesuffix("aggTrades") + name

    def candles_weight(self, limit: int) -> int:
        """Of one request for so many candles."""
        return next(weight for below, weight in _CANDLE_WEIGHTS if limit < below) if self.is_futures else 2

    @property
    def tickers_weight(self) -> int:
        """Of one request for the day statistics of all symbols."""
        return 40 if self.is_futures else 80


ROUTES = {
    "usdm": Route("usdm", "wss://fstream.binance.com/market/stream", "https://fapi.binance.com", "/fapi/v1/aggTrades"),
    "spot": Route(
        "spot", "wss://stream.binance.com:9443/stream", "https://api.binance.com", "/api/v3/aggTrades", 6_000, 4, False
    ),
    "us": Route(
        "us", "wss://stream.binance.us:9443/stream", "https://api.binance.us", "/api/v3/aggTrades", 1_200, 4, False
    ),
    "testnet": Route(
        "testnet",
        "wss://fstream.binancefuture.com/market/stream",
        "https://testnet.binancefuture.com",
        "/fapi/v1/aggTrades",
    ),
}  # fmt: skip


def simulator_route(base: str = f"127.0.0.1:{SIMULATOR_PORT}") -> Route:
    """The simulated exchange at ``host:port``."""
    return Route("sim", f"ws://{base}/market/stream", f"http://{base}", "/fapi/v1/aggTrades")
