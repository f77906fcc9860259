"""Messages made from good ones by a seed: values replaced, keys lost, texts cut; and what of them may be stored.

``rows_of`` reads a message with Python's json and checks each row by rules reimplemented here, independent of the
product.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from tests.engine.store.harness import T0

Stored = tuple[str, int, float, float, int, bool | None]

_NASTY = [
    "null", "true", "false", "0", "-1", "1", "1.0", "1e3", "1e999", "-0", "NaN", "Infinity", "9007199254740991",
    "9007199254740992", "9223372036854775808", "18446744073709551616", "1" + "0" * 400, '""', '"1_000"', '"１２"',
    '"NaN"', '"1e5"', '"0"', '"0.000000000001"', '"999999999999"', '"123456789012.123456789012"', '"-5"', '"\\ud800"',
    '"\\u0000"', '"A"', '"aggTrade"', "[]", "[[[[]]]]", "{}", '{"a":1}', '"' + "x" * 600 + '"', str(T0), f"{T0}000",
]  # fmt: skip


def messages(seed: int, count: int) -> Iterator[str | bytes]:
    """Every one different, most of them wrong."""
    rng = random.Random(seed)
    for number in range(count):
        message = rng.choice(_KINDS)(rng, number)
        marks: dict[str, str] = {}
        for _ in range(rng.choice([0, 1, 1, 1, 2, 3])):
            _spoil(rng, message, marks)
        text = json.dumps(message, ensure_ascii=False)
        for mark, raw in marks.items():
            text = text.replace(json.dumps(mark), raw)
        if rng.random() < 0.15:
            text = _cut(rng, text)
        yield text.encode() if rng.random() < 0.02 else text


def _ticks(rng: random.Random, number: int) -> dict[str, Any]:
    return {"type": "ticks", "seq": 1, "rows": [_row(rng, number * 10 + n) for n in range(rng.randint(1, 5))]}


def _row(rng: random.Random, agg_id: int) -> list[Any]:
    price = f"{rng.randint(1, 99_999)}.{rng.randint(0, 99):02}"
    return [f"G{rng.randint(0, 3)}USDT", agg_id, price, "0.5", T0 + agg_id, rng.choice([True, False, None])]


def _frame(rng: random.Random, number: int) -> dict[str, Any]:
    symbol, agg_id, price, quantity, at, maker = _row(rng, number * 10)
    data = {"e": "aggTrade", "E": at, "a": agg_id, "s": symbol, "p": price, "q": quantity, "T": at, "m": maker}
    return data if rng.random() < 0.5 else {"stream": "x@aggTrade", "data": data}


def _beat(rng: random.Random, _: int) -> dict[str, Any]:
    beat = {"type": "beat", "upstream": "open", "age_ms": rng.randint(0, 10**6), "queued": 0, "unacked": 0}
    return beat | {"visible": True, "clock_ms": T0, "lag_ms": 5, "skew_ms": -5, "permission": ""}


def _others(rng: random.Random, number: int) -> dict[str, Any]:
    return rng.choice(
        [
            {"type": "hello", "proto": 1, "token": "x", "market": "m", "client": "c", "session": "s"},
            {"type": "subscribe", "symbols": ["G0USDT", "G1USDT"]},
            {"type": "unfetchable", "symbol": "G0USDT", "from": number, "to": number + 5, "reason": "x"},
            {"type": "bye", "reason": "x"},
        ]
    )


_KINDS: list[Callable[[random.Random, int], dict[str, Any]]] = [_ticks, _ticks, _ticks, _frame, _beat, _others]


def _spoil(rng: random.Random, message: Any, marks: dict[str, str]) -> None:
    """Change one thing somewhere inside."""
    at = message
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            return
        key = rng.choice(keys)
        if not isinstance(at[key], (dict, list)) or rng.random() < 0.2:
            break
        at = at[key]
    change = rng.random()
    if change < 0.75:
        mark = f"@{len(marks)}@"
        marks[mark] = rng.choice(_NASTY)
        at[key] = mark
    elif change < 0.9:
        del at[key]
    elif isinstance(at, dict):
        at[f"{key}_"] = at.pop(key)
    else:
        at.insert(key, at[key])


def _cut(rng: random.Random, text: str) -> str:
    first, last = sorted((rng.randrange(len(text)), rng.randrange(len(text))))
    return rng.choice(
        [text[:first], text[:first] + text[last:], text[:first] + chr(rng.randrange(1, 256)) + text[first:]]
    )


def rows_of(text: str) -> list[Stored | None]:
    """The rows of an accepted message: the expected stored row of each, None if it must be refused."""
    message = json.loads(text)
    if "type" in message and message["type"] is not None:
        return [_stored(row) for row in message["rows"]] if message["type"] == "ticks" else []
    data = message.get("data", message)
    if not isinstance(data, dict) or data.get("e") != "aggTrade":
        return []
    return [_stored([data.get(key) for key in ("s", "a", "p", "q", "T", "m")])]


def _stored(row: Any) -> Stored | None:
    if not isinstance(row, list) or len(row) != 6:
        return None
    symbol, agg_id, price, quantity, at, maker = row
    well = (
        isinstance(symbol, str)
        and 0 < len(symbol) <= 32
        and all(letter.isalnum() or letter in "_-" for letter in symbol)
        and symbol.upper() == symbol
        and all(isinstance(number, int) and not isinstance(number, bool) for number in (agg_id, at))
        and 0 <= agg_id <= 9_007_199_254_740_991
        and 1_230_768_000_000 <= at < 4_102_444_800_000  # 2009 to 2100
        and (maker is True or maker is False or maker is None)
        and _is_decimal(price)
        and _is_decimal(quantity)
    )
    return (symbol, agg_id, float(price), float(quantity), at, maker) if well else None


def _is_decimal(text: Any) -> bool:
    if not isinstance(text, str) or not set(text) <= set("0123456789.") or text.count(".") > 1:
        return False
    whole, point, part = text.partition(".")
    if not 1 <= len(whole) <= 12 or (point and not 1 <= len(part) <= 12):
        return False
    number = Decimal(text)
    return number > 0 and Decimal(repr(float(text))) == number and len(number.normalize().as_tuple().digits) <= 15
