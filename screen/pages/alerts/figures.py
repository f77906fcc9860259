"""The chart of a preview: the first condition's metric over the stored bars, and where the rule fired. Pure."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.alerts.metrics import METRICS
from engine.alerts.rules import AlertRule, leaves_of
from screen.components.theme import AMBER, CYAN, MUTED, VIOLET, Figure, axis, layout
from services.alerts import Trial

MOST_POINTS = 2_000
# (what became of it, whether it reverted, colour, form)
_MARKS = (("reverted", True, CYAN, "circle"), ("not within two half-lives", False, AMBER, "x"),
          ("not known", None, MUTED, "circle-open"))  # fmt: skip


def preview_figure(trial: Trial, rule: AlertRule) -> Figure:
    """Where a rule would have fired on one pair or symbol."""
    first = next(leaves_of(rule.when))
    places = thinned(trial.values)
    line = {
        "type": "scatter", "mode": "lines", "name": METRICS[first.metric].title,
        "line": {"color": VIOLET, "width": 1}, "x": trial.close_ms[places].tolist(),
        "y": [None if math.isnan(each) else each for each in trial.values[places].tolist()],
    }  # fmt: skip
    at = dict(zip(trial.close_ms.tolist(), trial.values.tolist(), strict=True))
    data: list[dict[str, Any]] = [line]
    for name, reverted, colour, form in _MARKS:
        found = [each.close_ms for each in trial.preview.alerts if each.reverted is reverted]
        if found:
            data.append({
                "type": "scatter", "mode": "markers", "name": name, "x": found, "y": [at[each] for each in found],
                "marker": {"color": colour, "size": 9, "symbol": form},
            })  # fmt: skip
    levels = {"leaves": [first.threshold, first.upper], "changes": []}.get(first.kind, [first.threshold])
    shapes = [{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": level, "y1": level,
               "line": {"color": MUTED, "width": 1, "dash": "dot"}} for level in levels]  # fmt: skip
    figure = layout(shapes=shapes, margin={"l": 8, "r": 8, "t": 26, "b": 6})
    figure["yaxis"] = axis(tickformat=",.6~g")
    return {"data": data, "layout": figure}


def thinned(values: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The places of at most ``MOST_POINTS`` values: of each stretch the lowest and the highest, so that extremes
    stay."""
    if values.size <= MOST_POINTS:
        return np.arange(values.size, dtype=np.int64)
    kept: list[int] = []
    for stretch in np.array_split(np.arange(values.size), MOST_POINTS // 2):
        known = stretch[~np.isnan(values[stretch])]
        ends = (known[values[known].argmin()], known[values[known].argmax()]) if known.size else (stretch[0],)
        kept += sorted({int(each) for each in ends})
    return np.array(kept, dtype=np.int64)
