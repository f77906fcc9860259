"""Live trades of symbols, on request."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.documents import documented
from api.market_routes import checked_market
from api.replies import reply
from services.feeds import FeedService
from services.ingestion import IngestionService

Name = Annotated[str, Field(max_length=40)]
WAIT_S = 60.0  # that a request stays open for first trades

_EXAMPLE = {
    "market": "usdm", "symbols": ["BTCUSDT", "SOLUSDT"], "how": "asked", "by": "page", "added": ["SOLUSDT"],
    "without_trade": [],
}  # fmt: skip


class IngestionBody(BaseModel):
    """Symbols of one market; without one, that of the only connected bridge, else usdm."""

    model_config = ConfigDict(extra="forbid")
    symbols: Annotated[list[Name], Field(min_length=1, max_length=200, examples=[["BTCUSDT", "SOLUSDT"]])]
    market: Annotated[str, Field(max_length=32, examples=["usdm"])] = ""


def add_ingestion_route(app: FastAPI, ingestion: IngestionService, feeds: FeedService) -> None:
    """``POST /api/ingestion``: asking for what is received already changes nothing."""

    @app.post("/api/ingestion", **documented("market", "Have the live trades of symbols received", _EXAMPLE))
    async def start(
        request: Request, body: IngestionBody,
        wait_s: Annotated[float, Query(ge=0, le=WAIT_S, description="seconds, for the first trade of each")] = 0.0,
    ) -> Response:  # fmt: skip
        market = checked_market(body.market or feeds.only_market() or "usdm")
        return reply(request, await ingestion.start(market, body.symbols, wait_s))
