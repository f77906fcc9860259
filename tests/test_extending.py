"""The examples of docs/extending.md: each runs, does what it says, and is short."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dash import Dash

from docs.examples.own_indicator import PERIOD, compute_rsi, rsi_step
from docs.examples.own_page import PAGE
from engine.alerts.metrics import METRICS
from engine.alerts.rules import AlertRule, Condition
from engine.pairs.layout import Out
from screen.page_table import PAGES, page_of, pages_with
from screen.shell import shell
from tests.engine.pairs.markets import make_ticks
from tests.live.test_alerts import add_rules, given
from tests.live.test_monitor import Harness

ROOT = Path(__file__).parent.parent
EXAMPLES = ["docs/examples/own_indicator.py", "docs/examples/own_page.py", "docs/examples/own_metric.py"]


@pytest.mark.parametrize("path", EXAMPLES)
def test_an_example_has_at_most_thirty_lines_and_is_in_the_document(path: str) -> None:
    assert len((ROOT / path).read_text().splitlines()) <= 30
    assert path.removeprefix("docs/") in (ROOT / "docs/extending.md").read_text()


def wilder(prices: pd.Series) -> pd.Series:
    """By the book: a plain mean of the first changes, then Wilder's smoothing."""
    change = prices.diff().dropna()
    means = []
    for moved in (change.clip(lower=0), -change.clip(upper=0)):
        first = moved.iloc[:PERIOD].mean()
        rest = [first]
        for value in moved.iloc[PERIOD:]:
            rest.append((rest[-1] * (PERIOD - 1) + value) / PERIOD)
        means.append(np.array(rest))
    return pd.Series(100 * means[0] / (means[0] + means[1]), prices.index[PERIOD:])


def test_the_rsi_is_wilders_and_the_same_bar_by_bar() -> None:
    prices = pd.Series(100 + np.cumsum(np.random.default_rng(3).normal(0, 1, 500)))
    found = compute_rsi(prices.to_numpy())
    assert np.isnan(found[:PERIOD]).all()
    np.testing.assert_allclose(found[PERIOD:], wilder(prices), rtol=1e-10)
    state = np.zeros(4)
    assert [rsi_step(state, price) for price in prices][PERIOD:] == found[PERIOD:].tolist()


async def test_a_metric_gives_alerts_on_the_bars_that_pandas_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "docs.examples.own_metric", raising=False)
    importlib.import_module("docs.examples.own_metric")
    try:
        harness = await Harness.open(tmp_path)
        add_rules(harness, [AlertRule("wide", Condition("z_range", "above", 4.0, window=12))])
        await harness.write(make_ticks(1))
        harness.read_all(7)
        (watch,) = harness.monitor.watches.values()
        run = harness.monitor.followed(watch)
        assert run is not None
        z = pd.Series(run.model.column(Out.Z))
        wide = (z.rolling(12).max() - z.rolling(12).min()) > 4.0
        opened = [run.model.open_time_ms(place) for place in np.flatnonzero(wide & ~wide.shift(fill_value=False))]
        closes = [time_ms + run.run.interval_ms for time_ms in opened]
        assert len(closes) >= 3 and [alert.close_ms for alert in given(harness)] == closes
        harness.monitor.close()
        await harness.writer.close()
    finally:
        METRICS.pop("z_range")


async def test_a_page_is_in_the_navigation_and_shows_the_pairs(tmp_path: Path) -> None:
    pages = pages_with("docs.examples.own_page:PAGE")
    assert pages == (*PAGES, PAGE) and page_of("/distances", pages) is PAGE and page_of("/distances") is None
    assert "'Distances'" in repr(shell(pages=pages)) and "'Distances'" not in repr(shell())
    harness = await Harness.open(tmp_path)
    await harness.write(make_ticks(1))
    harness.read_all()

    class Cases:
        overview = harness.overview

    app = Dash("own")
    PAGE.register(app, Cases())  # type: ignore[arg-type]
    (callback,) = app.callback_map.values()
    shown = repr(callback["callback"].__wrapped__(None))
    assert "YUSDT ~ XUSDT" in shown and "To entry" in shown
    harness.monitor.close()
    await harness.writer.close()


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ("docs.examples.nothing:PAGE", "which cannot be imported"),
        ("docs.examples.own_page:OTHER", "expected module:NAME of a Page"),
        ("docs.examples.own_page:LAYOUT", "expected a screen.page_table.Page, or several"),
        ("screen.page_table:PAGES", "two pages have the path '/'"),
    ],
)
def test_what_is_no_page_is_said(own: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        pages_with(own)
