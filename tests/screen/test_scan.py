"""The scan's texts, rows and map: tests run, expected by chance, survived; pure functions of a result."""

from __future__ import annotations

import doctest
import re
from typing import Any

import pytest

from engine.errors import SettingsError
from engine.scan import Excluded
from engine.scan.request import HOUR_MS, ScanRequest, ScanState
from engine.scan.settings import ScanSettings
from engine.store.scans import ScanSummary
from screen.components import ids
from screen.components.fields import at_fault, field_row
from screen.pages.pair.settings_fields import INTERVALS
from screen.pages.scan import form as scan_form
from screen.pages.scan import labels as scan_labels
from screen.pages.scan.heatmap import correlation_map
from screen.pages.scan.layout import scan_page


def pair(**changes: Any) -> dict[str, Any]:
    numbers = {"statistic": -4.1, "critical_5": -3.34, "pvalue": 0.004, "q_value": 0.03, "q_value_by": 0.08}
    flags = {"is_found": True, "is_confirmed": False, "half_life_bars": None, "explained_by": ""}
    later = {"holdout_pvalue": 0.2, "hedge_pvalue": 0.002, "wild_pvalue": 0.005}
    return {"y": "A", "x": "B", **numbers, **flags, **later, **changes}


def result(settings: ScanSettings | None = None, **changes: Any) -> dict[str, Any]:
    fields = {
        "market": "sim", "interval_ms": 60_000, "from_ms": 1_790_046_000_000, "symbols": ["A", "B", "C"], "bars": 1_000,
        "holdout_bars": 430, "tests": 3, "passed": 1, "found": 1, "confirmed": 0, "excluded": [], "holes": [],
        "pairs": [pair(), pair(is_found=False, q_value=0.4, q_value_by=0.9), pair(is_found=False, q_value=0.6)],
        "settings": (settings or ScanSettings()).to_json(),
    }  # fmt: skip
    return fields | changes


@pytest.mark.parametrize(
    ("settings", "changes", "says", "note", "tone"),
    [
        (None, {}, "None survived.", "1 pair found at q ≤ 0.05, and none of them was confirmed.", "warn"),
        (None, {"found": 3, "confirmed": 2}, "2 pairs survived.", "3 pairs found at q ≤ 0.05, 2 of them conf", "good"),
        (None, {"found": 0}, "None found.", "No pair has q ≤ 0.05; the smallest q is 0.03.", "warn"),
        (ScanSettings(control="by"), {"found": 0}, "None found.", "the smallest q is 0.08.", "warn"),
        (ScanSettings(holdout=0), {}, "1 found, none confirmed.", "nothing was held out", "warn"),
        (None, {"tests": 0, "found": 0, "pairs": []}, "Nothing was tested.", "Fewer than two symbols", "warn"),
    ],
)
def test_the_verdict_is_plain(
    settings: ScanSettings | None, changes: dict[str, Any], says: str, note: str, tone: str
) -> None:
    found = scan_labels.verdict(result(settings, **changes))
    assert (found.value, found.tone) == (says, tone) and note in found.note


def test_the_detail_counts_tests_and_luck() -> None:
    text = scan_labels.detail(result(tests=190, symbols=["S"] * 20, passed=12, holes=["S", "T"]))
    assert text.startswith(
        "190 tests on 20 symbols, 1,000 bars of 1m (17 h), up to 2026-09-22 19:40 UTC; 430 newer bars"
    )
    assert "12 pass the 5 % value, where luck alone gives about 9.5." in text
    assert "Trades are missing of S, T" in text
    assert "The 3 pairs with the smallest statistic are kept." in text
    assert "are kept" not in scan_labels.detail(result()) and "missing" not in scan_labels.detail(result())
    assert "2 pairs more with as small a q: a stronger find has one of the legs." in scan_labels.detail(
        result(explained=2)
    )
    assert "stronger find" not in scan_labels.detail(result(explained=0))


def test_the_detail_says_what_was_fetched_and_what_could_not_be() -> None:
    text = scan_labels.detail(result(fetched=60, candles=0.998, not_fetched=[["AUSDT", "the bridge: HTTP 500"]]))
    assert "The 60 most liquid symbols were asked for. 100% of the prices are closes of the exchange's candles" in text
    assert "Not all candles of AUSDT could be fetched: the bridge: HTTP 500." in text
    many = result(fetched=60, candles=0.5, not_fetched=[[f"S{n}", "HTTP 500"] for n in range(9)])
    assert "of S0, S1, S2, S3, S4 and others could" in scan_labels.detail(many)
    plain = scan_labels.detail(result(fetched=None, candles=0.0, not_fetched=[]))
    assert "candles" not in plain and "liquid" not in plain


