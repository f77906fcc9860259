"""The legend under the cross-hair: at 50 random bars its values are the store's, and its mark is that bar's alone."""

from __future__ import annotations

import io
import random
import re
import urllib.request
from datetime import UTC, datetime
from typing import Any

import polars
import pytest
from playwright.sync_api import Page

from tests.e2e.conftest import seen
from tests.e2e.stack import Stack, until
from tests.e2e.test_chart import drag, in_view

pytestmark = pytest.mark.browser

BARS = 50
WIDTH_MS = 5_000
NUMBER = re.compile(r"-?[0-9][0-9,]*\.?[0-9]*")
LEGEND = """() => Object.fromEntries([...document.querySelectorAll(".legend [data-value]")].map(
  (element) => [element.dataset.value, element.textContent]))"""
CURRENT = (
    "SELECT bar_ms, kind, reason FROM v_signals AS s WHERE run_id="
    "(SELECT run_id FROM runs WHERE ended_seq IS NULL AND y='ETHUSDT') AND NOT EXISTS"
    " (SELECT 1 FROM v_signals AS t WHERE t.run_id=s.run_id AND t.bar_ms=s.bar_ms AND t.revision>s.revision)"
)


def test_at_random_bars_the_legend_is_the_store(trading: Stack, page: Page) -> None:
    drag(page)  # away from the newest bars, so that nothing moves
    page.locator("#chart-canvas").scroll_into_view_if_needed()
    page.mouse.wheel(0, 1_500)
    first, last = until(lambda: _settled(page), 10, "the view at rest")
    stored = {row["timestamp"].timestamp() * 1_000: row for row in analysis(trading, first, last)}
    said = {bar_ms: (kind, reason) for bar_ms, kind, reason in trading.query(CURRENT, file="analysis.db")}
    decided = [at for at in stored if said.get(int(at), ("withdrawn", ""))[0] != "withdrawn"]
    chosen = random.Random(13).sample(sorted(stored), BARS - 5) + decided[:5]
    assert len(decided) >= 5 and len(set(chosen)) > BARS - 6
    for at in chosen:
        found = legend_at(page, at)
        compare(found, stored[at])
        prices = trading.query(SECONDS, int(at), int(at) + WIDTH_MS)
        low, high, volume = prices[0]
        _, shown_high, shown_low, _ = numbers(found["candles"])
        assert (shown_low, shown_high) == pytest.approx((low, high), rel=1e-9)
        assert numbers(found["volume"])[0] == pytest.approx(volume, rel=1e-3)
        kind, reason = said.get(int(at), ("withdrawn", ""))
        expected = "" if kind == "withdrawn" else kind.replace("_", " ") + (f": {reason}" if reason else "")
        assert found["marks"] == expected, datetime.fromtimestamp(at / 1_000, UTC)


SECONDS = (
    "SELECT min(price), max(price), sum(quantity) FROM v_ticks WHERE symbol='ETHUSDT' AND trade_time_ms >= ? AND"
    " trade_time_ms < ?"
)


def _settled(page: Page) -> list[float]:
    before = in_view(page)
    page.wait_for_timeout(400)
    return before if in_view(page) == before else []


def analysis(stack: Stack, from_ms: float, to_ms: float) -> list[dict[str, Any]]:
    """Every column of the run's bars that lie wholly between two times."""
    bounds = f"from={int(from_ms + 2 * WIDTH_MS)}&to={int(to_ms - 2 * WIDTH_MS)}"
    url = f"{stack.dashboard_url}api/export/analytics?market=sim&symbols=ETHUSDT,BTCUSDT&{bounds}"
    with urllib.request.urlopen(url, timeout=20) as answer:
        return polars.read_csv(io.BytesIO(answer.read()), try_parse_dates=True, infer_schema_length=None).to_dicts()


def legend_at(page: Page, at: float) -> dict[str, str]:
    """The legend with the mouse over a bar."""
    box = page.locator("#chart-canvas").bounding_box()
    x = page.evaluate("ms => window.pairbridgeCharts.x(ms)", at)
    assert box is not None and x is not None
    page.mouse.move(x, box["y"] + box["height"] * 0.5)
    time = datetime.fromtimestamp(at / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    seen(page, f"time => ({LEGEND})().time === time", time)
    found: dict[str, str] = page.evaluate(LEGEND)
    return found


def numbers(text: str) -> list[float]:
    return [float(each.replace(",", "")) for each in NUMBER.findall(text)]


def compare(found: dict[str, str], row: dict[str, Any]) -> None:
    """Each value of the legend, to its digits."""
    mean, sd, pays = row["mean"], row["deviation"], _plus(0.5, row["cost_z"])
    expected = {
        "z": ([row["z"]], 0.005), "spread": ([_times(row["spread"])], 0.005), "mean": ([_times(mean)], 0.005),
        "band": ([_times(_plus(mean, sd, -1)), _times(_plus(mean, sd))], 0.005), "pays": ([pays], 0.005),
        "wall": ([_times(_plus(mean, sd, -(pays or 0))), _times(_plus(mean, sd, pays or 0))], 0.005),
        "beta_ols": ([row["beta_ols"]], 5e-5), "beta_kalman": ([row["beta_kalman"]], 5e-5),
        "pvalue": ([row["gate_pvalue"]], 5e-4),
        "candles": ([row[f"y_{name}"] for name in ("open", "high", "low", "close")], 5e-6),
    }  # fmt: skip
    for key, (values, digits) in expected.items():
        if None in values:
            assert numbers(found[key]) == [] and "–" in found[key], (key, found[key])
        else:
            assert numbers(found[key]) == pytest.approx(values, abs=digits * 1.001), (key, found[key])
    assert found["gate"] == {None: "–", 0.0: "closed", 1.0: "open"}[row["gate"]]


def _times(value: float | None) -> float | None:
    return None if value is None else value * 1e4


def _plus(value: float | None, other: float | None, times: float = 1.0) -> float | None:
    return None if value is None or other is None else value + times * other
