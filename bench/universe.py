"""A whole market from cold: ``python -m bench universe``.

A simulated exchange of 200 symbols with 90 days behind it, a server that has stored no bar, and a feed that forwards
two symbols. Measured: from the start of a scan that fetches what it needs to its stored result, and the weight that was
spent in the busiest minute, whose bound is 60 % of what the exchange allows.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.report import Row, row, show
from engine.scan import ScanSettings
from engine.scan.request import HOUR_MS, ScanRequest
from engine.store.sqlite.analysis import SqliteAnalysis
from engine.store.sqlite.scans import SqliteScans
from engine.store.sqlite.trials import SqliteTrials
from feeds.rate_limit import URGENT_SHARE
from services.job_process import ProcessExecutor
from services.jobs import Jobs
from services.scans import BridgeAddress, ScanService
from simulator import ExchangeSettings, SimulatedExchange, coins_named
from tests.conftest import until
from tests.serving.test_history import forwarding, serving

LISTED, DAYS, MINUTE = 200, 90, 2_400
WITHIN_S = 300.0
SCANS = (60, LISTED)


def run() -> list[Row]:
    """Measure and print the table."""
    lines = [line for symbols in SCANS for line in asyncio.run(_from_cold(symbols))]
    show(lines)
    return lines


async def _from_cold(symbols: int) -> list[Row]:
    names = ["BTCUSDT", "ETHUSDT", *(f"S{n:03d}USDT" for n in range(LISTED - 2))]
    sim = SimulatedExchange(ExchangeSettings(coins=coins_named(names, 0.05), history_days=DAYS + 1))
    spent = _record(sim)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        SqliteAnalysis(folder / "analysis.db").close()
        async with sim, serving(folder) as server, forwarding(server, sim, MINUTE):
            address = BridgeAddress(f"ws://127.0.0.1:{server.port}/", lambda: server._token)
            jobs = Jobs(ProcessExecutor())
            scans = ScanService(
                jobs,
                SqliteScans(folder / "analysis.db"),
                SqliteTrials(folder / "analysis.db"),
                folder,
                lambda: None,
                address,
            )
            began_s = time.monotonic()
            scans.start(ScanRequest("sim", HOUR_MS, DAYS * 24 * HOUR_MS, ScanSettings(), symbols))
            await until(lambda: scans.state().phase != "running", WITHIN_S)
            took_s, state = time.monotonic() - began_s, scans.state()
            jobs.close()
            result = scans.result(state.scan_id) if state.scan_id is not None else None
            if result is None or len(result["symbols"]) != symbols:
                raise RuntimeError(f"the scan of {symbols} symbols ended as {state}")
    what = f"{symbols} of {LISTED} symbols, {DAYS} days of 1 h"
    return [
        row(f"{what}: from cold to the result", took_s, "s", bounds={"ours": ("at most", 120)}),
        row(f"{what}: pairs tested", result["tests"], "pairs"),
        row(
            f"{what}: weight in the busiest minute", _busiest(spent), f"of {MINUTE}",
            bounds={"ours": ("at most", URGENT_SHARE * MINUTE)},
        ),
    ]  # fmt: skip


def _record(sim: SimulatedExchange) -> list[tuple[float, int]]:
    """When how much weight is charged, from now on."""
    spent: list[tuple[float, int]] = []
    weights = sim._rest._weights
    charge: Callable[..., object] = weights.charge

    def charged(weight: int, now_s: float) -> object:
        spent.append((now_s, weight))
        return charge(weight, now_s)

    weights.charge = charged  # type: ignore[method-assign, assignment]
    return spent


def _busiest(spent: list[tuple[float, int]]) -> int:
    """The most that was spent in any 60 seconds."""
    return max(sum(weight for at, weight in spent if began <= at < began + 60) for began, _ in spent)


if __name__ == "__main__":
    run()
