"""A pair's statistics, decisions, closed trades, runs, and the watch list."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.documents import documented
from api.export import From, Text
from api.market_routes import Cursor
from api.replies import Writes, id_text, paged, place_of, read_number, reply, whole
from engine.errors import SettingsError
from services.alert_board import AlertBoard
from services.journal import SHOWN, JournalService, place_in_journal, read_filter
from services.market_data import NotFound
from services.pair_statistics import MOST_BARS, PairQuestion, PairStatisticsService
from services.pairs import Pair, PairService, settings_with
from services.paper_trades import BOOK, LOG, PaperTradeService
from services.stream import pair_row
from services.views import ViewService

PairText = Annotated[
    str, Query(max_length=120, description="market/Y~X, or empty for all", examples=["usdm/ETHUSDT~BTCUSDT"])
]

_STATISTICS = {
    "market": "usdm", "y": "ETHUSDT", "x": "BTCUSDT", "interval": "1m", "bars": 1000, "window": 50,
    "regression": "ols", "hedge_ratio": 0.92, "hedge_error": 0.03,
    "hedges": {"ols": {"beta": 0.92, "beta_error": 0.03, "low": 0.86, "high": 0.98}},
    "spread": {"value": 0.0012, "mean": 0.0003, "mean_error": 0.0002, "deviation": 0.0009, "deviation_error": 0.0001},
    "zscore": {"value": 1.0, "error": 0.3}, "correlation": {"value": 0.81, "low": 0.69, "high": 0.89},
    "half_life_bars": {"value": 31.0, "low": 19.0, "high": 66.0}, "price_stats": {}, "adf": None,
    "alerts": [{"rule_id": "9f", "name": "worth a look", "severity": "warning", "phase": "armed", "is_met": False}],
}  # fmt: skip
_WATCHED = {
    "watch": "1", "market": "usdm", "y": "ETHUSDT", "x": "BTCUSDT", "settings": {"interval_ms": 5000}, "z": 1.2,
    "gate": 1.0, "position": 0, "bars": 4211, "problem": "",
}  # fmt: skip


class PairQuery(BaseModel):
    """``y`` on ``x``, over the last ``bars``; z and correlation over ``window`` of them."""

    y: Annotated[str, Field(max_length=40, examples=["ETHUSDT"])]
    x: Annotated[str, Field(max_length=40, examples=["BTCUSDT"])]
    market: Annotated[str, Field(max_length=40)] = ""
    interval: Annotated[str, Field(max_length=20)] = "1m"
    bars: Annotated[int, Field(ge=30, le=MOST_BARS)] = 1_000
    window: Annotated[int, Field(ge=5, le=MOST_BARS)] = 50
    regression: Annotated[str, Field(max_length=20, description="ols, robust, kalman, theil-sen or tls")] = "ols"
    adf: bool = True
    series: bool = True

    def question(self) -> PairQuestion:
        """Raises SettingsError, RowRefused."""
        legs, lengths = (self.y, self.x), (self.bars, self.window)
        found = PairQuestion.of(self.market, legs, self.interval, lengths, self.regression)
        return replace(found, adf=self.adf, series=self.series)


class PairBody(BaseModel):
    """A pair to watch. ``settings``: those that differ from a new pair's."""

    model_config = ConfigDict(extra="forbid")
    market: Annotated[str, Field(min_length=1, max_length=32, examples=["usdm"])]
    y: Annotated[str, Field(min_length=1, max_length=32, examples=["ETHUSDT"])]
    x: Annotated[str, Field(min_length=1, max_length=32, examples=["BTCUSDT"])]
    settings: dict[str, Any] = Field(default={}, examples=[{"entry_z": 2.5}])


