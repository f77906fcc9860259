"""The pairs of a stored scan as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.scan.confirmation import HEDGE_LEVEL, HOLDOUT_LEVEL, WILD_LEVEL

if TYPE_CHECKING:
    import polars

SCAN_COLUMNS = (
    "y", "x", "verdict", "reason", "statistic", "critical_5", "pvalue", "q_value", "q_value_by", "half_life_bars",
    "half_life_null_bars", "crossings", "hurst", "beta", "alpha", "lags", "holdout_statistic", "holdout_pvalue",
    "hedge_pvalue", "wild_pvalue", "explained_by",
)  # fmt: skip
_TEXT = ("y", "x", "verdict", "reason", "explained_by")
_WHOLE = ("crossings", "lags")


def scan_rows(result: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a pair, the smallest statistic first, with its verdict and the reason for it."""
    return [{"verdict": verdict_of(pair), "reason": reason_of(pair), **pair} for pair in result["pairs"]]


def scan_frame(rows: list[dict[str, Any]]) -> polars.DataFrame:
    """``SCAN_COLUMNS`` of the rows; what a result of an earlier version lacks is null."""
    import polars

    columns = []
    for name in SCAN_COLUMNS:
        kind = polars.String if name in _TEXT else polars.Int64 if name in _WHOLE else polars.Float64
        columns.append(polars.Series(name, [row.get(name) for row in rows], dtype=kind, strict=False))
    return polars.DataFrame(columns)


def verdict_of(pair: dict[str, Any]) -> str:
    """What became of a pair: survived, found, explained, or nothing."""
    if pair.get("explained_by"):
        return "explained"
    return "survived" if pair["is_confirmed"] else "found" if pair["is_found"] else ""


def reason_of(pair: dict[str, Any]) -> str:
    """Why a pair with a small q is not found, or a find is not confirmed.

    >>> reason_of({"explained_by": "A ~ B"})
    'explained by A ~ B'
    >>> reason_of({"is_found": True, "is_confirmed": False, "holdout_pvalue": 0.214, "hedge_pvalue": 0.05})
    'held out: p 21 %; hedge by luck: p 5 %'
    """
    if pair.get("explained_by"):
        return f"explained by {pair['explained_by']}"
    if not pair["is_found"] or pair["is_confirmed"]:
        return ""
    levels = (
        ("holdout_pvalue", HOLDOUT_LEVEL, "held out"), ("hedge_pvalue", HEDGE_LEVEL, "hedge by luck"),
        ("wild_pvalue", WILD_LEVEL, "wild bootstrap"),
    )  # fmt: skip
    failed = [
        f"{name}: p {100 * pair[key]:.2g} %"
        for key, level, name in levels
        if pair.get(key) is not None and pair[key] > level
    ]
    return "; ".join(failed) or "nothing held out"
