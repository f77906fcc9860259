"""What was found in files, before anything of them is stored: as plain JSON values, and in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from engine.files.columns import BARS, FUNDING
from engine.files.inspection import Inspected
from engine.files.rows import RecordedBar
from engine.files.upload import Upload
from engine.files.values import DOUBLE
from engine.market.intervals import interval_name

_SYMBOLS_TOLD = 8


def describe(upload: Upload) -> dict[str, Any]:
    """An upload as JSON: of each file its format, what each column was taken for, its range, its first and last rows,
    what was refused and why; and the questions that are open."""
    return {
        "files": [_described(each) for each in upload.files],
        "questions": [{"of": each.of, "text": each.text} for each in upload.questions],
        "digest": upload.digest,
        "market": upload.market(),
    }


def _described(file: Inspected) -> dict[str, Any]:
    return {
        "name": str(file.member),
        "format": file.format,
        "kind": file.kind,
        "has_ids": file.has_ids,
        "encoding": file.layout.encoding,
        "delimiter": file.layout.delimiter,
        "decimal": "," if file.manner.comma else ".",
        "columns": file.columns.describe() if file.columns else {},
        "symbols": dict(file.symbols.most_common()),
        "spellings": _spellings(file),
        "intervals": [interval_name(width_ms) for width_ms in sorted(file.widths_ms)],
        "rows": file.rows,
        "from": utc(file.first_ms),
        "to": utc(file.last_ms),
        "is_sorted": file.is_sorted,
        "taken_for": dict(file.notes.counted),
        "refused": dict(file.notes.refused),
        "refused_rows": file.notes.examples,
        "first_rows": [_row(file, row) for row in file.first_rows],
        "last_rows": [_row(file, row) for row in file.last_rows],
    }


def in_words(upload: Upload) -> list[str]:
    """One line a file, one for each row that is told in full, and one for each reason of refusals."""
    lines = []
    for each in upload.files:
        lines.append(f"{each.member}: {_found(each)}")
        lines += [f"{each.member}: {line}" for line in each.notes.examples]
        refused = sorted(each.notes.refused.items())
        lines += [f"{each.member}: {count:,} rows refused: {reason}" for reason, count in refused]
    return lines


def rows_in_words(upload: Upload) -> list[str]:
    """The first and last rows of each file."""
    lines = []
    for each in upload.files:
        rows = each.first_rows + each.last_rows[max(2 * len(each.last_rows) - each.rows, 0) :]
        lines += [f"{each.member}: {', '.join(map(str, _row(each, row).values()))}" for row in rows]
    return lines


def utc(time_ms: int | None) -> str | None:
    """A time for people.

    >>> utc(1767225600500)
    '2026-01-01T00:00:00.500Z'
    """
    if time_ms is None:
        return None
    return datetime.fromtimestamp(time_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _found(file: Inspected) -> str:
    names = sorted(file.symbols)
    more = f" and {len(names) - _SYMBOLS_TOLD} more" if len(names) > _SYMBOLS_TOLD else ""
    parts = [f"{file.format}, {file.rows:,} rows of {', '.join(names[:_SYMBOLS_TOLD])}{more}"]
    if file.widths_ms:
        parts.append(f"{', '.join(map(interval_name, sorted(file.widths_ms)))} bars")
    if file.first_ms is not None:
        parts.append(f"{utc(file.first_ms)} to {utc(file.last_ms)}")
    times = [f"{count:,} in {what}" for what, count in sorted(file.notes.counted.items()) if what != DOUBLE]
    parts += [f"times: {', '.join(times)}"] if times else []
    if doubles := file.notes.counted[DOUBLE]:
        parts.append(f"{doubles:,} numbers were printed as doubles and are taken as their decimals")
    parts += [f"{' and '.join(written)} taken as {symbol}" for symbol, written in _spellings(file).items()]
    return "; ".join(parts)


def _spellings(file: Inspected) -> dict[str, list[str]]:
    """Symbols that the file writes otherwise, and how."""
    return {symbol: sorted(written) for symbol, written in file.notes.spellings.items() if written != {symbol}}


def _prices(bar: RecordedBar) -> Iterator[tuple[str, str]]:
    return zip(("open", "high", "low", "close", "volume"), bar[3:], strict=True)


def _row(file: Inspected, row: Any) -> dict[str, Any]:
    if file.kind == BARS:
        width = interval_name(row.width_ms) if row.width_ms else None
        return {"symbol": row.symbol, "interval": width, "time": utc(row.open_time_ms)} | dict(_prices(row))
    if file.kind == FUNDING:
        return {"symbol": row.symbol, "time": utc(row.time_ms), "rate": row.rate}
    found = {"symbol": row.symbol, "time": utc(row.time_ms), "price": row.price, "quantity": row.quantity}
    return found | ({"id": row.agg_id} if row.agg_id is not None else {})
