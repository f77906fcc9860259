"""What the dashboard's shell adds to its rooms."""

from __future__ import annotations

import pytest

from dashboard import catching_up, host_name


@pytest.mark.parametrize(("read", "stored"), [(0, 0), (5, 19_000), (981_000, 1_000_000)])
def test_a_short_backlog_is_not_worth_a_word(read: int, stored: int) -> None:
    assert catching_up(read, stored) == []


def test_a_long_backlog_tells_how_far_it_is() -> None:
    (found,) = catching_up(250_000, 1_000_000)
    assert found["code"] == "catching-up"
    assert "25% of 1,000,000 trades" in found["what"]


def test_addresses_stand_in_a_url_as_browsers_write_them() -> None:
    assert [host_name(each) for each in ("127.0.0.1", "::1")] == ["127.0.0.1", "[::1]"]
