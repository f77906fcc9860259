"""The form: every setting has a control, round-trips its value, and shows a plain error for an invalid one."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from engine.errors import SettingsError
from engine.pairs.settings import ESTIMATORS, PairSettings, classic, defended
from screen.components import ids
from screen.components.fields import at_fault, field_row, plain
from screen.pages.pair import settings_form

WAYS = [preset(estimator=estimator) for preset in (classic, defended) for estimator in ESTIMATORS]


def values_of(settings: PairSettings) -> dict[str, Any]:
    return dict(zip(settings_form.FORM, settings_form.form_values(settings), strict=True))


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
    assert settings_form.settings_from(values, PairSettings()) == settings
    assert values[ids.INTERVAL] in [option["value"] for option in settings_form.interval_options(settings)]
    for field in settings_form.FIELDS:
        if field.choices and field.id != ids.INTERVAL:
            assert values[field.id] in dict(field.choices), field.name


def test_every_setting_has_a_control_with_its_help() -> None:
    settings = {field.name for field in dataclasses.fields(PairSettings)} - {"interval_ms"} | {"interval"}
    assert {field.name for field in settings_form.FIELDS} == settings
    assert len(set(settings_form.FORM)) == len(settings_form.FORM) == len(settings_form.FIELDS)
    for field in settings_form.FIELDS:
        assert field.explanation.endswith(".") and field_row(field).title == field.explanation, field.name


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
        ({ids.FEE: "-1"}, ids.FEE, "Fee, bps is -1; expected 0 to 1,000."),
        ({ids.FEE: "five"}, ids.FEE, "Fee, bps is 'five'; expected a number."),
        ({ids.FEE: "1_000"}, ids.FEE, "Fee, bps is '1_000'; expected a number."),
        ({ids.NOTIONAL: "0"}, ids.NOTIONAL, "Notional Y is 0; expected more than 0."),
        ({ids.LEAST_COVERAGE: 95}, ids.LEAST_COVERAGE, "Least coverage is 95; expected 0 to 1."),
        (
            {ids.ESTIMATOR: "huber", ids.Z_SCALE: "filter"},
            ids.Z_SCALE,
            "z from is 'filter'; expected rolling unless the Hedge is kalman: only the filter has its own deviation",
        ),
    ],
)
def test_what_is_wrong_stands_at_its_control_in_plain_words(change: dict[str, Any], control: str, says: str) -> None:
    with pytest.raises(SettingsError) as found:
        settings_form.settings_from(values_of(classic()) | change, classic())
    assert says in plain(settings_form.FIELDS, found.value)
    errors = dict(zip(settings_form.FORM, at_fault(settings_form.FIELDS, found.value), strict=True))
    assert says in errors.pop(control)
    assert not any(errors.values())


def test_numbers_are_read_as_they_were_typed() -> None:
    typed = {ids.Z_WINDOW: " 77 ", ids.ENTRY: "2.50", ids.FEE: "1e0", ids.STOP: "", ids.BETA_WINDOW: "  "}
    found = settings_form.settings_from(values_of(classic()) | typed, classic())
    assert found == classic(z_window=77, entry_z=2.5, fee_bps=1, stop_z=None, beta_window=None)


def test_the_browser_leaves_numbers_to_us() -> None:
    for field in settings_form.FIELDS:
        control = field.control()
        if not (field.choices or field.is_switch):
            assert control.type == "text" and getattr(control, "min", None) is None, field.name


def test_a_form_without_faults_shows_none() -> None:
    assert at_fault(settings_form.FIELDS, None) == [""] * len(settings_form.FORM)


def test_another_estimator_takes_the_rolling_deviation_since_only_the_filter_has_its_own() -> None:
    values = values_of(defended())
    assert settings_form.with_possible_deviation(values) == values
    fitted = settings_form.with_possible_deviation(values | {ids.ESTIMATOR: "huber"})
    found = settings_form.settings_from(fitted, defended())
    assert (found.estimator, found.z_scale) == ("huber", "rolling")
