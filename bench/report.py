"""Rows of a benchmark: the measurement, a peer's if available, and the bounds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Row = dict[str, Any]


def row(what: str, ours: float, unit: str, **more: object) -> Row:
    """One line of the table; ``bounds`` maps "ours" or "ratio" to ("at least" or "at most", value)."""
    return {"what": what, "ours": ours, "unit": unit, "peer": None, "theirs": None, "ratio": None, "bounds": {}} | more


def missed(line: Row) -> list[str]:
    """The bounds that a line violates."""
    return [
        f"{line['what']}: {key} {line[key]:,.4g}, bound {word} {limit:,}"
        for key, (word, limit) in line["bounds"].items()
        if line[key] is not None and (line[key] < limit if word == "at least" else line[key] > limit)
    ]


def show(lines: Iterable[Row], heading: bool = True) -> None:
    """Print lines as a table."""
    if heading:
        print(f"{'what':<52}{'ours':>14} {'unit':<8}{'theirs':>12}  {'peer':<26}{'ratio':>8}")
    for line in lines:
        theirs = f"{line['theirs']:>12,.4g}" if line["theirs"] is not None else " " * 12
        ratio = f"{line['ratio']:>8,.{0 if line['ratio'] >= 10 else 2}f}" if line["ratio"] is not None else ""
        ours = f"{line['ours']:>14,.4g} {line['unit']:<8}"
        print(f"{line['what']:<52}{ours}{theirs}  {line['peer'] or '':<26}{ratio}", flush=True)
