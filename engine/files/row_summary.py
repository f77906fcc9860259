"""The rows of a file, looked at from the first to the last: what is in them, and whether they are in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from operator import le, lt
from pathlib import Path
from typing import Any, NamedTuple

from engine.files.containers import Member, members_of
from engine.files.inspection import Inspected, Question, Told, begun
from engine.files.rows import Recorded, RecordedBar, Trades
from engine.files.values import NAIVE
from engine.files.vectors import Block

_SHOWN = 5  # first and last rows
_HOPELESS = 20_000  # rows of which none can be used


def look_at(path: Path, told: Told) -> list[Inspected]:
    """Read the files at one path to their end. Raises ValueError."""
    return [inspect(member, told) for member in members_of(path)]


def look_ahead(path: Path, told: Told) -> list[Inspected]:
    """The same, but of a file whose head says everything (``Inspected.is_clear``) only the head is read: the rest can
    be looked at while it is stored."""
    files = [begun(member, told) for member in members_of(path)]
    return [each if each.is_clear else looked_through(each) for each in files]


def inspect(member: Member, told: Told, may_be_zero: bool = False) -> Inspected:
    """Read a file to its end. ``may_be_zero`` and errors as of ``begun``."""
    return looked_through(begun(member, told, may_be_zero))


def looked_through(found: Inspected) -> Inspected:
    """Read it to its end. Raises ValueError."""
    for _ in seen(found):
        pass
    return found


def seen(found: Inspected) -> Iterator[Recorded | Block]:
    """Its rows as ``blocks`` gives them, while what is in them is added to ``found``. Raises ValueError."""
    last: dict[str, int] = {}
    for some in found.blocks():
        if isinstance(some, Block):
            _see_block(found, some, last)
        else:
            _see_rows(found, some, last)
        yield some
    if found.notes.counted[NAIVE]:
        found.questions.append(
            Question("zone", f"{found.notes.counted[NAIVE]:,} times of {found.member} name no zone; say their zone")
        )
    found.is_seen = True


def _see_rows(found: Inspected, some: Recorded, last: dict[str, int]) -> None:
    firsts: list[Any]
    lasts: list[Any]
    if isinstance(some, Trades):
        rows = _Rows(some.symbols, some.times, some.ids or some.times)
        firsts, lasts = some.part(slice(_SHOWN)), some.part(slice(-_SHOWN, None))
    else:
        times = [row.open_time_ms if isinstance(row, RecordedBar) else row.time_ms for row in some]
        rows = _Rows([row[0] for row in some], times, times)
        firsts, lasts = [*some[:_SHOWN]], [*some[-_SHOWN:]]
        found.widths_ms.update({row.width_ms for row in some if isinstance(row, RecordedBar)})
    if not rows.times:
        _check_hope(found)
        return
    found.rows += len(rows.times)
    found.symbols.update(rows.symbols)
    found.first_ms = min(rows.times) if found.first_ms is None else min(found.first_ms, *rows.times)
    found.last_ms = max(rows.times) if found.last_ms is None else max(found.last_ms, *rows.times)
    found.first_rows += firsts[: _SHOWN - len(found.first_rows)]
    found.last_rows = [*found.last_rows, *lasts][-_SHOWN:]
    _see_order(found, rows, last)


def _see_block(found: Inspected, block: Block, last: dict[str, int]) -> None:
    """As what is done of rows by the row."""
    first_ms, last_ms = block.times()
    found.rows += len(block)
    found.symbols.update(block.symbols())
    found.widths_ms.update(block.widths())
    found.first_ms = first_ms if found.first_ms is None else min(found.first_ms, first_ms)
    found.last_ms = last_ms if found.last_ms is None else max(found.last_ms, last_ms)
    if len(found.first_rows) < _SHOWN:
        found.first_rows += block.part(slice(_SHOWN - len(found.first_rows)))
    found.last_rows = [*found.last_rows, *block.part(slice(-_SHOWN, None))][-_SHOWN:]
    for symbol, first, end, low, high, step in block.orders():
        before = last.get(symbol, -1)
        if step < found.has_ids or first < before + found.has_ids:
            found.is_sorted = False
        last[symbol] = max(before, end)
        least, greatest = found.spans.get(symbol, (low, high))
        found.spans[symbol] = (min(least, low), max(greatest, high))


def _check_hope(found: Inspected) -> None:
    """Stop reading a file that is something else. Raises ValueError."""
    if not found.rows and found.columns is not None and found.notes.refused.total() > _HOPELESS:
        raise ValueError(
            f"{found.member} has no row that can be used among the first {found.notes.refused.total():,}"
            f" ({found.notes.examples[0]}); expected at least one trade or bar"
        )


class _Rows(NamedTuple):
    """What is looked at of all rows. ``keys``: their places in the order to store."""

    symbols: Sequence[str]
    times: Sequence[int]
    keys: Sequence[int]


def _see_order(found: Inspected, rows: _Rows, last: dict[str, int]) -> None:
    """Whether each symbol's keys rise, over the rows so far; those of ids must rise strictly."""
    spans, keys = found.spans, rows.keys
    is_rising = all(map(lt if found.has_ids else le, keys, islice(keys, 1, None)))
    if is_rising and keys[0] > max(last.values(), default=-1):  # then those of each symbol do, as mostly
        newest = dict(zip(rows.symbols, keys, strict=True))
        oldest = dict(zip(reversed(rows.symbols), reversed(keys), strict=True))
        for symbol, key in newest.items():
            spans[symbol] = (spans[symbol][0] if symbol in spans else oldest[symbol], key)
        last.update(newest)
        return
    for symbol, key in zip(rows.symbols, keys, strict=True):
        before = last.get(symbol, -1)
        if key < before or (found.has_ids and key == before):
            found.is_sorted = found.columns is None  # frames are stored as they came
        else:
            last[symbol] = key
        least, greatest = spans.get(symbol, (key, key))
        spans[symbol] = (min(least, key), max(greatest, key))
