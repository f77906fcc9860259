"""The figures of a result: equity with its band, drawdown, attribution, heatmap. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from screen.components.theme import AMBER, CYAN, GREEN, MIDDLE, MUTED, RED, Figure, axis, layout
from screen.pages.backtest.form import label_of
from screen.pages.backtest.labels import PARTS

_BAND = "rgba(132,148,166,0.18)"
_HEAT = [[0.0, RED], [0.5, MIDDLE], [1.0, GREEN]]
_ROW = 26  # pixels of a row


def equity(record: dict[str, Any]) -> Figure:
    """Equity, drawn under its drawdown's panel on the same times; grey: where other orders of the same returns went."""
    curve, capital = record["curve"], record["metrics"]["Capital [quote]"]
    band, data = curve["band"], []
    if band:
        level = f"{100 * band['level']:.0f} % of other orders"
        edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "x": band["time_ms"]}
        data += [
            {**edge, "y": band["high"], "showlegend": False},
            {**edge, "y": band["low"], "fill": "tonexty", "fillcolor": _BAND, "name": level},
        ]
    data.append(_line(curve["time_ms"], curve["equity"], "equity", CYAN))
    data.append(_line(curve["time_ms"], curve["fall_percent"], "drawdown, %", RED) | {"yaxis": "y2", "fill": "tozeroy"})
    start = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": capital, "y1": capital,
             "line": {"color": MUTED, "width": 1, "dash": "dot"}}  # fmt: skip
    figure = layout(shapes=[start], margin={"l": 8, "r": 8, "t": 26, "b": 6})
    figure["yaxis"] = axis(domain=[0.36, 1.0], tickformat=",.6~g")
    figure["yaxis2"] = axis(domain=[0.0, 0.28], ticksuffix=" %", anchor="x")
    figure["xaxis"] |= {"anchor": "y2"}
    return {"data": data, "layout": figure}


def attribution(record: dict[str, Any]) -> Figure:
    """What the result is made of, as bars that add up to the net; parts of nothing are left out."""
    parts = [
        (PARTS.get(name, (name,))[0], value) for name, value in record["attribution"].items() if abs(value) >= 0.005
    ]
    return money_bars([*parts, ("Net", record["net"])])


def money_bars(parts: Sequence[tuple[str, float]]) -> Figure:
    """Names and amounts, from top to bottom. Beside the bars there is no room for the amounts."""
    names, values = [f"{name}  {value:+,.2f}" for name, value in parts], [value for _, value in parts]
    bars = {
        "type": "bar", "orientation": "h", "y": names, "x": values, "hovertemplate": "%{y}<extra></extra>",
        "marker": {"color": [GREEN if value > 0 else RED for value in values]},
    }  # fmt: skip
    figure = layout(showlegend=False, hovermode="closest", dragmode=False)
    figure["xaxis"] = axis(tickformat=",.4~g", fixedrange=True, zeroline=True, zerolinecolor=MUTED, nticks=5)
    figure["yaxis"] = axis(type="category", autorange="reversed", fixedrange=True)
    return {"data": [bars], "layout": figure}


def attribution_height(record: dict[str, Any]) -> int:
    """Pixels that fit its bars."""
    shown = [value for value in record["attribution"].values() if abs(value) >= 0.005]
    return 60 + _ROW * (1 + len(shown))


