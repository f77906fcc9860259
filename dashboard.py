"""The dashboard: Dash on FastAPI, with the monitor running beside it for as long as the process lives.

    python dashboard.py

This file is a shell: the monitor decides (``monitor``), the screen draws (``screen``), the routes speak (``api``).
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn
from dash import Dash
from dash.backends._fastapi import FastAPIDashServer
from fastapi import FastAPI

from api.bounded_http import bounded_http
from api.export import Table, add_export_routes, refuse_in_words
from api.guard import Guard, content_security_policy
from api.live import LiveHub, add_live_route
from api.login import Login
from api.permissions import require_owner
from api.requests import HeadRequests, PageRequests
from config import Config, load_or_exit, stop
from engine.errors import FolderMissing, NewerSchema, StoreError
from engine.pairs.settings import PairSettings, classic
from engine.scan.request import ScanRequest
from engine.store.interface import AnalysisStore, ScanStore, TickReader
from engine.store.lock import held
from live.heartbeat import Heartbeat
from live.monitor import Monitor
from live.scans import ScanService
from live.thread import MonitorThread
from live.view_delta import ViewerCursor, view_delta, watchlist_rows
from runtime.interpreter_settings import apply_interpreter_settings
from runtime.logs import log_to
from runtime.secrets import read_or_create_token, write_opener
from screen.pages.layout import page
from screen.pages.pair.callbacks import register
from screen.pages.pair.frames import Frame, clock, frame, leader_row, log_row
from screen.pages.pair.labels import no_pair_notes
from screen.pages.scan.callbacks import register_scan
from screen.pages.scan.labels import rows

log = logging.getLogger("pairbridge.dashboard")

KEEP_BARS = 1_000  # on a screen; assets/core.js keeps as many
STOPPED = "DASHBOARD STOPPED"  # the banner's state while the monitor fails
BACKLOG_TICKS = 20_000  # not read yet: a second or two
OPEN_FILE = "open-dashboard.html"  # of the data folder: opens the dashboard with the key
DEFAULT_PAIR = ("ETHUSDT", "BTCUSDT")


class Desk:
    """The monitor and the heartbeat, as the screen and the routes ask for them."""

    def __init__(self, monitor: Monitor, heartbeat: Heartbeat, config: Config) -> None:
        self._monitor = monitor
        self._heartbeat = heartbeat
        self._config = config
        self.scans = ScanService(config.ticks_db, ScanStore(config.analysis_db))
        self.screens = Screens(monitor, heartbeat, self)

    @property
    def bridge_url(self) -> str:
        """Where the bridge page is served."""
        return f"http://127.0.0.1:{self._config.bridge_port}/"

    def symbols(self) -> dict[str, list[str]]:
        """By market, what has traded."""
        with self._monitor.lock:
            return {market: pipe.builder.symbols() for market, pipe in sorted(self._monitor.pipelines.items())}

    def watched(self, watch_id: int) -> tuple[str, str, str, PairSettings] | None:
        """(market, y, x, settings) of a watched pair."""
        with self._monitor.lock:
            watch = self._monitor.watches.get(watch_id)
            return (watch.entry.market, watch.entry.y, watch.entry.x, watch.settings) if watch else None

    def first_watch(self) -> int | None:
        """The pair to show when none is chosen."""
        with self._monitor.lock:
            return next(iter(self._monitor.watches), None)

    def watch(self, market: str, y: str, x: str, settings: PairSettings) -> int:
        """Follow a pair, or follow it with other settings. Raises NotAllowed."""
        self.require_owner()
        return self._monitor.watch(market, y, x, settings)

    def watch_found(self, market: str, y: str, x: str, interval_ms: int) -> int:
        """Follow a pair on bars of this width, unless it is followed already; returns its watch id."""
        with self._monitor.lock:
            for watch_id, watch in self._monitor.watches.items():
                if (watch.entry.market, watch.entry.y, watch.entry.x) == (market, y, x):
                    return watch_id
            return self.watch(market, y, x, replace(self.new_pair_settings(), interval_ms=interval_ms))

    def unwatch(self, watch_id: int) -> None:
        """Follow it no more. Raises NotAllowed."""
        self.require_owner()
        self._monitor.unwatch(watch_id)

    def require_owner(self) -> None:
        """Raises NotAllowed when the request that is served may only look."""
        require_owner(str(self.open_file))

    @property
    def open_file(self) -> Path:
        """The file that opens the dashboard with the key."""
        return (self._config.data_dir / OPEN_FILE).resolve()

    def start_scan(self, request: ScanRequest) -> None:
        """Begin a scan. Raises NotAllowed, and ScanBusy while one runs."""
        self.require_owner()
        self.scans.start(request)

    def cancel_scan(self) -> None:
        """Stop the scan that runs. Raises NotAllowed."""
        self.require_owner()
        self.scans.cancel()

    def new_pair_settings(self) -> PairSettings:
        """The settings a new pair starts with."""
        return new_pair_settings(self._config)

    def signals(self, watch_id: int) -> Table | None:
        """The whole log of a watched pair, for a file."""
        watched = self.watched(watch_id)
        if watched is None:
            return None
        market, y, x, settings = watched
        log_rows = [log_row(entry, settings.interval_ms) for entry in self._monitor.log_of(watch_id)]
        return f"signals-{market}-{y}-{x}.csv", log_rows

    def scan(self, scan_id: int) -> Table | None:
        """The pairs of a stored scan, for a file."""
        result = self.scans.result(scan_id)
        return None if result is None else (f"scan-{scan_id}-{result['market']}.csv", rows(result))

    def whole_frame(self, watch_id: int | None) -> Frame:
        """Everything a screen needs at once, for polling."""
        return self.screens.message(watch_id, None)[0]


class Screens:
    """What screens are told."""

    def __init__(self, monitor: Monitor, heartbeat: Heartbeat, desk: Desk) -> None:
        self._monitor = monitor
        self._heartbeat = heartbeat
        self._desk = desk

    def message(self, follows: int | None, known: Hashable) -> tuple[Frame, ViewerCursor]:
        """What is new for a screen that knows this: its pair's frame, or only the banner while there is none; and what
        it knows then."""
        seen = known if isinstance(known, ViewerCursor) else ViewerCursor()
        watch_id = self._desk.first_watch() if follows is None else follows
        found = None if watch_id is None else view_delta(self._monitor, watch_id, seen, KEEP_BARS)
        message: Frame = {"type": "pulse", "notes": no_pair_notes(self._desk.bridge_url)}
        market = None
        if found is not None:
            seen = found.seen
            market = found.view.market
            message = frame(found.watch_id, found.view, found.columns, found.first, found.log, found.reset)
            message["trade_ms"] = self._watermark_ms(market)
            message["text"]["clock"] = f"{clock(message['trade_ms'])} · {market}" if message["trade_ms"] else market
        message["banner"] = self._banner(market)
        message["leaders"] = [
            leader_row(row.watch, row.z, row.gate, row.position, row.settings, row.problem)
            for row in watchlist_rows(self._monitor)
        ]
        return message, seen

    def _banner(self, market: str | None) -> Frame:
        """The server's word on the bridge, unless this process itself cannot go on."""
        problem = self._monitor.problem
        status = self._heartbeat.status(market)
        said = {"state": status.state.value, "cause": status.cause, "advice": status.advice}
        if problem is not None:
            said = {
                "state": STOPPED,
                "cause": f"Stored trades are not worked off: {problem}.",
                "advice": "It is tried again every 2 s from the last saved place; nothing stored is lost. The log file"
                " dashboard.log says more.",
            }
        found = [*catching_up(*self._monitor.progress()), *lost(self._monitor.lost), *self._heartbeat.findings(market)]
        return {**said, "findings": found}

    def _watermark_ms(self, market: str) -> int:
        with self._monitor.lock:
            pipeline = self._monitor.pipelines.get(market)
            return pipeline.builder.watermark_ms if pipeline else 0


