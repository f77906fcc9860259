"""Health, symbols, trades, bars, gaps and settings; and trades that programs post."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.documents import documented
from api.export import Text
from api.replies import KEY, Place, id_text, paged, place_of, reply, whole
from engine.errors import RowRefused, SettingsError
from services.data import DataService, read_gap_filter
from services.export.request import BarRequest, Selection, read_selection
from services.feeds import FeedService
from services.market_data import MOST_ROWS, MarketDataService, Page
from services.tick_post import Posted, TickPostService, tick_row

Cursor = Annotated[str, Query(max_length=200, description="the `next` of the page before")]
Decimal = Annotated[str, Field(max_length=40, examples=["85595.90"])]

_TICK = {"id": "3460311796", "price": 85595.9, "quantity": 0.411, "time_ms": 1790046465580, "buyer_is_maker": False}
_BAR = {
    "open_time_ms": 1790046420000, "open": 85500.1, "high": 85650.0, "low": 85400.0, "close": 85595.9,
    "volume": 812.4, "quote_volume": 69500000.5, "trades": 4211, "source": "live",
}  # fmt: skip
_POSTED = {
    "market": "file-desk", "stored": 1, "duplicates": 0, "conflicts": 0, "rejected": [], "gaps": [0, 0], "again": False
}  # fmt: skip
_MARKET = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII).fullmatch


class RangeQuery(BaseModel):
    """Rows of one symbol; ``from`` is included, ``to`` is not: UTC ISO 8601 or ms since 1970."""

    symbol: Annotated[str, Field(max_length=40, examples=["BTCUSDT"])]
    market: Annotated[str, Field(max_length=40, description="empty: the one that has the symbol")] = ""
    from_: Annotated[str, Field(alias="from", max_length=40)] = ""
    to: Annotated[str, Field(max_length=40)] = ""
    limit: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 1_000
    cursor: Annotated[str, Field(max_length=200, description="the `next` of the page before")] = ""

    def selection(self, place: Place | None) -> Selection:
        """What is asked; of the market of the pages before. Raises SettingsError, RowRefused."""
        market = self.market or (place.market if place else "")
        return read_selection(market, [self.symbol], self.from_, self.to)


class BarQuery(RangeQuery):
    """Bars of one symbol."""

    interval: Annotated[str, Field(max_length=20, examples=["1m"])] = "1m"
    source: Annotated[str, Field(max_length=20, description="live, upload, or empty for both")] = ""


class PostedTick(BaseModel):
    """One trade. ``price`` and ``quantity`` as decimal text, so that nothing rounds them; ``id`` only where it is an
    exchange's: in a market of your own (`file-...`) the server numbers trades."""

    model_config = ConfigDict(extra="forbid")
    symbol: Annotated[str, Field(min_length=1, max_length=32, examples=["BTCUSDT"])]
    price: Decimal
    quantity: Decimal
    time_ms: Annotated[int, Field(examples=[1790046465580])]
    id: str | int | None = None
    buyer_is_maker: bool | None = None

    def row(self) -> list[Any]:
        """As the bridge protocol has it."""
        return tick_row(self.symbol, self.id, self.price, self.quantity, self.time_ms, self.buyer_is_maker)


class OneTick(PostedTick):
    """One trade, and its market."""

    market: Annotated[str, Field(max_length=32, examples=["file-desk"])]


class TickBatch(BaseModel):
    """Up to 500 trades of one market: one transaction."""

    model_config = ConfigDict(extra="forbid")
    market: Annotated[str, Field(max_length=32, examples=["file-desk"])]
    ticks: Annotated[list[PostedTick], Field(min_length=1, max_length=500)]


