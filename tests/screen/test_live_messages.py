"""What every screen is told of long jobs, whatever page it shows."""

from __future__ import annotations

from typing import cast

from engine.scan.request import ScanState
from screen.live_messages import LiveMessages
from services.backtests import BacktestState
from services.overview import OverviewService
from services.pairs import PairService
from services.views import ViewService


class Nothing:
    """Stands for services without a pair."""

    def status(self, market: str | None) -> ScanState:
        return ScanState()

    def watermark_ms(self, market: str | None) -> int:
        return 0


def test_a_job_that_has_ended_is_told_on_every_page() -> None:
    failed = BacktestState("failed", problem="BTCUSDT has 3 bars")
    jobs = {"scan": lambda: ScanState(phase="done"), "backtest": lambda: failed}
    nothing = Nothing()
    messages = LiveMessages(
        cast(PairService, nothing), cast(ViewService, nothing), cast(OverviewService, nothing), "http://x/", jobs
    )
    message, _ = messages.message(frozenset(), None, None)
    assert message["jobs"] == {
        "scan": {"phase": "done", "said": "Scan finished", "path": "/scan"},
        "backtest": {"phase": "failed", "said": "Backtest failed: BTCUSDT has 3 bars", "path": "/backtest"},
    }