def test_the_first_scan_can_be_asked_for() -> None:
    interval, span, symbols = scan_form.first_scan()
    chosen = {ids.SCAN_INTERVAL: interval, ids.SCAN_SPAN: span, ids.SCAN_FETCH: symbols, ids.SCAN_QUOTE: "USDC"}
    asked = scan_form.request_from("sim", values_of(scan_form.DEFAULTS) | chosen)
    assert (asked.symbols, asked.quote, asked.interval_ms, asked.span_ms) == (60, "USDC", HOUR_MS, 2_160 * HOUR_MS)
    assert scan_form.fitting_span(interval, span) == span, "choosing the width leaves it"


def test_rows_have_a_verdict_with_its_reason_and_what_was_left_out_too() -> None:
    pairs = [
        pair(is_confirmed=True),
        pair(),
        pair(holdout_pvalue=0.01, hedge_pvalue=0.021, wild_pvalue=0.055),
        pair(holdout_pvalue=None, hedge_pvalue=None),
        pair(is_found=False, explained_by="D ~ B"),
        pair(is_found=False),
    ]
    assert [(row["verdict"], row["reason"]) for row in scan_labels.rows(result(pairs=pairs))] == [
        ("survived", ""),
        ("found", "held out: p 20 %"),
        ("found", "hedge by luck: p 2.1 %; wild bootstrap: p 5.5 %"),
        ("found", "nothing held out"),
        ("explained", "explained by D ~ B"),
        ("", ""),
    ]
    assert scan_labels.rows(result())[0]["id"] == "A ~ B"
    left_out = result(
        excluded=[
            ["D", "ILLIQUID", "median volume 3 a bar"],
            ["A ~ B", "ONE_LINE", ""],
            ["A ~ C", "TOO_MANY_LAGS", "139 lags need 281 bars; the selection has 280"],
        ]
    )
    assert [row[2][1] for row in scan_labels.excluded_rows(left_out)] == [
        "too little volume: median volume 3 a bar",
        "one leg is the other",
        "more test lags than the bars allow: 139 lags need 281 bars; the selection has 280",
    ]
    assert scan_labels.excluded_head(left_out) == "3 left out; they were not tested"
    assert scan_labels.excluded_head(result()) == "nothing was left out"
    many = result(excluded=[["A ~ B", "ONE_LINE", ""]] * 1_234)
    assert scan_labels.excluded_head(many) == "1,234 left out; they were not tested; the first 1,000 are listed"
    assert len(scan_labels.excluded_rows(many)) == 1_000


def test_a_result_of_an_earlier_version_is_still_shown() -> None:
    """It has neither what explains a pair nor the p-values of a find."""
    new = ("explained_by", "hedge_pvalue", "wild_pvalue")
    old = result(pairs=[{name: value for name, value in pair().items() if name not in new}])
    (row,) = scan_labels.rows(old)
    assert (row["verdict"], row["reason"]) == ("found", "held out: p 20 %")
    assert "stronger find" not in scan_labels.detail(old)


def test_every_reason_that_the_engine_gives_has_a_text() -> None:
    codes = set(re.findall(r"``([A-Z_]+)``", Excluded.__doc__ or ""))
    assert len(codes) == 10 and codes == set(scan_labels.EXCLUSIONS)


@pytest.mark.parametrize(
    ("state", "says", "share"),
    [
        (ScanState(), "", 0.0),
        (ScanState("running", "starting"), "starting …", 0.0),
        (ScanState("running", "testing pairs", 512, 2_048), "testing pairs 512 of 2,048 …", 25.0),
        (ScanState("running", "correlating", 0, 1), "tested; correlating the most liquid symbols …", 100.0),
        (ScanState("done", scan_id=3), "", 0.0),
        (ScanState("cancelled"), "Cancelled; nothing was stored.", 0.0),
        (ScanState("failed", problem="no store"), "Not done: no store.", 0.0),
    ],
)
def test_progress_is_told(state: ScanState, says: str, share: float) -> None:
    assert scan_labels.progress(state) == (says, share)


