"""Small charts as SVG: lines over time with a band, and a heatmap. Text only, no scripts, no network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 720, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 8, 10, 24
_TICKS = 4
_CELL = 28


class Line(NamedTuple):
    """``css`` class of the stroke."""

    times_ms: Sequence[float]
    values: Sequence[float]
    css: str


class Band(NamedTuple):
    """Between two lines on the same times."""

    times_ms: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


class _Scale(NamedTuple):
    times: tuple[float, float]
    values: tuple[float, float]

    def x(self, time_ms: float) -> float:
        first, last = self.times
        return _LEFT + (time_ms - first) / max(last - first, 1.0) * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        low, high = self.values
        return HEIGHT - _BOTTOM - (value - low) / ((high - low) or 1.0) * (HEIGHT - _TOP - _BOTTOM)


def line_chart(title: str, lines: Sequence[Line], band: Band | None = None, digits: int = 0) -> str:
    """Lines on one scale, labelled with values and UTC dates."""
    times = [time for line in lines for time in line.times_ms]
    values = [value for line in lines for value in line.values] + ([*band.low, *band.high] if band else [])
    low, high = min(values), max(values)
    pad = 0.04 * (high - low) or max(abs(high), 1.0) * 0.01
    scale = _Scale((min(times), max(times)), (low - pad, high + pad))
    parts = [_grid(scale, digits)]
    if band:
        there = [*zip(band.times_ms, band.high, strict=True)]
        back = [*zip(band.times_ms, band.low, strict=True)][::-1]
        parts.append(f'<polygon class="band" points="{_points(scale, there + back)}"/>')
    parts += [
        f'<polyline class="{line.css}" points="{_points(scale, list(zip(line.times_ms, line.values, strict=True)))}"/>'
        for line in lines
    ]
    return _svg(title, WIDTH, HEIGHT, "".join(parts))


def heat_table(
    title: str, names: tuple[str, str], values: tuple[Sequence[object], Sequence[object]],
    score: Sequence[Sequence[float | None]], marks: dict[tuple[int, int], str],
) -> str:  # fmt: skip
    """Scores as shades, rows by the first axis; ``marks``: a letter in a cell. Colour says profit or loss."""
    known = [abs(value) for row in score for value in row if value is not None]
    largest = max(known, default=0.0) or 1.0
    rows, columns = len(values[0]), len(values[1])
    wide = max([_CELL, *(8 + 7 * len(str(value)) for value in values[1])])  # labels do not touch
    parts = [f'<text x="{_LEFT}" y="12">{escape(names[1])} \u2192, {escape(names[0])} \u2193</text>']
    for column, value in enumerate(values[1]):
        parts.append(_label(_LEFT + (column + 0.5) * wide, 28, value, "middle"))
    for row in range(rows):
        top = 34 + row * _CELL
        parts.append(_label(_LEFT - 6, top + _CELL / 2 + 4, values[0][row], "end"))
        for column in range(columns):
            found = score[row][column]
            left = _LEFT + column * wide
            css = "none" if found is None else "gain" if found >= 0.0 else "loss"
            shade = 1.0 if found is None else 0.08 + 0.92 * abs(found) / largest
            hint = "not possible" if found is None else f"{found:.4f}"
            parts.append(
                f'<rect class="{css}" x="{left}" y="{top}" width="{wide - 1}" height="{_CELL - 1}"'
                f' fill-opacity="{shade:.3f}"><title>{hint}</title></rect>'
            )
            if (row, column) in marks:
                parts.append(
                    f'<text class="mark" x="{left + wide / 2:g}" y="{top + _CELL / 2 + 4:g}" text-anchor="middle">'
                    f"{escape(marks[row, column])}</text>"
                )
    return _svg(title, _LEFT + columns * wide + _RIGHT, 40 + rows * _CELL, "".join(parts))


def _grid(scale: _Scale, digits: int) -> str:
    parts = []
    for value in round_ticks(*scale.values):
        y = scale.y(value)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:,.{digits}f}</text>')
    first, last = scale.times
    is_short = last - first < 3 * 86_400_000
    for at in range(_TICKS + 1):
        time_ms = first + (last - first) * at / _TICKS
        when = datetime.fromtimestamp(time_ms / 1_000, UTC)
        anchor = "start" if at == 0 else "end" if at == _TICKS else "middle"
        text = when.strftime("%m-%d %H:%M" if is_short else "%Y-%m-%d")
        parts.append(f'<text x="{scale.x(time_ms):.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{text}</text>')
    return "".join(parts)


def round_ticks(low: float, high: float) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten from ``low`` to ``high``: three to ten of them.

    >>> round_ticks(97_863.0, 100_126.0)
    [98000.0, 98500.0, 99000.0, 99500.0, 100000.0]
    """
    rough = (high - low) / (_TICKS + 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * min((each for each in (1.0, 2.0, 5.0, 10.0) if each * power >= rough), default=10.0)
    return [round(at * step, 12) for at in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _points(scale: _Scale, pairs: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{scale.x(time):.1f},{scale.y(value):.1f}" for time, value in pairs if math.isfinite(value))


def _label(x: float, y: float, value: object, anchor: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(str(value))}</text>'


def _svg(title: str, width: float, height: float, inside: str) -> str:
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(title)}"'
        f' style="max-width:{width:g}px">{inside}</svg>'
    )
