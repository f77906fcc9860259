"""Exports over HTTP, streamed; names, formats and errors are those of ``services.export``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Query
from fastapi.responses import StreamingResponse

from api.documents import documented
from services.export import BarRequest, ExportFile, ExportService, PairRequest
from services.export.request import read_legs, read_selection, signals_of
from services.pairs import PairService

KINDS = ("ticks", "ohlc", "analytics", "signals", "scan", "summary", "trades")
SIGNALS_CSV, SCAN_CSV = "/api/signals.csv", "/api/scan.csv"  # of earlier versions; the screen uses them
PATHS = (SIGNALS_CSV, SCAN_CSV, *(f"/api/export/{kind}" for kind in KINDS))

Number = Annotated[int, Query(ge=0, lt=2**63)]
Text = Annotated[str, Query(max_length=40)]
Symbols = Annotated[str, Query(max_length=20_000)]
Form = Annotated[str, Query(alias="format", max_length=20)]
From = Annotated[str, Query(alias="from", max_length=40)]
Shown = Literal["all", "trades"]
Values = Annotated[list[str], Query(max_length=40)]


_NO_VALUES: list[str] = []


def add_export_routes(app: FastAPI, exports: ExportService, pairs: PairService) -> None:
    """``/api/export/KIND?market=M&symbols=A,B&from=T&to=T&format=csv|parquet|ndjson|arrow``; times: UTC ISO 8601 or ms.
    ``/api/signals.csv?watch=N[&show=trades][&kind=K..][&reason=R..]``: the log of one watched pair, as filtered;
    ``/api/scan.csv?scan=N``: one scan."""
    _add_market_routes(app, exports)

    @app.get("/api/export/signals", **file_of("Decisions and what trades earned"))
    def signals(
        market: Text = "", symbols: Symbols = "", from_: From = "", to: Text = "", form: Form = "csv",
        show: Shown = "all", kind: Values = _NO_VALUES, reason: Values = _NO_VALUES,
    ) -> StreamingResponse:  # fmt: skip
        wanted = signals_of(read_selection(market, symbols.split(","), from_, to), show == "trades")
        return sent(exports.signals(wanted._replace(kinds=tuple(kind), reasons=tuple(reason)), form))

    @app.get("/api/export/scan", **file_of("The pairs of a scan"))
    def scan(scan: Number | None = None, form: Form = "csv") -> StreamingResponse:
        return sent(exports.scan(scan, form))

    @app.get("/api/export/trades", **file_of("Closed trades, with what each earned"))
    def trades(
        market: Text = "", symbols: Symbols = "", from_: From = "", to: Text = "", form: Form = "csv"
    ) -> StreamingResponse:
        wanted = signals_of(read_selection(market, symbols.split(","), from_, to), trades_only=True)
        return sent(exports.signals(wanted._replace(kinds=("exit",)), form, kind="trades"))

    @app.get(SIGNALS_CSV, **file_of("The log of a watched pair"))
    def signals_csv(
        watch: Number, show: Shown = "all", kind: Values = _NO_VALUES, reason: Values = _NO_VALUES
    ) -> StreamingResponse:
        wanted = pairs.logged(watch)
        if wanted is None:
            raise HTTPException(404, f"no pair with number {watch} is watched")
        shown = wanted._replace(without_refusals=show == "trades", kinds=tuple(kind), reasons=tuple(reason))
        return sent(exports.signals(shown, "csv", is_empty_allowed=True))

    @app.get(SCAN_CSV, **file_of("The pairs of a scan"))
    def scan_csv(scan: Number) -> StreamingResponse:
        return sent(exports.scan(scan, "csv"))


def _add_market_routes(app: FastAPI, exports: ExportService) -> None:
    @app.get("/api/export/ticks", **file_of("Trades"))
    def ticks(
        market: Text, symbols: Symbols = "", from_: From = "", to: Text = "", form: Form = "csv",
        ids: bool | None = None,
    ) -> StreamingResponse:  # fmt: skip
        return sent(exports.ticks(read_selection(market, symbols.split(","), from_, to), form, ids))

    @app.get("/api/export/ohlc", **file_of("Bars"))
    def ohlc(
        market: Text, symbols: Symbols = "", interval: Text = "1m", from_: From = "", to: Text = "",
        form: Form = "csv", details: bool = False,
    ) -> StreamingResponse:  # fmt: skip
        selection = read_selection(market, symbols.split(","), from_, to)
        return sent(exports.ohlc(BarRequest.of(selection, interval, details), form))

    @app.get("/api/export/summary", **file_of("Statistics of symbols"))
    def summary(
        market: Text, symbols: Symbols = "", interval: Text = "1m", from_: From = "", to: Text = "", form: Form = "csv"
    ) -> StreamingResponse:
        selection = read_selection(market, symbols.split(","), from_, to)
        return sent(exports.summary(BarRequest.of(selection, interval), form))

    @app.get("/api/export/analytics", **file_of("A watched pair, bar by bar"))
    def analytics(
        market: Text, symbols: Symbols, from_: From = "", to: Text = "", form: Form = "csv"
    ) -> StreamingResponse:
        legs = symbols.split(",")
        span = read_selection(market, legs, from_, to)
        return sent(exports.analytics(PairRequest(span.market, *read_legs(legs), span.from_ms, span.to_ms), form))


def file_of(summary: str) -> Any:
    """Arguments of a route that answers with a file."""
    return documented("files", summary, None, media="text/csv")


def sent(file: ExportFile) -> StreamingResponse:
    """A file as a download."""
    headers = {"Content-Disposition": attachment(file.name), "Cache-Control": "no-store"}
    return StreamingResponse(_closed(file), media_type=file.media_type, headers=headers)


def _closed(file: ExportFile) -> Iterator[bytes]:
    """The chunks; what they hold is released when the client leaves."""
    try:
        yield from file.chunks
    finally:
        file.close()


def attachment(name: str) -> str:
    """A Content-Disposition for a file name in any script (RFC 6266, RFC 5987).

    >>> attachment("signals-sim-币安-X.csv")
    'attachment; filename="signals-sim-__-X.csv"; filename*=UTF-8\'\'signals-sim-%E5%B8%81%E5%AE%89-X.csv'
    """
    plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "_" for letter in name)
    full = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'attachment; filename="{plain}"{full}'
