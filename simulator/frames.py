"""Trades as text on the wire: stream frames and REST objects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from simulator.trade_history import Rows, decimal_text

_BOOL = ("false", "true")


class Frame(NamedTuple):
    """One message of a stream. ``symbol`` None: sent unwrapped to every subscriber.

    ``sent_ms`` is the E of its trade; ``text`` the frame without the wrapper of combined streams.
    """

    sent_ms: int
    symbol: str | None
    text: str


TRADE_STREAM = "aggTrade"
MARK_STREAM = "markPrice@1s"


@cache
def stream_of(symbol: str, kind: str = TRADE_STREAM) -> str:
    """The stream name of a symbol's aggregate trades, or of another kind."""
    return f"{symbol.lower()}@{kind}"


def mark_frame(mark: Mapping[str, Any]) -> Frame:
    """What the stream of marks says, from an object of premiumIndex."""
    said = {
        "e": "markPriceUpdate", "E": mark["time"], "s": mark["symbol"], "p": mark["markPrice"],
        "i": mark["indexPrice"], "P": mark["estimatedSettlePrice"], "r": mark["lastFundingRate"],
        "T": mark["nextFundingTime"],
    }  # fmt: skip
    return Frame(mark["time"], mark["symbol"], json.dumps(said, separators=(",", ":"), ensure_ascii=False))


def agg_trade_frames(symbol: str, rows: Rows) -> list[Frame]:
    """One frame a trade, with every field of a USD-M aggTrade."""
    name = json.dumps(symbol, ensure_ascii=False)
    frames = []
    for agg_id, time_ms, p, q, normal, first, fills, lag_ms, p_decimals, q_decimals, maker in rows.tolist():
        price, quantity, nq = decimal_text(p, p_decimals), decimal_text(q, q_decimals), decimal_text(normal, q_decimals)
        sent_ms = time_ms + lag_ms
        text = (
            f'{{"e":"aggTrade","E":{sent_ms},"a":{agg_id},"s":{name},"p":"{price}","q":"{quantity}","nq":"{nq}",'
            f'"f":{first},"l":{first + fills - 1},"T":{time_ms},"m":{_BOOL[maker]},"st":1}}'
        )
        frames.append(Frame(sent_ms, symbol, text))
    return frames


def rest_body(rows: Rows) -> str:
    """The answer of ``/fapi/v1/aggTrades``: a JSON array, one object a trade."""
    return json.dumps(
        [
            {
                "a": agg_id, "p": decimal_text(p, p_decimals), "q": decimal_text(q, q_decimals),
                "nq": decimal_text(normal, q_decimals), "f": first, "l": first + fills - 1, "T": time_ms, "m": maker,
            }
            for agg_id, time_ms, p, q, normal, first, fills, _, p_decimals, q_decimals, maker in rows.tolist()
        ],
        separators=(",", ":"),
    )  # fmt: skip


def wrapped(frame: Frame, kind: str = TRADE_STREAM) -> str:
    """The frame in the wrapper of combined streams."""
    if frame.symbol is None:
        return frame.text
    return f'{{"stream":"{stream_of(frame.symbol, kind)}","data":{frame.text}}}'


def shutdown_frame(now_ms: int, combined: bool) -> str:
    """The message to every live connection before a planned close; without a symbol."""
    text = f'{{"e":"serverShutdown","E":{now_ms}}}'
    return f'{{"stream":"!serverShutdown","data":{text}}}' if combined else text
