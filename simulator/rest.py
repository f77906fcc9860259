"""The exchange's HTTP interface: trades, candles, day statistics, marks, funding, symbols, time. A request in, a
response out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import numpy as np

from simulator import market_data
from simulator.candles import decimals_of
from simulator.connection_policy import ConnectionPolicy
from simulator.frames import rest_body
from simulator.rate_limit import Charge, RequestWeights
from simulator.settings import HOUR_MS
from simulator.sources import Instrument
from simulator.trade_history import Rows, TradeHistory
from simulator.venue import Venue

DEFAULT_LIMIT = 500
MAX_LIMIT = 1_000
MAX_KLINES = 1_500
KLINE_WEIGHTS = ((100, 1), (500, 2), (1_001, 5), (MAX_KLINES + 1, 10))  # below this limit, so much
FUNDING_REQUESTS = 500  # in five minutes, whatever they weigh
FUNDING_WINDOW_S = 300.0
QUOTES = ("USDT", "USDC", "BUSD", "BTC", "ETH")
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


class Answer(NamedTuple):
    """Status, JSON body, and additional headers."""

    status: int
    body: str
    headers: Mapping[str, str]


class _Refused(Exception):
    """Answered as ``{"code", "msg"}`` with status 400; never leaves this module."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Route(NamedTuple):
    """One path: its weight as a function of the parameters, and what answers it. ``counts``: it has its own limit."""

    weigh: Callable[[dict[str, str]], int]
    perform: Callable[[dict[str, str]], str]
    counts: bool = False