def test_an_earlier_scan_is_one_line() -> None:
    line = scan_labels.summary(ScanSummary(4, 1_790_046_465_580, "usdm", 300_000, 40, 780, 5, 1))
    assert line == "2026-09-22 03:07 UTC · usdm · 5m · 780 tests · 5 found · 1 survived"


def values_of(settings: ScanSettings) -> dict[str, Any]:
    return dict(zip(scan_form.FORM, scan_form.form_values(settings), strict=True))


def test_the_form_asks_for_what_it_shows() -> None:
    chosen = ScanSettings(control="by", least_volume=5.5, holdout=0, lags="1", least_bars=100)
    assert scan_form.request_from("sim", values_of(chosen)) == ScanRequest("sim", 60_000, 24 * HOUR_MS, chosen)
    for field in scan_form.FIELDS:
        assert field.explanation.endswith(".") and field_row(field).title == field.explanation, field.name


_TOO_LONG = "History is 720 hours, 43,200 bars of 1m; expected 100 to 20,000 bars."


@pytest.mark.parametrize(
    ("change", "control", "says"),
    [
        ({ids.SCAN_HOLDOUT: 0.9}, ids.SCAN_HOLDOUT, "Hold-out is 0.9; expected 0 to 0.8."),
        ({ids.SCAN_LEAST_BARS: 20}, ids.SCAN_LEAST_BARS, "Least bars is 20; expected at least 100."),
        (
            {ids.SCAN_FETCH: "60", ids.SCAN_INTERVAL: "5s", ids.SCAN_SPAN: "3"},
            ids.SCAN_INTERVAL,
            "Bars is 5s; expected whole minutes, of which the exchange has candles.",
        ),
        ({ids.SCAN_LEVEL: None}, ids.SCAN_LEVEL, "At most is empty; expected a number."),
        (
            {ids.SCAN_SPAN: "720"},
            ids.SCAN_SPAN,
            _TOO_LONG,
        ),
    ],
)
def test_what_is_wrong_stands_at_its_control(change: dict[str, Any], control: str, says: str) -> None:
    with pytest.raises(SettingsError) as found:
        scan_form.request_from("sim", values_of(scan_form.DEFAULTS) | change)
    errors = dict(zip(scan_form.FORM, at_fault(scan_form.FIELDS, found.value), strict=True))
    assert errors.pop(control) == says and not any(errors.values())


@pytest.mark.parametrize("interval", [value for value, _ in INTERVALS])
def test_another_width_of_bars_gets_a_history_that_a_scan_takes(interval: str) -> None:
    for span in ("1", "24", "2160"):
        fitting = scan_form.fitting_span(interval, span)
        values = values_of(scan_form.DEFAULTS) | {ids.SCAN_INTERVAL: interval, ids.SCAN_SPAN: fitting}
        assert scan_form.request_from("sim", values).span_ms == int(fitting or 0) * HOUR_MS
    assert scan_form.fitting_span(interval, None) is None


def test_a_market_has_to_be_chosen() -> None:
    with pytest.raises(SettingsError, match="Market is empty"):
        scan_form.request_from(None, values_of(scan_form.DEFAULTS))


def test_the_map_goes_from_minus_one_to_one_and_numbers_only_few_cells() -> None:
    few = {
        "symbols": ["AUSDT", "B"],
        "pearson": [[1.0, None], [None, 1.0]],
        "hayashi_yoshida": [[1.0, 0.5], [0.5, 1.0]],
    }
    (cells,) = correlation_map(few, "pearson")["data"]
    assert (cells["zmin"], cells["zmax"], cells["x"]) == (-1, 1, ["A", "B"])
    assert cells["z"] == few["pearson"] and "texttemplate" in cells
    many = {"symbols": [f"S{i}" for i in range(60)], "pearson": [[0.0] * 60] * 60}
    assert "texttemplate" not in correlation_map(many, "pearson")["data"][0]


def test_there_is_nothing_to_export_before_a_scan() -> None:
    assert getattr(scan_page()[ids.SCAN_EXPORT], "href", None) is None


def test_columns_of_the_table_are_in_a_row() -> None:
    grid = scan_page()[ids.SCAN_PAIRS]
    row = scan_labels.rows(result(pairs=[pair(half_life_null_bars=1, crossings=1, hurst=1, beta=1)]))[0]
    assert {column["field"] for column in grid.columnDefs} <= set(row)


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(scan_labels).failed == doctest.testmod(scan_form).failed == 0