def add_analysis_routes(
    app: FastAPI, statistics: PairStatisticsService, journal: JournalService, trades: PaperTradeService,
    board: AlertBoard,
) -> None:  # fmt: skip
    """The reads of analysis."""

    @app.get("/api/analytics/pair", **documented("analysis", "Statistics of a pair, each with its error", _STATISTICS))
    def pair(request: Request, of: Annotated[PairQuery, Query()]) -> Response:
        found = statistics.statistics(of.question())
        alerts = board.on_pair(found["market"], found["y"], found["x"])
        return reply(request, found | {"alerts": [asdict(each) for each in alerts]})

    _add_signal_routes(app, journal)
    total = {
        "unit": "USDT", "trades": 3, "wins": 2, "gross": 41.0, "fees": 20.0, "half_spread": 10.0, "slippage": 0.0,
        "funding": 0.0, "net": 11.0,
    }  # fmt: skip

    @app.get(
        "/api/trades",
        **documented("analysis", "Closed paper trades, and their totals", whole([], totals=[total])),
    )
    def closed(
        request: Request, of: Annotated[PairText, Query(alias="pair")] = "", counted: Text = BOOK, from_: From = "",
        to: Text = "",
    ) -> Response:  # fmt: skip
        if counted not in (BOOK, LOG):
            raise SettingsError(f"counted is {counted[:20]!r}; expected {BOOK} or {LOG}")
        found = trades.closed(read_filter(of, "all", "", from_, to), counted)
        totals = [each._asdict() for each in found.totals]
        return reply(request, whole(found.rows, totals=totals, open_exits=found.open_exits))


def _add_signal_routes(app: FastAPI, journal: JournalService) -> None:
    row = {"id": "7", "market": "usdm", "y": "ETHUSDT", "x": "BTCUSDT", "kind": "exit", "reason": "TARGET", "z": 0.4}

    @app.get("/api/signals", **documented("analysis", "Decisions, those of the newest bars first", whole([row])))
    def signals(
        request: Request, of: Annotated[PairText, Query(alias="pair")] = "", show: Text = "all", reason: Text = "",
        from_: From = "", to: Text = "", cursor: Cursor = "",
    ) -> Response:  # fmt: skip
        if show not in SHOWN:
            raise SettingsError(f"show is {show[:40]!r}; expected one of {', '.join(SHOWN)}")
        place = place_of(request, 2)
        page = journal.page(read_filter(of, show, reason, from_, to), place and place_in_journal(place.numbers))
        rows = [{"id": id_text(each.given)} | _without(asdict(each), "given") for each in page.rows]
        return reply(request, paged(request, rows, page.older and (page.older.close_ms, page.older.given)))

    run = {"run_id": "9f..", "market": "usdm", "y": "ETHUSDT", "x": "BTCUSDT", "interval_ms": 5000, "start_ms": 0}

    @app.get("/api/runs", **documented("analysis", "The runs that go on, the oldest first", whole([run])))
    def going(request: Request) -> Response:
        rows = [asdict(each) for each in journal.runs()]
        for each in rows:
            each |= {"began_seq": id_text(each["began_seq"]), "settings": json.loads(each["settings"])}
        return reply(request, whole(rows))


def add_pair_routes(app: FastAPI, pairs: PairService, views: ViewService, writes: Writes) -> None:
    """The watch list."""

    @app.get("/api/pairs", **documented("pairs", "The watched pairs", whole([_WATCHED])))
    def watched(request: Request) -> Response:
        return reply(request, whole([pair_row(each) for each in views.watch_list()]))

    @app.post("/api/pairs", **documented("pairs", "Watch a pair, or change its settings", {"watch": "1"}, 201))
    async def watch(request: Request, body: PairBody) -> Response:
        def do() -> dict[str, Any]:
            known = pairs.pair(pairs.find(body.market, body.y, body.x))
            settings = settings_with(known.settings if known else pairs.new_pair, body.settings)
            return {"watch": id_text(pairs.watch(Pair(body.market, body.y, body.x, settings)))}

        return await writes.once(request, do, 201)

    @app.delete("/api/pairs/{watch}", **documented("pairs", "Watch a pair no longer; decisions stay", {"watch": "1"}))
    async def unwatch(request: Request, watch: str) -> Response:
        def do() -> dict[str, Any]:
            number = read_number(watch, "watch")
            if pairs.unwatch(number) is None:
                raise NotFound(f"no pair with number {number} is watched; expected one of /api/pairs")
            return {"watch": id_text(number)}

        return await writes.once(request, do)


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}
