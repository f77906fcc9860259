"""A scan fetches what it needs: the most liquid symbols and their candles, within the budget, cancelled and resumed."""

from __future__ import annotations

import asyncio
import doctest
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from config import Config
from engine.errors import SettingsError
from engine.intake import ticker_requests
from engine.scan import ScanSettings
from engine.scan.request import HOUR_MS, MOST_SYMBOLS, ScanRequest
from engine.store import open_backend
from engine.store.sqlite.analysis import SqliteAnalysis
from engine.store.sqlite.scans import SqliteScans
from engine.store.sqlite.trials import SqliteTrials
from services import universe_fetch
from services.job_process import ProcessExecutor
from services.jobs import JobCancelled, JobFailed, Jobs
from services.scan_job import scan
from services.scans import BridgeAddress, ScanService
from services.universe_fetch import STUCK_S, FetchedUniverse, UniverseFetch, fetch_universe
from serving.bridge_server import BridgeServer
from simulator import ExchangeSettings, SimulatedExchange, coins_named
from simulator.market_data import klines, ticker
from tests.conftest import ROOT, until
from tests.serving.test_history import forwarding, serving

SYMBOLS = ["BTCUSDT", "ETHUSDT", *(f"S{n}USDT" for n in range(10))]
REQUEST = ScanRequest("sim", HOUR_MS, 90 * 24 * HOUR_MS, ScanSettings(least_bars=120), symbols=10)
T0 = 1_790_046_000_000
WAIT_S = 40.0


class Counted:
    """A simulated exchange of twelve symbols, with the paths that were asked for and the weight that was spent."""

    def __init__(self, **changes: Any) -> None:
        coins = coins_named(SYMBOLS, 0.2)
        self.sim = SimulatedExchange(ExchangeSettings(coins=coins, history_days=91, **changes))
        self.paths: list[str] = []
        self.used: list[int] = []
        answer = self.sim._rest.answer

        def counted(target: str, now_s: float) -> Any:
            found = answer(target, now_s)
            self.paths.append(target.partition("?")[0].rpartition("/v1/")[2])
            self.used.append(int(found.headers.get("X-MBX-USED-WEIGHT-1M", 0)))
            return found

        self.sim._rest.answer = counted  # type: ignore[method-assign]

    def candle_pages(self) -> int:
        return self.paths.count("klines")


@asynccontextmanager
async def cold(folder: Path, minute: int = 2_400) -> AsyncIterator[tuple[Counted, BridgeServer]]:
    """An exchange, a server without any bar, and a feed that forwards two symbols."""
    exchange = Counted()
    async with exchange.sim as sim, serving(folder) as server, forwarding(server, sim, minute):
        yield exchange, server


async def fetched(server: BridgeServer, is_cancelled: Callable[[], bool] = lambda: False) -> FetchedUniverse:
    url = f"ws://127.0.0.1:{server.port}/"
    return await asyncio.to_thread(fetch_universe, REQUEST, url, server._token, lambda *_: None, is_cancelled)


def assert_whole(folder: Path, sim: SimulatedExchange, found: FetchedUniverse) -> None:
    """Every bar that the exchange has of the symbols is stored, as it has it."""
    reader = open_backend(folder).bar_reader()
    for symbol in found.symbols:
        bars = reader.sourced_bars("sim", symbol, HOUR_MS, found.from_ms, found.until_ms)
        rows = klines(sim._venue, symbol, HOUR_MS, found.from_ms, found.until_ms - 1, 10_000)
        assert [(bar.open_time_ms, bar.open, bar.close, bar.volume) for bar in bars] == [
            (row[0], float(row[1]), float(row[4]), float(row[5])) for row in rows
        ]
        assert len(bars) == 90 * 24
    reader.close()