def catching_up(read: int, stored: int) -> list[dict[str, str]]:
    """A finding while the monitor is far behind what is stored, as after a long stop."""
    if stored - read < BACKLOG_TICKS:
        return []
    what = f"The dashboard reads what was stored while it was away: {read / stored:.0%} of {stored:,} trades."
    return [{"code": "catching-up", "what": what, "advice": "Figures and signals are of an earlier time until then."}]


def lost(what: str) -> list[dict[str, str]]:
    """A finding when a file went away while the dashboard ran."""
    if not what:
        return []
    advice = "The watch list was kept. Signal log and scans are gone; restore a backup for the old ones."
    return [{"code": "analysis-lost", "what": what, "advice": advice}]


def new_pair_settings(config: Config) -> PairSettings:
    """The classic preset with the user's window and threshold."""
    return classic(config.default_window, config.zscore_threshold)


def create_app(
    monitor: Monitor,
    heartbeat: Heartbeat,
    config: Config,
    port: int,
    gone: Callable[[FolderMissing], None] = lambda _: None,
) -> tuple[Guard, FastAPI]:
    """The application around a monitor, guarded, and the routes inside it. ``port``: where it will be served;
    ``gone`` is called when the data folder has gone away.

    Its lifespan steps the monitor, asks for the server's health and pushes changes.
    """
    desk = Desk(monitor, heartbeat, config)
    hub = LiveHub(desk.screens.message)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        jobs = [asyncio.create_task(heartbeat.run(hub.changed)), asyncio.create_task(hub.run())]
        with MonitorThread(monitor, hub.changed, gone):
            yield
            for job in jobs:
                job.cancel()
            await asyncio.to_thread(desk.scans.close)
            await asyncio.gather(*jobs, return_exceptions=True)

    server = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    add_live_route(server, hub)
    add_export_routes(server, desk.signals, desk.scan)
    refuse_in_words(server)
    app = Dash(
        "pairbridge",
        backend=_backend_of(server),
        title="Pairbridge",
        update_title="",
        assets_folder=str(Path(__file__).parent / "screen/assets"),
    )
    note = None if config.password else str(desk.open_file)
    app.layout = lambda: page(config.refresh_rate, new_pair_settings(config), note)
    register(app, desk)
    register_scan(app, desk.scans, desk)
    names = {"127.0.0.1", "localhost", host_name(config.dashboard_host)}
    hosts = [*(f"{name}:{port}" for name in {*names, *config.allowed_hosts}), *config.allowed_hosts]
    secret = read_or_create_token(config.data_dir / "session-secret")
    key = read_or_create_token(config.data_dir / "dashboard-key")
    write_opener(config.data_dir / OPEN_FILE, f"http://{host_name(config.dashboard_host)}:{port}/", key)
    pages = HeadRequests(PageRequests(server, ("/api/signals.csv", "/api/scan.csv")))
    login = Login(pages, config.password, secret, key, time.time)
    return Guard(login, hosts, content_security_policy(app.csp_hashes())), server


