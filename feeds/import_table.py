"""What became of many files, as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from feeds.importing import FileOutcome

_HEAD = ("file", "market", "stored", "known", "conflicts", "refused", "gaps opened", "gaps filled")
_WIDEST = 60  # characters of a name


def table(outcomes: Sequence[FileOutcome]) -> list[str]:
    """A line for each file with the reasons of what was refused below it, and a line for all."""
    rows = [_cells(each) for each in outcomes]
    if len(outcomes) > 1:
        rows.append(_cells(_sum(outcomes)))
    widths = [max(map(len, column)) for column in zip(_HEAD, *rows, strict=True)]
    lines = [_line(_HEAD, widths)]
    for at, row in enumerate(rows):
        lines.append(_line(row, widths))
        lines += _reasons(outcomes[at]) if at < len(outcomes) else []
    return lines


def _cells(outcome: FileOutcome) -> tuple[str, ...]:
    name = outcome.name if len(outcome.name) <= _WIDEST else f"{outcome.name[: _WIDEST - 3]}..."
    counts = (
        outcome.stored, outcome.known, outcome.conflicts, outcome.refused.total(), outcome.gaps_opened,
        outcome.gaps_filled,
    )  # fmt: skip
    return (name, outcome.market, *(f"{count:,}" for count in counts))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    texts = [
        cell.ljust(width) if at < 2 else cell.rjust(width)
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(texts).rstrip()


def _reasons(outcome: FileOutcome) -> list[str]:
    said = [outcome.problem] if outcome.problem else []
    said += [outcome.note] if outcome.note else []
    said += [f"{count:,} refused: {reason}" for reason, count in sorted(outcome.refused.items())]
    return [f"    {text}" for text in said]


def _sum(outcomes: Sequence[FileOutcome]) -> FileOutcome:
    refused: Counter[str] = Counter()
    for each in outcomes:
        refused.update(each.refused)
    stored, known, conflicts = (
        sum(getattr(each, name) for each in outcomes) for name in ("stored", "known", "conflicts")
    )
    opened, filled = (sum(getattr(each, name) for each in outcomes) for name in ("gaps_opened", "gaps_filled"))
    empty = sum(each.brought_nothing for each in outcomes)
    return FileOutcome(
        f"{len(outcomes)} files, {empty} of them brought nothing", "", stored, known, conflicts, refused, opened, filled
    )