async def test_from_cold_the_most_liquid_symbols_are_fetched_and_scanned(tmp_path: Path) -> None:
    SqliteAnalysis(tmp_path / "analysis.db").close()
    async with cold(tmp_path) as (exchange, server):
        address = BridgeAddress(f"ws://127.0.0.1:{server.port}/", lambda: server._token)
        jobs = Jobs(ProcessExecutor())
        scans = ScanService(
            jobs,
            SqliteScans(tmp_path / "analysis.db"),
            SqliteTrials(tmp_path / "analysis.db"),
            tmp_path,
            lambda: None,
            address,
        )
        volumes = {name: float((ticker(exchange.sim._venue, name) or {})["quoteVolume"]) for name in SYMBOLS}
        scans.start(REQUEST)
        stages: set[str] = set()

        def is_over() -> bool:
            stages.add(scans.state().stage)
            return scans.state().phase != "running"

        await until(is_over, WAIT_S)
        state = scans.state()
        assert (state.phase, state.problem) == ("done", "") and state.scan_id is not None
        result = scans.result(state.scan_id)
        assert result is not None
        liquid = sorted(SYMBOLS, key=lambda name: -volumes[name])[:10]
        assert sorted(result["symbols"]) == sorted(liquid) and result["tests"] == 45
        assert (result["fetched"], result["not_fetched"], result["holes"]) == (10, [], [])
        assert result["candles"] > 0.999 and result["to_ms"] - result["from_ms"] == REQUEST.span_ms
        assert any(stage.startswith("fetching candles of 10 symbols") for stage in stages)
        assert max(exchange.used) <= 1_440 and exchange.candle_pages() == 30
        reader = open_backend(tmp_path).bar_reader()
        again = scan(REQUEST, reader, lambda *_: None, fetched=await fetched(server))
        assert again == result and exchange.candle_pages() == 30, "nothing is fetched twice"
        jobs.close()


async def test_a_cancelled_fetch_asks_for_no_more_and_another_goes_on_where_it_stood(tmp_path: Path) -> None:
    """Of 400 a minute 240 may be spent: not all of the 30 pages, which weigh 120, before the first 8 are there."""
    async with cold(tmp_path) as (exchange, server):
        cancelled = threading.Event()

        def is_cancelled() -> bool:
            if exchange.candle_pages() >= 8:
                cancelled.set()
            return cancelled.is_set()

        with pytest.raises(JobCancelled):
            await fetched(server, is_cancelled)
        at_once = exchange.candle_pages()
        await asyncio.sleep(0.6)
        pages = exchange.candle_pages()
        assert 8 <= pages < 30 and pages - at_once <= 4, "what was asked for already may still come"
        assert server.health()["markets"]["sim"]["history"]["wanted"] == 0
        found = await fetched(server)
        assert_whole(tmp_path, exchange.sim, found)
        assert exchange.candle_pages() <= 30 + 4, "what was stored is not fetched again"


async def test_a_server_that_is_killed_meanwhile_goes_on_where_it_stood(tmp_path: Path) -> None:
    exchange = Counted()
    async with exchange.sim as sim:
        config = Config(data_dir=tmp_path, bridge_port=0, warm_start_minutes=0)
        server = await BridgeServer.open(config, ROOT / "bridge", {})
        job: asyncio.Task[FetchedUniverse]
        async with server, forwarding(server, sim):
            config = Config(data_dir=tmp_path, bridge_port=server.port, warm_start_minutes=0)
            job = asyncio.create_task(fetched(server))
            await until(lambda: exchange.candle_pages() >= 8, WAIT_S)
        assert not job.done()
        server = await BridgeServer.open(config, ROOT / "bridge", {})
        async with server, forwarding(server, sim):
            found = await asyncio.wait_for(job, WAIT_S)
        assert_whole(tmp_path, sim, found)
        assert exchange.candle_pages() <= 30 + 5


async def test_a_scan_spends_no_more_than_sixty_percent(tmp_path: Path) -> None:
    """Of 240 a minute 144 may be spent: 40 on the volumes, and 104 on 20 pages of 5 or a few more smaller ones."""
    async with cold(tmp_path, minute=240) as (exchange, server):
        cancelled = threading.Event()
        job = asyncio.create_task(fetched(server, cancelled.is_set))
        await until(lambda: exchange.candle_pages() >= 16, WAIT_S)
        await asyncio.sleep(1.0)
        used = [*exchange.used, 0]
        minutes = sum(before for before, after in pairwise(used) if after < before)  # of the exchange's own minutes
        assert 100 < minutes <= 144 and not job.done()
        cancelled.set()
        with pytest.raises(JobCancelled):
            await job


async def test_where_the_exchange_is_blocked_or_nobody_can_fetch_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticker_requests, "BRIDGE_WITHIN_MS", 500)
    exchange = Counted(geo_block=True)
    async with exchange.sim as sim, serving(tmp_path) as server, forwarding(server, sim):
        with pytest.raises(JobFailed, match=r"could not be fetched: the bridge: geo-blocked"):
            await fetched(server)
    async with serving(tmp_path) as server:
        with pytest.raises(JobFailed, match="open the bridge page or start a feed"):
            await fetched(server)


async def test_without_a_server_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(universe_fetch, "OUTAGE_S", 0.5)
    with pytest.raises(JobFailed, match="the bridge server does not answer"):
        await asyncio.to_thread(fetch_universe, REQUEST, "ws://127.0.0.1:9/", "t" * 32, lambda *_: None, lambda: False)


