"""What each column of a table is taken for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_NAMES = {
    "time": (
        "timestamp", "time", "ts", "ts_ms", "date", "datetime", "transact_time", "trade_time", "trade_time_ms",
        "open_time", "open_time_ms", "opentime", "calc_time", "funding_time", "fundingtime",
    ),
    "symbol": ("symbol", "pair", "instrument", "ticker"),
    "price": ("price",),
    "quantity": ("size", "quantity", "qty", "amount"),
    "volume": ("volume", "vol"),
    "open": ("open",), "high": ("high",), "low": ("low",), "close": ("close",),
    "id": ("agg_trade_id", "agg_id", "aggregate_trade_id"),
    "first": ("first_trade_id",), "last": ("last_trade_id",),
    "maker": ("is_buyer_maker", "buyer_is_maker", "isbuyermaker"),
    "width": ("interval", "timeframe"),
    "rate": ("last_funding_rate", "funding_rate", "fundingrate"),
}  # fmt: skip
_MEANING = {name: meaning for meaning, names in _NAMES.items() for name in names}


def has_meaning(name: str) -> bool:
    """Whether a column of this name would be taken for something."""
    return name.strip().lower().replace(" ", "_") in _MEANING


_Layouts = dict[int, tuple[str, ...]]  # by the number of columns; "" is a column that is not used
_DUMP: _Layouts = {7: ("id", "price", "quantity", "first", "last", "time", "maker")}
_DUMP[8] = (*_DUMP[7], "")
_TRADES: _Layouts = {6: ("", "price", "quantity", "", "time", "maker")}
_TRADES[7] = (*_TRADES[6], "")
_KLINES: _Layouts = {12: ("time", "open", "high", "low", "close", "volume", "", "", "", "", "", "")}
_KLINES_HEAD = (
    "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count", "taker_buy_volume",
    "taker_buy_quote_volume", "ignore",
)  # fmt: skip
_FUNDING_HEAD = ("calc_time", "funding_interval_hours", "last_funding_rate")
_FUNDING = ("time", "", "rate")
_DUMP_HEADS = ("a", "p", "q", "f", "l", "t", "m")  # as some tools head an aggTrade dump

TICKS, BARS, FUNDING = "ticks", "bars", "funding"
_NEEDED = {
    TICKS: ("time", "price", "quantity"),
    BARS: ("time", "open", "high", "low", "close", "volume"),
    FUNDING: ("time", "rate"),
}


@dataclass(frozen=True, slots=True)
class Columns:
    """``kind``: ticks, bars or funding. ``places``: meaning -> column number, from 0. ``names``: of all columns."""

    kind: str
    places: Mapping[str, int]
    names: tuple[str, ...]
    question: str = ""  # that must be answered first
    is_dump: bool = False  # candles or funding of an exchange's dump, told by all their columns

    @property
    def has_ids(self) -> bool:
        """Whether the rows have the exchange's aggregate ids."""
        return "id" in self.places

    def describe(self) -> dict[str, str]:
        """Column name -> what it was taken for; empty where it is not used."""
        taken = {at: meaning for meaning, at in self.places.items()}
        return {name: taken.get(at, "") for at, name in enumerate(self.names)}


def columns_of(header: Sequence[str], first: Sequence[object], told: Mapping[str, str]) -> Columns:
    """The columns of a table with this header (empty: none) and these first values.

    ``told``: meaning -> name of the column that it is, from whoever asks; the others of that meaning are left out.
    Raises ValueError where nothing is known of the table, or a column is told that it does not have.
    """
    if not header:
        return _without_header(first)
    folded = [name.strip().strip('"').lower().replace(" ", "_") for name in header]
    if tuple(folded[:7]) == _DUMP_HEADS:
        folded[:7] = ["agg_trade_id", "price", "quantity", "first_trade_id", "last_trade_id", "time", "is_buyer_maker"]
    candidates: dict[str, list[int]] = {}
    for at, name in enumerate(folded):
        if meaning := _MEANING.get(name):
            candidates.setdefault(meaning, []).append(at)
    kind = BARS if {"open", "high", "low", "close"} <= candidates.keys() else TICKS
    if kind == TICKS and "rate" in candidates and "price" not in candidates:
        kind = FUNDING
    if kind == TICKS and "volume" in candidates:  # in a file of ticks it is one more word for their size
        candidates["quantity"] = sorted(candidates.get("quantity", []) + candidates.pop("volume"))
    for meaning, name in told.items():
        if name.strip().lower().replace(" ", "_") not in folded or meaning not in _NAMES:
            raise ValueError(f"{meaning!r} cannot be column {name!r}; expected one of {_listed(header)}")
        candidates[meaning] = [folded.index(name.strip().lower().replace(" ", "_"))]
    return _chosen(kind, header, candidates)


def _chosen(kind: str, header: Sequence[str], candidates: Mapping[str, list[int]]) -> Columns:
    question = ""
    for meaning, found in candidates.items():
        if len(found) > 1:
            names = " and ".join(repr(header[at]) for at in found)
            question = f"columns {names} may both be the {meaning}; say which"
    missing = [meaning for meaning in _NEEDED[kind] if meaning not in candidates]
    if missing:
        raise ValueError(
            f"columns are {_listed(header)}: none is the {' or the '.join(missing)}; expected ticks"
            " (time, symbol, price, size) or bars (time, open, high, low, close, volume)"
        )
    places = {meaning: at[0] for meaning, at in candidates.items()}
    if kind != BARS:
        places.pop("width", None)
    is_dump = tuple(name.strip().lower() for name in header) == {BARS: _KLINES_HEAD, FUNDING: _FUNDING_HEAD}.get(kind)
    return Columns(kind, places, tuple(header), question, is_dump)


def _without_header(first: Sequence[object]) -> Columns:
    """The layouts of the exchange's dumps, told by what stands where."""
    flags = [at for at, cell in enumerate(first) if str(cell).strip().lower() in ("true", "false")]
    width = len(first)
    meanings: tuple[str, ...]
    if width in _DUMP and 6 in flags:
        kind, meanings = TICKS, _DUMP[width]
    elif width in _TRADES and 5 in flags:
        kind, meanings = TICKS, _TRADES[width]
    elif width in _KLINES:
        kind, meanings = BARS, _KLINES[width]
    elif width == len(_FUNDING) and _is_funding(first):
        kind, meanings = FUNDING, _FUNDING
    else:
        shown = ",".join(str(cell) for cell in first)[:80]
        raise ValueError(
            f"found {shown!r} without a header; expected a header, or a Binance dump of aggTrades, trades, klines or"
            " fundingRate"
        )
    names = tuple(meaning or f"column {at}" for at, meaning in enumerate(meanings, 1))
    places = {meaning: at for at, meaning in enumerate(meanings) if meaning}
    return Columns(kind, places, names, is_dump=kind in (BARS, FUNDING))


def _is_funding(first: Sequence[object]) -> bool:
    """Whether this is a time, the hours between two payments, and a rate of less than 1."""
    time, hours, rate = (str(cell).strip() for cell in first)
    is_rate = rate.lstrip("+-").startswith(("0.", "0e")) or rate in ("0", "-0") or "e-" in rate.lower()
    return len(time) >= 13 and time.isdecimal() and hours in ("1", "2", "4", "8") and is_rate


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:12])) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
