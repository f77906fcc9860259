"""Small files in the layouts of the exchange's public data."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

DAY0 = 1_767_225_600_000  # 2026-01-01
DAY_MS = 86_400_000
_AGG = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
_TRADES = "id,price,qty,quote_qty,time,is_buyer_maker"
_KLINES = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
_FUNDING = "calc_time,funding_interval_hours,last_funding_rate"
HEADS = {"aggTrades": _AGG, "trades": _TRADES, "klines": _KLINES, "fundingRate": _FUNDING}


def rows_of(kind: str, day: int, count: int = 60, per_ms: int = 1) -> list[str]:
    """Rows of one day; ids go on from day to day. ``per_ms``: 1, or 1,000 for microseconds."""
    begin, first = DAY0 + day * DAY_MS, 1_000 + day * count
    if kind == "klines":
        return [
            f"{(begin + n * 60_000) * per_ms},100.0,{103 + n % 5}.5,99.5,{100 + n % 3}.0,{n}.25,"
            f"{(begin + n * 60_000 + 59_999) * per_ms},1.0,5,0.5,0.5,0"
            for n in range(count)
        ]
    if kind == "fundingRate":
        return [f"{begin + n * 28_800_000},8,{'-' if n % 2 else ''}0.0001{n:04d}" for n in range(3)]
    times = [(begin + n * 1_000) * per_ms for n in range(count)]
    if kind == "trades":
        return [f"{9_000 + first + n},{100 + n % 7}.5,0.{n + 1:03d},1.0,{t},{n % 2 == 0}" for n, t in enumerate(times)]
    return [f"{first + n},{100 + n % 7}.5,0.{n + 1:03d},{n},{n},{t},{n % 2 == 0}" for n, t in enumerate(times)]


def write(
    root: Path, kind: str, day: int = 0, symbol: str = "BTCUSDT", market: str = "futures/um", per_ms: int = 1,
    head: bool = True, checksum: str | None = "right",
) -> Path:  # fmt: skip
    """``root/data/futures/um/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2026-01-01.zip`` with its checksum."""
    date, period = f"2026-01-{day + 1:02d}", "daily"
    folders, words = [kind, symbol], [symbol, kind, date]
    if kind == "klines":
        folders, words = [kind, symbol, "1m"], [symbol, "1m", date]
    if kind == "fundingRate":
        period, words = "monthly", [symbol, kind, date[:7]]
    folder = root.joinpath("data", market, period, *folders)
    folder.mkdir(parents=True, exist_ok=True)
    stem = "-".join(words)
    lines = ([HEADS[kind]] if head else []) + rows_of(kind, day, per_ms=per_ms)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{stem}.csv", "\n".join(lines) + "\n")
    path = folder / f"{stem}.zip"
    path.write_bytes(packed.getvalue())
    if checksum is not None:
        digest = hashlib.sha256(packed.getvalue()).hexdigest() if checksum == "right" else "0" * 64
        path.with_name(f"{path.name}.CHECKSUM").write_text(f"{digest}  {path.name}\n")
    return path
