"""The empty charts: each trace lists its columns in ``meta``, and ``assets/draw.js`` fills them.

Pure functions of the settings; plain dicts, as validated figures cost 20 ms each.
"""

from __future__ import annotations

from typing import Any

from engine.pairs.settings import PairSettings
from screen.components import ids
from screen.components.theme import AMBER, CYAN, FAINT, GREEN, MUTED, RED, VIOLET, Figure, axis, layout


def _line(name: str, column: str, colour: str, **more: Any) -> Figure:
    style = {"color": colour, "width": more.pop("width", 1.4)} | more.pop("line", {})
    return {
        "type": "scatter", "mode": "lines", "name": name, "x": [], "y": [], "line": style,
        "meta": {"x": "t", "y": column}, **more,
    }  # fmt: skip


def price() -> Figure:
    """Candles and volume of one leg; ``meta`` names the Y leg, the script swaps in the chosen one."""
    prices = {name: f"leg_{name}" for name in ("open", "high", "low", "close")}
    candles: Figure = {
        "type": "candlestick", "name": "price", "x": [], "open": [], "high": [], "low": [], "close": [],
        "increasing": {"line": {"color": GREEN, "width": 1}}, "decreasing": {"line": {"color": RED, "width": 1}},
        "meta": {"x": "t", **prices, "candles": True},
        "showlegend": False,
    }  # fmt: skip
    volume: Figure = {
        "type": "bar", "name": "volume", "x": [], "y": [], "yaxis": "y2", "marker": {"color": "rgba(34,211,238,0.28)"},
        "meta": {"x": "t", "y": "leg_volume", "candles": True}, "showlegend": False, "hovertemplate": "%{y:,.4g}",
    }  # fmt: skip
    figure = layout(
        yaxis=axis(domain=[0.24, 1], side="right", tickformat=",.7~g"),
        yaxis2=axis(domain=[0, 0.18], side="right", nticks=3, tickformat=".2~s"),
        showlegend=False,
    )
    figure["xaxis"] |= {"rangeslider": {"visible": False}, "anchor": "y2"}
    return {"data": [candles, volume], "layout": figure}


def legs() -> Figure:
    """Both legs, each as a percentage change from its first visible price."""
    data = [
        _line("Y", "y_last", CYAN, hovertemplate="%{y:.3f} %"),
        _line("X", "x_last", VIOLET, hovertemplate="%{y:.3f} %"),
    ]
    for trace in data:
        trace["meta"]["normalise"] = True
    return {"data": data, "layout": layout(yaxis=axis(side="right", ticksuffix=" %", tickformat=".2f"))}


def spread() -> Figure:
    """The spread from the previous bar's line, with its mean and a band of one deviation."""
    edge: Figure = {"width": 1, "line": {"dash": "dot"}, "hoverinfo": "skip"}
    colour = "rgba(34,211,238,0.35)"
    data = [
        _line("upper", "upper", colour, showlegend=False, **edge),
        _line("mean ± 1 sd", "lower", colour, fill="tonexty", fillcolor=FAINT, **edge),
        _line("spread", "spread", CYAN, hovertemplate="%{y:.2f}"),
    ]  # fmt: skip
    return {"data": data, "layout": layout(yaxis=axis(side="right", ticksuffix=" bps", tickformat=".1f"))}


def z() -> Figure:
    """z with the rule's lines, and a mark at every current entry and exit."""
    marks = (
        ("enter long", "enter_long", "triangle-up", GREEN),
        ("enter short", "enter_short", "triangle-down", RED),
        ("exit", "exit", "circle-open", AMBER),
    )
    data = [_line("z", "z", CYAN, hovertemplate="%{y:.2f}")]
    data += [
        {
            "type": "scatter", "mode": "markers", "name": name, "x": [], "y": [],
            "marker": {"symbol": symbol, "size": 10, "color": colour, "line": {"width": 1.6, "color": colour}},
            "meta": {"marks": kind}, "hovertemplate": "%{y:.2f}",
        }
        for name, kind, symbol, colour in marks
    ]  # fmt: skip
    return {"data": data, "layout": layout(yaxis=axis(side="right", tickformat=".1f"), shapes=[])}


def z_lines(settings: PairSettings) -> list[Figure]:
    """Entry and exit lines of the rule, in z."""
    lines = [(settings.entry_z, RED, "dash"), (-settings.entry_z, GREEN, "dash")]
    lines += [(level, MUTED, "dot") for level in {settings.exit_z, -settings.exit_z}]
    if settings.stop_z is not None:
        lines += [(settings.stop_z, AMBER, "dashdot"), (-settings.stop_z, AMBER, "dashdot")]
    return [
        {
            "type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": level, "y1": level, "layer": "below",
            "line": {"color": colour, "width": 1, "dash": dash},
        }
        for level, colour, dash in sorted(lines)
    ]  # fmt: skip


def beta() -> Figure:
    """Both estimates of the hedge ratio, and the one in use if different, as known before each bar."""
    data = [
        _line("Kalman", "beta_kalman", CYAN, hovertemplate="%{y:.4f}"),
        _line("rolling OLS", "beta_ols", VIOLET, hovertemplate="%{y:.4f}"),
        _line("in use", "beta_used", AMBER, hovertemplate="%{y:.4f}", line={"shape": "hv"}, visible=False),
    ]
    data[-1]["meta"]["optional"] = True
    return {"data": data, "layout": layout(yaxis=axis(side="right", tickformat=".3f"))}


def gate() -> Figure:
    """p of the latest Engle-Granger test, its two levels, and the times when the gate is open."""
    is_open = _line("gate open", "gate", "rgba(52,211,153,0)", width=0, line={"shape": "hv"}, fill="tozeroy")
    is_open |= {"fillcolor": "rgba(52,211,153,0.16)", "yaxis": "y2", "hoverinfo": "skip"}
    pvalue = _line("p (Engle-Granger)", "pvalue", CYAN, line={"shape": "hv"}, hovertemplate="%{y:.3f}")
    levels = [
        {
            "type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": level, "y1": level,
            "line": {"color": colour, "width": 1, "dash": "dot"},
        }
        for level, colour in ((0.05, GREEN), (0.20, RED))
    ]  # fmt: skip
    figure = layout(
        yaxis=axis(side="right", range=[0, 1], tickvals=[0.05, 0.2, 0.5, 1], tickformat=".2~f"),
        yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True},
        shapes=levels,
    )
    return {"data": [is_open, pvalue], "layout": figure}


FIGURES = {
    ids.PRICE: price,
    ids.LEGS: legs,
    ids.SPREAD: spread,
    ids.Z: z,
    ids.BETA: beta,
    ids.GATE: gate,
}
