"""The form: every setting has a control with its unit, round-trips its value, and all that is wrong is said at once."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from engine.market.intervals import parse_interval
from engine.pairs.settings import ESTIMATORS, PairSettings, classic, defended
from screen.components import ids
from screen.components.fields import Field
from screen.pages.pair import settings_form
from screen.pages.pair.settings_drawer import settings_row
from screen.pages.pair.settings_fields import FIELDS, FORM, QUESTIONS

WAYS = [preset(estimator=estimator) for preset in (classic, defended) for estimator in ESTIMATORS]


def values_of(settings: PairSettings) -> dict[str, Any]:
    return dict(zip(FORM, settings_form.form_values(settings), strict=True))


@pytest.mark.parametrize(
    "settings",
    [
        *WAYS,
        classic(gate="off", interval_ms=90_000, space="price", price="last"),
        classic(window=77, gate_lags="aic", gate_level=10, half_spread_bps=0.5, refit_every=7, stop_z=3.5),
    ],
)
def test_the_form_gives_back_the_settings_it_shows(settings: PairSettings) -> None:
    values = values_of(settings)
    assert settings_form.settings_from(values) == (settings, {})
    assert values[ids.INTERVAL] in [option["value"] for option in settings_form.interval_options(settings)]
    for field in FIELDS:
        if field.choices and field.id != ids.INTERVAL:
            assert values[field.id] in dict(field.choices), field.name


def test_every_setting_has_a_control_with_its_help() -> None:
    settings = {field.name for field in dataclasses.fields(PairSettings)} - {"interval_ms"} | {"interval"}
    assert {field.name for field in FIELDS} == settings
    assert len(set(FORM)) == len(FORM) == len(FIELDS)
    for field in FIELDS:
        assert field.explanation.endswith(".") and field.explanation in str(settings_row(field)), field.name
    assert [question.name for question in QUESTIONS] == ["Line", "Signal", "Gate", "Costs", "Risk"]
    assert all(question.asks.endswith("?") for question in QUESTIONS)


def test_every_number_has_its_unit_beside_it() -> None:
    for field in FIELDS:
        is_number = not (field.choices or field.is_switch)
        assert bool(field.unit) == is_number, field.name
        assert field.unit in str(settings_row(field))
    levels = next(field for field in FIELDS if field.name == "gate_level")
    assert all(text.endswith(" %") for _, text in levels.choices)
    assert all(parse_interval(value) for value, _ in settings_form.INTERVALS)


@pytest.mark.parametrize(
    ("change", "control", "says"),
    [
        ({ids.ENTRY: None}, ids.ENTRY, "Entry |z| is empty; expected a number."),
        ({ids.EXIT: 5}, ids.EXIT, "Exit |z| is 5; expected from 0 to below Entry |z|."),
        ({ids.STOP: 1}, ids.STOP, "Stop |z| is 1; expected above Entry |z|, or none."),
        ({ids.INTERVAL: "5 apples"}, ids.INTERVAL, "Bars is '5 apples'; expected a number and s, m, h or d"),
        ({ids.INTERVAL: None}, ids.INTERVAL, "Bars is empty; expected a choice."),
        ({ids.Z_WINDOW: 2}, ids.Z_WINDOW, "z window is 2; expected 5 to 5000, or none."),
        ({ids.Z_WINDOW: 20.5}, ids.Z_WINDOW, "z window is 20.5; expected a whole number."),
        ({ids.Z_WINDOW: "1"}, ids.Z_WINDOW, "z window is 1; expected 5 to 5000, or none."),
        ({ids.Z_WINDOW: "9000"}, ids.Z_WINDOW, "z window is 9000; expected 5 to 5000, or none."),
        ({ids.Z_WINDOW: "20.5"}, ids.Z_WINDOW, "z window is 20.5; expected a whole number."),
        ({ids.Z_WINDOW: "1e400"}, ids.Z_WINDOW, "z window is '1e400'; expected a number."),
        ({ids.FEE: "-1"}, ids.FEE, "Fee is -1; expected 0 to 1,000."),
        ({ids.FEE: "five"}, ids.FEE, "Fee is 'five'; expected a number."),
        ({ids.FEE: "1_000"}, ids.FEE, "Fee is '1_000'; expected a number."),
        ({ids.NOTIONAL: "0"}, ids.NOTIONAL, "Size of Y is 0; expected more than 0."),
        ({ids.LEAST_COVERAGE: 95}, ids.LEAST_COVERAGE, "Least coverage is 95; expected 0 to 1."),
        (
            {ids.ESTIMATOR: "huber", ids.Z_SCALE: "filter"},
            ids.Z_SCALE,
            "z from is 'filter'; expected rolling unless the Hedge is kalman: only the filter has its own deviation",
        ),
    ],
)
def test_what_is_wrong_stands_at_its_control_in_plain_words(change: dict[str, Any], control: str, says: str) -> None:
    settings, errors = settings_form.settings_from(values_of(classic()) | change)
    assert settings is None and list(errors) == [control] and says in errors[control]


def test_all_that_is_wrong_is_said_at_once_in_the_order_of_the_form() -> None:
    wrong = {ids.FEE: "-1", ids.EXIT: "3", ids.Z_WINDOW: "1", ids.INTERVAL: "5 apples", ids.CALIBRATION: "few"}
    settings, errors = settings_form.settings_from(values_of(classic()) | wrong)
    assert settings is None and list(errors) == [ids.INTERVAL, ids.CALIBRATION, ids.Z_WINDOW, ids.EXIT, ids.FEE]
    assert errors[ids.EXIT] == "Exit |z| is 3; expected from 0 to below Entry |z|."
    assert errors[ids.CALIBRATION] == "Calibration is 'few'; expected a number."
    mended = {ids.FEE: "1", ids.EXIT: "0.3", ids.Z_WINDOW: "", ids.INTERVAL: "90s", ids.CALIBRATION: "400"}
    settings, errors = settings_form.settings_from(values_of(classic()) | mended)
    expected = classic(fee_bps=1, exit_z=0.3, z_window=None, interval_ms=90_000, calibration_bars=400)
    assert (settings, errors) == (expected, {})


def test_numbers_are_read_as_they_were_typed() -> None:
    typed = {ids.Z_WINDOW: " 77 ", ids.ENTRY: "2.50", ids.FEE: "1e0", ids.STOP: "", ids.BETA_WINDOW: "  "}
    found, _ = settings_form.settings_from(values_of(classic()) | typed)
    assert found == classic(z_window=77, entry_z=2.5, fee_bps=1, stop_z=None, beta_window=None)


def test_the_browser_leaves_numbers_to_us() -> None:
    for field in FIELDS:
        control = field.control()
        if not (field.choices or field.is_switch):
            assert control.type == "text" and getattr(control, "min", None) is None, field.name


def test_another_estimator_takes_the_rolling_deviation_since_only_the_filter_has_its_own() -> None:
    values = values_of(defended())
    assert settings_form.with_possible_deviation(values) == values
    fitted = settings_form.with_possible_deviation(values | {ids.ESTIMATOR: "huber"})
    found, _ = settings_form.settings_from(fitted)
    assert found is not None and (found.estimator, found.z_scale) == ("huber", "rolling")


def test_a_preset_keeps_the_width_and_the_estimator_that_are_chosen() -> None:
    values = dict(zip(FORM, settings_form.preset("defended", "90s", "huber"), strict=True))
    assert settings_form.settings_from(values) == (defended(interval_ms=90_000, estimator="huber"), {})
    values = dict(zip(FORM, settings_form.preset("classic", None, None), strict=True))
    assert settings_form.settings_from(values) == (classic(), {})


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("interval_ms", 90_000, "90s"), ("interval_ms", 5_000, "5 s – default"), ("estimator", "tls", "TLS"),
        ("notional", 12_500.0, "12,500 quote"), ("z_window", None, "auto"), ("z_window", 50, "50 bars"),
        ("hedge_min", 1 / 3, "0.333333 $ per $"), ("cost_filter", True, "yes"), ("gate_level", 5, "5 %"),
        ("half_spread_bps", None, "measured"),
    ],
)  # fmt: skip
def test_a_value_is_shown_as_a_trader_reads_it(name: str, value: Any, says: str) -> None:
    assert settings_form.shown_value(name, value) == says


def test_changes_are_said_in_words() -> None:
    changed = {"entry_z": (2.0, 2.5), "z_window": (50, None), "cost_filter": (False, True)}
    assert settings_form.in_words(changed) == [
        "Entry |z| 2 → 2.5 σ", "z window 50 bars → auto", "only entries that pay the round trip no → yes",
    ]  # fmt: skip
    assert all(isinstance(settings_form.field_of(each.name), Field) for each in dataclasses.fields(PairSettings))