def heatmap(search: dict[str, Any]) -> Figure | None:
    """Sharpe ratio of a period by cell; star: the best cell, P: the best neighbourhood. Of more than two axes the
    first two, the others at the best cell. None for a random search."""
    heat = search["heatmap"]
    if heat is None:
        return None
    score = _plane(heat)
    names = [label_of(name) for name in heat["names"]]
    if len(names) == 1:
        return _one_axis(heat, names[0])
    known = [abs(value) for row in score for value in row if value is not None]
    limit = max(known, default=1.0) or 1.0
    cells = {
        "type": "heatmap", "z": score, "x": _texts(heat["values"][1]), "y": _texts(heat["values"][0]), "zmin": -limit,
        "zmax": limit, "colorscale": _HEAT, "xgap": 1, "ygap": 1, "texttemplate": "%{z:.3f}", "textfont": {"size": 12},
        "hovertemplate": f"{names[0]} %{{y}}, {names[1]} %{{x}}: %{{z:.4f}}<extra></extra>",
        "colorbar": {"thickness": 10, "tickfont": {"color": MUTED}, "outlinewidth": 0, "nticks": 5},
    }  # fmt: skip
    figure = layout(showlegend=False, hovermode="closest", dragmode=False, shapes=_frames(heat))
    figure["annotations"] = [_mark(heat["peak"], "★", 0.3), _mark(heat["plateau"], "P", -0.3)]
    for number, place in ((1, "xaxis"), (0, "yaxis")):
        figure[place] = axis(type="category", title={"text": names[number], "font": {"size": 12, "color": MUTED}},
                             fixedrange=True, showgrid=False)  # fmt: skip
    return {"data": [cells], "layout": figure}


def cut_at(search: dict[str, Any]) -> str:
    """Where the map of more than two axes is cut."""
    heat = search["heatmap"]
    if heat is None or len(heat["names"]) < 3:
        return ""
    others = zip(heat["names"][2:], heat["values"][2:], heat["peak"][2:], strict=True)
    return "Shown at " + ", ".join(f"{label_of(name)} {_texts(values)[at]}" for name, values, at in others) + "."


def _line(times: list[float], values: list[float], name: str, colour: str) -> Figure:
    return {"x": times, "y": values, "mode": "lines", "name": name, "line": {"color": colour, "width": 1.6}}


def _plane(heat: dict[str, Any]) -> Any:
    """Scores by the first two axes, the others at the best cell."""

    def at(part: Any, places: list[int]) -> Any:
        return at(part[places[0]], places[1:]) if places else part

    if len(heat["names"]) <= 2:
        return heat["score"]
    return [[at(cell, heat["peak"][2:]) for cell in row] for row in heat["score"]]


def _one_axis(heat: dict[str, Any], name: str) -> Figure:
    scores = heat["score"]
    colours = [GREEN if (value or 0.0) > 0 else RED for value in scores]
    bars = {"type": "bar", "x": _texts(heat["values"][0]), "y": scores, "marker": {"color": colours},
            "hovertemplate": f"{name} %{{x}}: %{{y:.4f}}<extra></extra>"}  # fmt: skip
    figure = layout(showlegend=False, hovermode="closest", dragmode=False)
    figure["xaxis"] = axis(type="category", title={"text": name, "font": {"size": 12, "color": MUTED}}, fixedrange=True)
    figure["yaxis"] = axis(fixedrange=True)
    marks = ((heat["peak"][0], "★"), (heat["plateau"][0], "P"))
    figure["annotations"] = [
        {"x": place, "y": scores[place] or 0.0, "text": text, "showarrow": False, "yshift": 12 if text == "★" else -12,
         "font": {"color": AMBER, "size": 14}}
        for place, text in marks
    ]  # fmt: skip
    return {"data": [bars], "layout": figure}


def _frames(heat: dict[str, Any]) -> list[Figure]:
    """A frame around the best cell and the best neighbourhood."""
    return [
        {"type": "rect", "x0": place[1] - 0.5, "x1": place[1] + 0.5, "y0": place[0] - 0.5, "y1": place[0] + 0.5,
         "line": {"color": AMBER, "width": 2, "dash": dash}}
        for place, dash in ((heat["peak"], "solid"), (heat["plateau"], "dot"))
    ]  # fmt: skip


def _mark(place: list[int], text: str, shift: float) -> Figure:
    return {
        "x": place[1],
        "y": place[0] + shift,
        "text": text,
        "showarrow": False,
        "font": {"color": AMBER, "size": 14},
    }


def _texts(values: list[Any]) -> list[str]:
    return ["none" if value is None else f"{value:g}" if isinstance(value, float) else str(value) for value in values]
