"""The exchange's control paths: ``/sim/fault`` injects a fault, ``/sim/ledger`` describes the expected content of a
store."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl

from simulator.errors import FaultRefused
from simulator.faults import Did, Faults
from simulator.trade_history import Rows, digest_of, joined, trades_of


def _flag(text: str) -> bool:
    return {"1": True, "0": False}[text]


Reader = Callable[[str], Any]
_EXPECTED: dict[Reader, str] = {str: "text", int: "a whole number", float: "a number", _flag: "1 or 0"}

# Per kind, the required and optional parameters. The methods of Faults check the values.
KINDS: dict[str, tuple[dict[str, Reader], dict[str, Reader]]] = {
    "drop": ({"symbol": str, "n": int}, {"forget": _flag}),
    "stall": ({"symbol": str, "seconds": float}, {"lost": _flag}),
    "duplicate": ({"symbol": str, "n": int}, {}),
    "reorder": ({"symbol": str, "n": int}, {"window": int}),
    "lag": ({"ms": int}, {}),
    "jump": ({"symbol": str, "bps": float}, {}),
    "halt": ({}, {"seconds": float}),
    "disconnect": ({}, {"code": int}),
    "refuse": ({"seconds": float}, {}),
    "rotate": ({"seconds": float}, {}),
    "geo-block": ({}, {"scope": str}),
    "rate-limit": ({"seconds": float}, {}),
    "clear": ({}, {}),
}


def perform(faults: Faults, query: str) -> Did:
    """The fault in the query of ``/sim/fault?kind=...``.

    Raises FaultRefused with the parameter, the value found and what was expected.
    """
    given = dict(parse_qsl(query, keep_blank_values=True))
    kind = given.pop("kind", "")
    if kind not in KINDS:
        raise FaultRefused(f"kind is {kind!r}; expected one of {', '.join(KINDS)}")
    needed, possible = KINDS[kind]
    known = needed | possible
    unknown = sorted(given.keys() - known.keys())
    if unknown:
        raise FaultRefused(f"{kind} has no parameter {unknown[0]!r}; expected {', '.join(known) or 'none'}")
    for name in needed:
        if name not in given:
            raise FaultRefused(f"{kind} lacks {name}; expected {_EXPECTED[needed[name]]}")
    values = {name: _read(name, text, known[name]) for name, text in given.items()}
    did: Did = getattr(faults, kind.replace("-", "_"))(**values)
    return {"kind": kind, **did}


def ledger(symbol: str, parts: Sequence[Rows], settled: bool) -> Did:
    """First and last id, count and digest of the history; ``settled``: all of it has been streamed."""
    trades = trades_of(symbol, joined(list(parts)))
    return {
        "symbol": symbol,
        "first_id": trades[0].agg_id if trades else None,
        "last_id": trades[-1].agg_id if trades else None,
        "count": len(trades),
        "digest": digest_of(trades),
        "settled": settled,
    }


def as_json(did: Did) -> str:
    """Compact JSON of the result."""
    return json.dumps(did, separators=(",", ":"), ensure_ascii=False)


def _read(name: str, text: str, reader: Reader) -> Any:
    try:
        return reader(text)
    except (ValueError, KeyError):
        raise FaultRefused(f"{name} is {text!r}; expected {_EXPECTED[reader]}") from None
