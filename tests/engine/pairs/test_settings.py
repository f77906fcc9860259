"""Settings of the wrong type are refused with their name, and whole numbers stay whole."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import SettingsError
from engine.pairs import PairSettings, classic


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"z_window": 50.5}, "z_window is 50.5; expected a whole number or none"),
        ({"z_window": "50"}, "z_window is '50'; expected a whole number or none"),
        ({"z_window": True}, "z_window is True; expected a whole number or none"),
        ({"calibration_bars": None}, "calibration_bars is None; expected a whole number"),
        ({"entry_z": "2"}, "entry_z is '2'; expected a finite number"),
        ({"entry_z": float("nan")}, "entry_z is nan; expected a finite number"),
        ({"notional": float("inf")}, "notional is inf; expected a finite number"),
        ({"cost_filter": 1}, "cost_filter is 1; expected true or false"),
        ({"estimator": 3}, "estimator is 3; expected a text"),
        ({"gate_lags": 3}, "gate_lags is 3; expected a text"),
        (
            {"gate_lags": "60", "test_window": 100},
            "gate_lags is '60'; expected fewer than half of the test window",
        ),
        ({"gate_lags": "249", "test_window": None}, "gate_lags is '249'; expected fewer than half"),
    ],
)
def test_a_setting_of_the_wrong_type_is_refused_by_name(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=f"^{says}"):
        PairSettings(**changes)


def test_a_whole_number_written_as_a_float_is_the_same_setting() -> None:
    assert classic(z_window=60.0) == classic(z_window=60)  # type: ignore[arg-type]
    assert PairSettings(z_window=60.0).to_json() == PairSettings(z_window=60).to_json()  # type: ignore[arg-type]


def test_the_longest_fixed_lag_of_a_window_can_be_tested() -> None:
    assert PairSettings(gate_lags="48", test_window=100).gate_lags == "48"