class Rest:
    """The REST side of one venue."""

    def __init__(self, venue: Venue, weights: RequestWeights, gate: ConnectionPolicy, weight_limit: int) -> None:
        self._venue = venue
        self._weights = weights
        self._funding_requests = RequestWeights(FUNDING_REQUESTS, ban_after=10**9, ban_s=0.0, window_s=FUNDING_WINDOW_S)
        self._gate = gate
        self._weight_limit = weight_limit
        self._routes = {
            "/fapi/v1/aggTrades": _Route(lambda _: 20, self._agg_trades),
            "/fapi/v1/klines": _Route(_kline_weight, self._klines),
            "/fapi/v1/ticker/24hr": _Route(lambda params: 1 if params.get("symbol") else 40, self._tickers),
            "/fapi/v1/premiumIndex": _Route(lambda params: 1 if params.get("symbol") else 10, self._premium_index),
            "/fapi/v1/fundingRate": _Route(lambda _: 0, self._funding_history, counts=True),
            "/fapi/v1/fundingInfo": _Route(lambda _: 0, lambda _: "[]", counts=True),  # all have 8 hours
            "/fapi/v1/exchangeInfo": _Route(lambda _: 1, self._exchange_info),
            "/fapi/v1/time": _Route(lambda _: 1, self._time),
        }

    def answer(self, target: str, now_s: float) -> Answer:
        """The answer to GET ``target`` at ``now_s`` seconds since 1970, real time."""
        if self._gate.blocks_rest:
            # No CORS header: a page cannot distinguish this from a network error.
            return Answer(HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS, error_body(0, "Restricted location."), {})
        path, _, query = target.partition("?")
        params = dict(parse_qsl(query, keep_blank_values=True))
        route = self._routes.get(path)
        charge = self._weights.charge(route.weigh(params) if route else 1, now_s)
        headers = {"Access-Control-Allow-Origin": "*", "X-MBX-USED-WEIGHT-1M": str(charge.used)}
        if charge.status == HTTPStatus.OK and route is not None and route.counts:
            charge = self._funding_requests.charge(1, now_s)
        if charge.status != HTTPStatus.OK:
            headers["Retry-After"] = str(charge.retry_after_s)
            return Answer(charge.status, self._too_many(charge), headers)
        if route is None:
            message = f"Path {path}, Method GET is invalid"
            return Answer(HTTPStatus.NOT_FOUND, error_body(-5000, message), headers)
        try:
            return Answer(HTTPStatus.OK, route.perform(params), headers)
        except _Refused as refused:
            return Answer(HTTPStatus.BAD_REQUEST, error_body(refused.code, str(refused)), headers)

    def _too_many(self, charge: Charge) -> str:
        if charge.status == HTTPStatus.IM_A_TEAPOT:
            until_ms = int(self._weights.banned_until_s * 1_000)
            return error_body(-1003, f"Way too many requests; IP(127.0.0.1) banned until {until_ms}.")
        limit = f"current limit of IP(127.0.0.1) is {self._weight_limit} requests per minute"
        return error_body(-1003, f"Too many requests; {limit}.")

    def _symbol(self, params: dict[str, str]) -> str:
        symbol = params.get("symbol")
        if not symbol:
            raise _Refused(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        if symbol not in self._venue.trade_histories:
            raise _Refused(-1121, "Invalid symbol.")
        return symbol

    def _symbols(self, params: dict[str, str]) -> list[str]:
        """The one that is asked for, or all."""
        return [self._symbol(params)] if params.get("symbol") else list(self._venue.trade_histories)

    def _agg_trades(self, params: dict[str, str]) -> str:
        return rest_body(_selected(self._venue.trade_histories[self._symbol(params)], params))

    def _klines(self, params: dict[str, str]) -> str:
        symbol = self._symbol(params)
        if not params.get("interval"):
            raise _Refused(-1102, "Mandatory parameter 'interval' was not sent, was empty/null, or malformed.")
        width_ms = market_data.INTERVALS_MS.get(params["interval"])
        if width_ms is None:
            raise _Refused(-1120, "Invalid interval.")
        limit, start_ms, end_ms = _limited(params, MAX_KLINES, DEFAULT_LIMIT)
        return _compact(market_data.klines(self._venue, symbol, width_ms, start_ms, end_ms, limit))

    def _tickers(self, params: dict[str, str]) -> str:
        found = [market_data.ticker(self._venue, symbol) for symbol in self._symbols(params)]
        return _compact(_one_or_all(params, found))

    def _premium_index(self, params: dict[str, str]) -> str:
        found = [market_data.premium_index(self._venue, symbol) for symbol in self._symbols(params)]
        return _compact(_one_or_all(params, found))

    def _funding_history(self, params: dict[str, str]) -> str:
        limit, start_ms, end_ms = _limited(params, MAX_LIMIT, 100)
        return _compact(market_data.funding_history(self._venue, self._symbols(params), start_ms, end_ms, limit))

    def _exchange_info(self, params: dict[str, str]) -> str:
        return json.dumps(exchange_info(self._venue.source.instruments, self._venue.now_ms, self._weight_limit))

    def _time(self, params: dict[str, str]) -> str:
        return json.dumps({"serverTime": self._venue.now_ms})


def error_body(code: int, message: str) -> str:
    """Binance's error object."""
    return json.dumps({"code": code, "msg": message}, separators=(",", ":"))


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _one_or_all(params: dict[str, str], found: list[Any]) -> Any:
    """Of one symbol its object, of all a list of those that there are."""
    return found[0] or {} if params.get("symbol") else [each for each in found if each is not None]


def _kline_weight(params: dict[str, str]) -> int:
    text = params.get("limit", str(DEFAULT_LIMIT))
    limit = int(text) if _NUMBER.fullmatch(text) else DEFAULT_LIMIT
    return next((weight for below, weight in KLINE_WEIGHTS if limit < below), KLINE_WEIGHTS[-1][1])


def _limited(params: dict[str, str], most: int, default: int) -> tuple[int, int | None, int | None]:
    """(limit, start, end) of a query by time."""
    limit, start_ms, end_ms = (_number(params, name) for name in ("limit", "startTime", "endTime"))
    if limit is not None and not 1 <= limit <= most:
        raise _Refused(-1130, "Data sent for parameter 'limit' is not valid.")
    if start_ms is not None and end_ms is not None and start_ms > end_ms:
        raise _Refused(-1023, "Start time is greater than end time.")
    return default if limit is None else limit, start_ms, end_ms


def _selected(trade_history: TradeHistory, params: dict[str, str]) -> Rows:
    limit, start_ms, end_ms = _limited(params, MAX_LIMIT, DEFAULT_LIMIT)
    from_id = _number(params, "fromId")
    if from_id is not None:
        if start_ms is not None or end_ms is not None:
            raise _Refused(-1128, "Combination of optional parameters invalid.")
        return trade_history.from_id(from_id, limit)
    if start_ms is None:
        return trade_history.latest(limit) if end_ms is None else trade_history.between(0, end_ms)[-limit:]
    if end_ms is not None and end_ms - start_ms > HOUR_MS:
        raise _Refused(-1127, "More than 1 hours between startTime and endTime.")
    return trade_history.between(start_ms, np.iinfo(np.int64).max if end_ms is None else end_ms)[:limit]


def _number(params: dict[str, str], name: str) -> int | None:
    text = params.get(name)
    if text is None:
        return None
    if not _NUMBER.fullmatch(text):
        raise _Refused(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
    return int(text)


def exchange_info(instruments: Sequence[Instrument], now_ms: int, weight_limit: int) -> dict[str, Any]:
    """The body of exchangeInfo: every symbol as a trading perpetual."""
    limit = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": weight_limit}
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "futuresType": "U_MARGINED",
        "rateLimits": [limit],
        "exchangeFilters": [],
        "assets": [],
        "symbols": [_symbol_info(instrument) for instrument in instruments],
    }


def _symbol_info(instrument: Instrument) -> dict[str, Any]:
    symbol, tick, lot = instrument
    quote = next((quote for quote in QUOTES if symbol.endswith(quote) and symbol != quote), "USDT")
    price = {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "100000000", "tickSize": tick}
    size = {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "1000000000", "stepSize": lot}
    return {
        "symbol": symbol, "pair": symbol, "contractType": "PERPETUAL", "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000, "status": "TRADING", "baseAsset": symbol.removesuffix(quote),
        "quoteAsset": quote, "marginAsset": quote, "pricePrecision": decimals_of(tick),
        "quantityPrecision": decimals_of(lot), "baseAssetPrecision": 8, "quotePrecision": 8,
        "underlyingType": "COIN", "underlyingSubType": [],
        "filters": [price, size, {"filterType": "MIN_NOTIONAL", "notional": "5"}],
        "orderTypes": ["LIMIT", "MARKET"], "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }  # fmt: skip
