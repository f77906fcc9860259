"""What the dashboard's composition adds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from config import Config
from dashboard import host_name, surroundings_of
from engine.errors import NotAllowed
from live.heartbeat import Heartbeat
from screen.live_messages import LiveMessages
from services.backtest_request import BacktestRequest, StoredSource
from services.pairs import PairService
from services.use_cases import use_cases_of
from services.views import catching_up
from tests.conftest import until
from tests.engine.pairs.markets import SETTINGS, make_ticks
from tests.live.test_monitor import Harness


async def test_each_watched_pair_is_one_row_of_the_watch_list(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    await harness.write(make_ticks(1)[:400])
    harness.read_all()
    harness.monitor.watch("sim", "XUSDT", "YUSDT", replace(SETTINGS, entry_z=2.5))
    pairs = PairService(harness.monitor, SETTINGS, lambda: None)
    messages = LiveMessages(pairs, harness.views, harness.overview, "http://127.0.0.1:2/")
    message, _ = messages.message(frozenset({"watch-list", "names", "overview"}), None, None)
    assert [row["pair"] for row in message["leaders"]] == ["Y ~ X", "X ~ Y"]
    assert message["names_known"][0] == ["YUSDT ~ XUSDT", "/pair/sim/YUSDT~XUSDT"]
    assert [row["symbol"] for row in message["symbols"]] == ["XUSDT", "YUSDT"]
    assert [row["path"] for row in message["pairs"]] == ["/pair/sim/YUSDT~XUSDT", "/pair/sim/XUSDT~YUSDT"]
    assert message["clock"].endswith(" UTC") and "columns" not in message
    harness.monitor.close()
    await harness.writer.close()


@pytest.mark.parametrize(("read", "stored"), [(0, 0), (5, 19_000), (981_000, 1_000_000)])
def test_a_short_backlog_is_not_worth_a_word(read: int, stored: int) -> None:
    assert catching_up(read, stored) == []


def test_a_long_backlog_tells_how_far_it_is() -> None:
    (found,) = catching_up(250_000, 1_000_000)
    assert found["code"] == "catching-up"
    assert "25% of 1,000,000 trades" in found["what"]


def test_addresses_stand_in_a_url_as_browsers_write_them() -> None:
    assert [host_name(each) for each in ("127.0.0.1", "::1")] == ["127.0.0.1", "[::1]"]


async def test_a_backtest_of_the_live_range_is_a_service_of_the_dashboard(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    await harness.write(make_ticks(1))
    harness.read_all()
    heartbeat, owners = Heartbeat("http://127.0.0.1:1/", 2_500), [True]

    def owner_only() -> None:
        if not owners[0]:
            raise NotAllowed("read access only")

    use = use_cases_of(harness.monitor, heartbeat, surroundings_of(Config(data_dir=tmp_path), owner_only))
    asked = BacktestRequest(StoredSource("sim", "YUSDT", "XUSDT", 0), replace(SETTINGS, gate="off"))
    use.backtests.start(asked)
    await until(lambda: use.backtests.state().phase != "running", 60)
    state = use.backtests.state()
    assert state.phase == "done" and state.backtest_id is not None, state
    result = use.backtests.result(state.backtest_id)
    assert result is not None and (result["y"], result["x"], result["trial"]) == ("YUSDT", "XUSDT", 1)
    owners[0] = False
    with pytest.raises(NotAllowed):
        use.backtests.start(asked)
    use.jobs.close()
    harness.monitor.close()
    await harness.writer.close()