def host_name(address: str) -> str:
    """An IP address as it stands in a URL."""
    return f"[{address}]" if ":" in address else address


def _backend_of(server: FastAPI) -> type[FastAPIDashServer]:
    """Dash's FastAPI backend on our server, without its own WebSocket: that one leaks a stream for every reload
    and gives up after ten retries (``api.live`` does neither)."""

    class Backend(FastAPIDashServer):
        websocket_capability = False

        @staticmethod
        def create_app(name: str = "", config: dict[str, Any] | None = None) -> FastAPI:
            return server

    return Backend


def main() -> None:
    """The command line: no arguments, settings come from config.py and the environment."""
    config = load_or_exit()
    try:
        with held(config.data_dir, "dashboard"):
            log_to(config.data_dir, "dashboard", config.log_level)
            refuse_newer(config.ticks_db)
            analysis = AnalysisStore.start(config.analysis_db)
            monitor = Monitor(config.ticks_db, analysis, (*DEFAULT_PAIR, new_pair_settings(config)))
            url = f"http://127.0.0.1:{config.bridge_port}/health"
            heartbeat = Heartbeat(url, int(config.heartbeat_limit_s * 1_000))
            serve(monitor, heartbeat, config)
    except StoreError as error:
        stop(str(error))


def refuse_newer(ticks_db: Path) -> None:
    """Raises NewerSchema for a file that a newer Pairbridge wrote. Whatever else is wrong with it the server mends."""
    try:
        TickReader(ticks_db).close()
    except NewerSchema:
        raise
    except StoreError as error:
        log.info("%s", error)


class Server(uvicorn.Server):
    """Ends with code 0 on SIGTERM and Ctrl-C, at once from its making on: uvicorn listens to signals only while it
    serves, and raises them once more when it has shut down."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, self.handle_exit)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """See uvicorn.Server."""
        yield


def serve(monitor: Monitor, heartbeat: Heartbeat, config: Config) -> None:
    """Run until SIGTERM or Ctrl-C, or until the data folder goes away. Raises FolderMissing then."""
    host = config.dashboard_host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, config.dashboard_port), family=family)
    except OSError as error:
        stop(f"port {config.dashboard_port} of {host} cannot be used: {error}; set PAIRBRIDGE_DASHBOARD_PORT")
    port = listening.getsockname()[1]
    missing: list[FolderMissing] = []

    def end(error: FolderMissing) -> None:
        missing.append(error)
        server.should_exit = True

    guarded, _ = create_app(monitor, heartbeat, config, port, end)
    apply_interpreter_settings()
    options: dict[str, Any] = {
        "http": bounded_http(), "ws": "websockets-sansio", "log_config": None,
        "timeout_graceful_shutdown": 1, "backlog": 4_096,
    }  # fmt: skip
    server = Server(uvicorn.Config(guarded, **options))
    print(f"Dashboard      http://{host_name(host)}:{port}/", flush=True)
    server.run(sockets=[listening])
    if missing:
        raise missing[0]


if __name__ == "__main__":
    main()