def progress(wanted: int, missing: int, unknown: int = 0, stuck: int = 0, **problems: str) -> dict[str, Any]:
    said = {"wanted": wanted, "missing": missing, "unknown": unknown, "stuck": stuck}
    return {"type": "progress", **said, "problems": list(problems.items())}


def asked() -> UniverseFetch:
    talk = UniverseFetch(REQUEST)
    assert talk.opening() == {"type": "want_tickers", "quote": "USDT", "count": 10}
    rows = [["AUSDT", 5.0], ["BUSDT", 4.0]]
    want = talk.heard({"type": "tickers", "time_ms": T0 + 1_000, "rows": rows}, 0.0)
    assert want == talk.opening() and want is not None
    until_ms = T0 // HOUR_MS * HOUR_MS - (HOUR_MS if T0 % HOUR_MS < 4_000 else 0)
    assert want["bars"] == [[name, HOUR_MS, until_ms - REQUEST.span_ms, until_ms] for name in ("AUSDT", "BUSDT")]
    assert want["urgent"] is want["tell"] is True
    return talk


def test_what_some_symbols_lack_is_named_and_the_others_go_on() -> None:
    talk = asked()
    talk.heard(progress(4_320, 0, unknown=2), 0.0)
    assert talk.result(0.0) is None and talk.stage(0.0)[0] == "looking up what is stored of 2 symbols"
    talk.heard(progress(4_320, 4_320), 1.0)
    talk.heard(progress(4_320, 2_160), 11.0)
    assert talk.stage(11.0) == ("fetching candles of 2 symbols, about 10 s left: bars", 2_160, 4_320)
    talk.heard(progress(4_320, 2_160, stuck=2_160, BUSDT="the bridge: HTTP 500"), 12.0)
    assert talk.stage(12.0)[0] == "waiting for someone who can fetch (the bridge: HTTP 500)"
    assert talk.result(12.0 + STUCK_S - 1) is None
    found = talk.result(12.0 + STUCK_S)
    assert found is not None and found.symbols == ("AUSDT", "BUSDT")
    assert found.problems == {"BUSDT": "the bridge: HTTP 500"}
    talk.heard(progress(4_320, 0), 13.0)
    whole = talk.result(13.0)
    assert whole is not None and whole.problems == {}


def test_a_bridge_that_comes_back_is_waited_for() -> None:
    talk = asked()
    talk.heard(progress(100, 100, stuck=100, AUSDT="no bridge"), 0.0)
    talk.heard(progress(100, 100), STUCK_S - 1)
    talk.heard(progress(100, 100, stuck=100, AUSDT="no bridge"), STUCK_S)
    assert talk.result(STUCK_S + 1) is None
    with pytest.raises(JobFailed, match="no candles could be fetched: no bridge"):
        talk.result(2 * STUCK_S)


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({"type": "refused", "message": "the token is not this server's"}, "refused: the token"),
        ({"type": "unfetchable_tickers", "reason": "geo-blocked"}, "could not be fetched: geo-blocked"),
        ({"type": "tickers", "time_ms": T0, "rows": [["AUSDT", 1.0]]}, "1 symbols traded against USDT today"),
    ],
)
def test_what_cannot_be_is_told(message: dict[str, Any], says: str) -> None:
    with pytest.raises(JobFailed, match=says):
        UniverseFetch(REQUEST).heard(message, 0.0)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"symbols": 1}, "symbols is 1; expected 0, or 2 to 500"),
        ({"symbols": MOST_SYMBOLS + 1}, "symbols is 501"),
        ({"symbols": 10, "interval_ms": 5_000, "span_ms": HOUR_MS}, "interval is 5s; expected whole minutes"),
        ({"quote": "usd"}, "quote is 'usd'; expected a currency"),
    ],
)
def test_a_request_that_cannot_be_fetched_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        ScanRequest(**{"market": "sim", "interval_ms": HOUR_MS, "span_ms": 200 * HOUR_MS} | changes)


def test_a_request_is_read_back_and_older_ones_fetch_nothing() -> None:
    assert ScanRequest.from_json(REQUEST.to_json()) == REQUEST
    old = (
        ScanRequest("sim", HOUR_MS, 200 * HOUR_MS).to_json().replace(',"symbols":0', "").replace('"quote":"USDT",', "")
    )
    assert ScanRequest.from_json(old).symbols == 0


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(universe_fetch).failed == 0
