"""Valid and invalid scan requests."""

from __future__ import annotations

import pytest

from engine.errors import SettingsError
from engine.scan import ScanSettings
from engine.scan.request import HOUR_MS, ScanRequest


def test_a_request_is_read_back_from_its_text() -> None:
    request = ScanRequest("sim", 60_000, 24 * HOUR_MS, ScanSettings(control="by", least_volume=5.0))
    assert ScanRequest.from_json(request.to_json()) == request


@pytest.mark.parametrize(
    ("interval_ms", "span_ms", "says"),
    [
        (500, HOUR_MS, "interval_ms is 500; expected whole seconds up to a day"),
        (1_000, 6 * HOUR_MS, "span_ms is 6 hours, 21,600 bars of 1s; expected 100 to 20,000 bars"),
        (60_000, HOUR_MS, "span_ms is 1 hours, 60 bars of 1m; expected 100 to 20,000 bars"),
    ],
)
def test_what_cannot_be_asked_is_told(interval_ms: int, span_ms: int, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        ScanRequest("sim", interval_ms, span_ms)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"market": "sim"}', '{"settings": {"lags": "x"}}'])
def test_a_text_that_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        ScanRequest.from_json(text)