def add_market_routes(app: FastAPI, market: MarketDataService, data: DataService, feeds: FeedService) -> None:
    """The reads of what is stored."""

    @app.get(
        "/api/health", **documented("about", "Whether trades arrive", {"answers": True, "state": "LIVE", "markets": []})
    )
    def health(request: Request) -> Response:
        return reply(request, feeds.server())

    symbols_example = whole(
        [{"market": "usdm", "symbol": "BTCUSDT", "first_ms": 1790046400000, "end_ms": 1790046465000}]
    )

    @app.get("/api/symbols", **documented("market", "Symbols with stored trades or bars", symbols_example))
    def symbols(request: Request, market_name: Annotated[str, Query(alias="market", max_length=40)] = "") -> Response:
        return reply(request, whole(market.symbols(market_name)))

    ticks_example = whole([_TICK], market="usdm", symbol="BTCUSDT") | {"next": "WyI3ZDQ4NmIyZjE5YWUiLCIiLDddMA"}

    @app.get("/api/ticks", **documented("market", "Trades of one symbol, by id", ticks_example))
    def ticks(request: Request, of: Annotated[RangeQuery, Query()]) -> Response:
        place = place_of(request, 2)
        page = market.ticks(of.selection(place), of.limit, place and place.numbers)
        return reply(request, _page(request, page, {}))

    ohlc_example = whole([_BAR], market="usdm", symbol="BTCUSDT", interval="1m")

    @app.get(
        "/api/ohlc", **documented("market", "Complete bars of one symbol; the newest without `from`", ohlc_example)
    )
    def ohlc(request: Request, of: Annotated[BarQuery, Query()]) -> Response:
        place = place_of(request, 1)
        page = market.bars(
            BarRequest.of(of.selection(place), of.interval), of.source, of.limit, place and place.numbers
        )
        return reply(request, _page(request, page, {"interval": of.interval}))

    _add_data_routes(app, data)


def _page(request: Request, page: Page, more: dict[str, str]) -> dict[str, Any]:
    head = {"market": page.market, "symbol": page.symbol} | more
    return head | paged(request, page.rows, page.following, page.market)


def _add_data_routes(app: FastAPI, data: DataService) -> None:
    gap = {
        "gap_id": "12", "market": "usdm", "symbol": "BTCUSDT", "first_id": "3460311700", "last_id": "3460311720",
        "missing": 21, "status": "open", "reason": None, "opened_ms": 1790046465580, "closed_ms": None,
    }  # fmt: skip

    @app.get("/api/data/gaps", **documented("market", "Missing trades, the newest gap first", whole([gap])))
    def gaps(
        request: Request, market: Text = "", symbol: Text = "", status: Text = "",
        cursor: Cursor = "",
    ) -> Response:  # fmt: skip
        place = place_of(request, 1)
        page = data.gaps(read_gap_filter(market, symbol, status), place and place.numbers[0])
        rows = [
            each._asdict()
            | {"gap_id": id_text(each.gap_id), "first_id": id_text(each.first_id), "last_id": id_text(each.last_id)}
            for each in page.rows
        ]
        return reply(request, paged(request, rows, None if page.older is None else (page.older,)))

    setting = {
        "name": "bridge_port", "variable": "PAIRBRIDGE_BRIDGE_PORT", "value": "8765", "default": "8765",
        "is_from_environment": False, "doc": "Port of the bridge server; 0 takes any free one.",
    }  # fmt: skip

    @app.get("/api/config", **documented("about", "The settings in force; secrets are hidden", whole([setting])))
    def config(request: Request) -> Response:
        return reply(request, whole(data.settings))


def add_tick_routes(app: FastAPI, posts: TickPostService) -> None:
    """``POST /api/ticks`` and ``/api/ticks/batch``: answered after the commit. Under an ``Idempotency-Key``, which is
    stored with the rows, a repeat stores nothing and gets the first answer."""

    @app.post("/api/ticks", **documented("market", "Store one trade", _POSTED))
    async def one(request: Request, sent: OneTick) -> Response:
        return await _posted(request, posts, sent.market, [sent])

    @app.post("/api/ticks/batch", **documented("market", "Store up to 500 trades in one transaction", _POSTED))
    async def many(request: Request, sent: TickBatch) -> Response:
        return await _posted(request, posts, sent.market, sent.ticks)


def checked_market(name: str) -> str:
    """A market's name. Raises SettingsError."""
    if not _MARKET(name):
        raise SettingsError(f"market is {name[:40]!r}; expected lower-case letters, digits or -")
    return name


async def _posted(request: Request, posts: TickPostService, market: str, ticks: Any) -> Response:
    found = await posts.post(checked_market(market), [each.row() for each in ticks], request.headers.get(KEY, ""))
    if len(ticks) == 1 and found.rejected:
        raise RowRefused(found.rejected[0][1])
    return reply(request, {"market": market} | _counts(found))


def _counts(found: Posted) -> dict[str, Any]:
    return {
        "stored": found.stored, "duplicates": found.duplicates, "conflicts": found.conflicts,
        "rejected": [list(each) for each in found.rejected], "gaps": list(found.gaps), "again": found.again,
    }  # fmt: skip
