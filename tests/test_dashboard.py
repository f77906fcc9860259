"""What the dashboard's shell adds to its rooms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from config import Config
from dashboard import Desk as Dashboard
from dashboard import catching_up, host_name
from monitor.heartbeat import Heartbeat
from tests.engine.pairs.markets import SETTINGS, make_ticks
from tests.monitor.test_monitor import Desk


async def test_each_watched_pair_is_one_row_of_the_watch_list(tmp_path: Path) -> None:
    desk = await Desk.open(tmp_path)
    await desk.write(make_ticks(1)[:400])
    desk.read_all()
    desk.monitor.watch("sim", "XUSDT", "YUSDT", replace(SETTINGS, entry_z=2.5))
    config = replace(Config(), data_dir=tmp_path)
    message, _ = Dashboard(desk.monitor, Heartbeat("http://127.0.0.1:1/", 2_500), config).screens.message(None, None)
    assert [row["pair"] for row in message["leaders"]] == ["Y ~ X", "X ~ Y"]
    desk.monitor.close()
    await desk.writer.close()


@pytest.mark.parametrize(("read", "stored"), [(0, 0), (5, 19_000), (981_000, 1_000_000)])
def test_a_short_backlog_is_not_worth_a_word(read: int, stored: int) -> None:
    assert catching_up(read, stored) == []


def test_a_long_backlog_tells_how_far_it_is() -> None:
    (found,) = catching_up(250_000, 1_000_000)
    assert found["code"] == "catching-up"
    assert "25% of 1,000,000 trades" in found["what"]


def test_addresses_stand_in_a_url_as_browsers_write_them() -> None:
    assert [host_name(each) for each in ("127.0.0.1", "::1")] == ["127.0.0.1", "[::1]"]
