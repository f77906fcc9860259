"""The same trades, written in any format, order, notation, unit, encoding and container, make the same store."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
import sqlite3
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.files.inspection import Told
from engine.files.upload import look_through
from engine.market.records import Batch
from engine.market.ticks import read_row
from engine.store.interface import Now
from engine.store.sqlite.writer import SqliteTickWriter

T = 1_767_225_600_000
NUMBERS: list[Callable[[Decimal], str]] = [
    lambda number: f"{number:f}", lambda number: f"{number:e}", lambda number: repr(float(number)),
    lambda number: f"{float(number):.17g}", lambda number: f"{number:.14f}",
]  # fmt: skip
SYMBOLS: dict[str, tuple[str, ...]] = {
    "BTCUSDT": ("BTCUSDT", "btcusdt", "BTC/USDT", "BTC-USDT", "btc_usdt"),
    "ETHUSDC": ("ETHUSDC", "ethusdc", "eth/usdc"), "BTCUSD_PERP": ("BTCUSD_PERP", "btcusd_perp"),
    "币安人生USDT": ("币安人生USDT", "币安人生usdt"), "NA": ("NA", "na"),
}  # fmt: skip


@dataclass(frozen=True)
class Trade:
    symbol: str
    price: Decimal
    size: Decimal
    ms: int


def iso(ms: int, offset_h: float, separator: str) -> str:
    zone = timezone(timedelta(hours=offset_h))
    return datetime.fromtimestamp(ms / 1_000, UTC).astimezone(zone).isoformat(separator, "milliseconds")


TIMES: list[Callable[[int], str]] = [
    lambda ms: f"{ms // 1_000}.{ms % 1_000:03d}", str, lambda ms: f"{ms}000", lambda ms: f"{ms}000999",
    lambda ms: iso(ms, 0, "T").replace("+00:00", "Z"), lambda ms: iso(ms, 5.5, "T"), lambda ms: iso(ms, -3, " "),
    lambda ms: iso(ms, 0, "T").removesuffix("+00:00"), lambda ms: repr(ms / 1_000),
]  # fmt: skip

decimals = st.builds(
    lambda units, places: Decimal(units).scaleb(-places), st.integers(1, 10**9), st.integers(0, 12)
)  # fmt: skip
trades_of_a_file = st.lists(
    st.builds(Trade, st.sampled_from(sorted(SYMBOLS)), decimals, decimals, st.integers(T, T + 9_000)),
    min_size=1, max_size=12, unique_by=lambda trade: (trade.symbol, trade.ms),
)  # fmt: skip


@dataclass(frozen=True)
class Writing:
    """How one example is written. Numbers and times are drawn for each row."""

    table: str
    comma: bool
    encoding: str
    newline: str
    container: str
    is_split: bool


writings = st.builds(
    Writing, st.sampled_from([",", ";", "\t", "|", "json", "parquet"]), st.booleans(),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["plain", "gz", "zip"]), st.booleans(),
)  # fmt: skip


def cells(draw: st.DrawFn, trade: Trade, comma: bool) -> dict[str, str]:
    numbers = [draw(st.sampled_from(NUMBERS))(number) for number in (trade.price, trade.size)]
    price, size = (number.replace(".", ",") if comma else number for number in numbers)
    spelled = draw(st.sampled_from(SYMBOLS[trade.symbol]))
    return {"timestamp": draw(st.sampled_from(TIMES))(trade.ms), "symbol": spelled, "price": price, "size": size}


def encoded(rows: list[dict[str, str]], how: Writing) -> bytes:
    if how.table == "parquet":
        packed = io.BytesIO()
        pl.DataFrame(rows).write_parquet(packed)
        return packed.getvalue()
    text = io.StringIO()
    if how.table == "json":
        text.writelines(json.dumps(row) + how.newline for row in rows)
    else:
        writer = csv.DictWriter(text, list(rows[0]), delimiter=how.table, lineterminator=how.newline)
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue().encode(how.encoding)


def put(folder: Path, name: str, content: bytes, how: Writing) -> Path:
    ending = {"json": "ndjson", "parquet": "parquet"}.get(how.table, "csv")
    path = folder / f"{name}.{ending}"
    if how.table == "parquet" or how.container == "plain":
        path.write_bytes(content)
    elif how.container == "gz":
        path = path.with_name(f"{path.name}.gz")
        path.write_bytes(gzip.compress(content))
    else:
        path = folder / f"{name}.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"inside/{name}.{ending}", content)
            archive.writestr(f"__MACOSX/inside/._{name}.{ending}", b"\0")
    return path


def written(draw: st.DrawFn, folder: Path, trades: list[Trade], how: Writing) -> list[Path]:
    """The trades in files: all in one with their symbols, or one a symbol, that its name says."""
    if not how.is_split or any(trade.symbol in ("NA",) for trade in trades):
        return [put(folder, "all of it", encoded([cells(draw, trade, how.comma) for trade in trades], how), how)]
    paths = []
    for symbol in dict.fromkeys(trade.symbol for trade in trades):
        rows = [cells(draw, trade, how.comma) for trade in trades if trade.symbol == symbol]
        for row in rows:
            del row["symbol"]
        paths.append(put(folder, symbol, encoded(rows, how), how))
    return paths


def stored(rows: list[list[Any]]) -> tuple[list[Any], list[Any]]:
    """Every tick and bar of a new store that was given these rows."""

    async def store(path: Path) -> None:
        writer = await SqliteTickWriter.open(path, "crash")
        await writer.commit([Batch(1, 1, "file-x", tuple(map(read_row, rows)))], [], Now(T, 0))
        await writer.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(store(Path(folder) / "ticks.db"))
        with closing(sqlite3.connect(Path(folder) / "ticks.db")) as db:
            ticks = db.execute("SELECT * FROM v_ticks ORDER BY market, symbol, agg_id").fetchall()
            bars = db.execute("SELECT * FROM v_bars ORDER BY market, symbol, interval, open_time_ms").fetchall()
    return ticks, bars


def check(trades: list[Trade], how: Writing, data: st.DataObject) -> None:
    order = data.draw(st.permutations(trades))
    with tempfile.TemporaryDirectory() as folder:
        paths = written(data.draw, Path(folder), order, how)
        upload = look_through(paths, Told(zone="UTC", decimal="," if how.comma else "."))
        assert [question.text for question in upload.questions] == []
        assert sum(each.notes.refused.total() for each in upload.files) == 0
        rows = [row for rows in upload.trades(Counter()) for row in rows]
    numbered: Counter[str] = Counter()
    expected: list[list[Any]] = []
    for trade in sorted(trades, key=lambda trade: trade.ms):
        plain = [f"{trade.price:f}", f"{trade.size:f}"]
        expected.append([trade.symbol, numbered[trade.symbol], *plain, trade.ms, None])
        numbered[trade.symbol] += 1
    assert stored(rows) == stored(expected)


CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large]
test_the_same_trades_make_the_same_store = settings(max_examples=60, suppress_health_check=CHECKS)(
    given(trades_of_a_file, writings, st.data())(check)
)
test_the_same_trades_make_the_same_store_long = pytest.mark.soak(
    settings(max_examples=1_500, suppress_health_check=CHECKS)(given(trades_of_a_file, writings, st.data())(check))
)
