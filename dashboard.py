"""The dashboard: Dash on FastAPI, with the monitor running in the same process.

    python dashboard.py

The composition root: the monitor (``live``) makes decisions; screens and routes call the ``services``.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from api.access import Access
from api.bounded_http import Server, bounded_http
from api.compression import CompressedFiles
from api.dash_backend import backend_of
from api.guard import Guard, content_security_policy
from api.live import LiveHub, add_live_route
from api.login import Login
from api.metrics import Timed
from api.permissions import caller, require_feeder, require_owner
from api.rate_limits import RateLimits
from api.requests import HeadRequests, PageRequests
from api.roles import ApiPaths
from api.routes import add_routes
from api.stream import StreamHub, add_stream_route
from config import Config, load_or_exit, settings_in_force, stop
from engine.errors import FolderMissing, NewerSchema, StoreError
from engine.pairs.settings import PairSettings, classic, defended
from engine.store import open_backend
from engine.store.interface import Backend
from engine.store.lock import held
from live.heartbeat import Heartbeat
from live.monitor import Monitor
from live.thread import MonitorThread
from live.wants import HistoryWants
from runtime.interpreter_settings import apply_interpreter_settings, map_large_arrays
from runtime.logs import log_to
from runtime.secrets import read_or_create_token, write_opener
from screen.late_libraries import PagesDash
from screen.live_messages import JobState, LiveMessages
from screen.page_table import Page, page_of, pages_with
from screen.shell import EARLY_SCRIPT, WORKER_SCRIPT, index_page, register_screen, shell
from services.backtest_files import BacktestFiles
from services.data import Setting
from services.export import ExportService, MonitorAnalysis
from services.proof_pack.service import ProofService
from services.scans import BridgeAddress
from services.stream import StreamService
from services.use_cases import Surroundings, UseCases, use_cases_of

log = logging.getLogger("pairbridge.dashboard")

OPEN_FILE = "open-dashboard.html"  # of the data folder: opens the dashboard with the key
DEFAULT_PAIR = ("ETHUSDT", "BTCUSDT")


def new_pair_settings(config: Config) -> PairSettings:
    """The user's preset with the user's threshold; a window is set in the classic preset only."""
    if config.default_preset == "classic":
        return classic(config.default_window, config.zscore_threshold)
    return defended(entry_z=config.zscore_threshold, exit_z=min(0.5, config.zscore_threshold / 2))


def create_app(
    monitor: Monitor,
    heartbeat: Heartbeat,
    config: Config,
    port: int,
    gone: Callable[[FolderMissing], None] = lambda _: None,
) -> tuple[Guard, FastAPI]:
    """The guarded application around a monitor, and its routes. ``port``: its port; ``gone`` is called when the data
    folder was deleted.

    Its lifespan runs the monitor, polls the server's health and pushes changes.
    """
    open_file = (config.data_dir / OPEN_FILE).resolve()
    owner_only, feeder_only = (partial(check, str(open_file)) for check in (require_owner, require_feeder))
    cases = use_cases_of(monitor, heartbeat, surroundings_of(config, owner_only, feeder_only))
    pages = pages_with(config.pages)
    jobs: dict[str, JobState] = {"scan": cases.scans.state, "backtest": cases.backtests.state}
    page = f"http://127.0.0.1:{config.bridge_port}/"
    messages = LiveMessages(cases.pairs, cases.views, cases.overview, page, jobs, cases.alerts)
    hub = LiveHub(messages.message, cases.metrics.view)
    backend = open_backend(config.data_dir)
    streams = StreamHub(StreamService(backend, cases.views))
    hub.listeners.append(streams.changed)
    wants = HistoryWants(monitor, _bridge_url(config), partial(_token, config), config.history_bars)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        loops = heartbeat.run(hub.changed), hub.run(), wants.run(), cases.parity.run(), cases.delivery.run()
        tasks = [asyncio.create_task(job) for job in (*loops, streams.run(), cases.api.posts.run())]
        with MonitorThread(monitor, hub.changed, gone):
            yield
            for task in tasks:
                task.cancel()
            await asyncio.to_thread(cases.jobs.close)
            await asyncio.to_thread(cases.seen.close)
            await asyncio.to_thread(cases.api.tokens.keep_uses)
            await cases.api.posts.close()
            await asyncio.gather(*tasks, return_exceptions=True)

    server = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    add_live_route(server, hub)
    add_stream_route(server, streams)
    exports = ExportService(backend, partial(MonitorAnalysis, monitor), cases.trades.booked)
    files = BacktestFiles(backend.backtests(), config.data_dir)
    add_routes(server, cases, exports, ProofService(cases.jobs, config.data_dir), files)
    app = _screen(server, cases, pages, config, None if config.password else str(open_file))
    return _guarded(server, cases, app.csp_hashes(), pages, config, port), server


def _screen(
    server: FastAPI, cases: UseCases, pages: Sequence[Page], config: Config, open_file: str | None
) -> PagesDash:  # fmt: skip
    """Dash on the server, with the shell and every page."""
    app = PagesDash(
        "pairbridge", backend=backend_of(server), title="Pairbridge", update_title="",
        assets_folder=str(Path(__file__).parent / "screen/assets"), assets_ignore=f"{EARLY_SCRIPT}|{WORKER_SCRIPT}",
        suppress_callback_exceptions=True,  # components of a page exist while it is mounted
    )  # fmt: skip
    app.light_pages = tuple(page.path for page in pages if not page.has_grid)
    app.index_string = index_page(app.get_asset_url(EARLY_SCRIPT))
    app.layout = lambda: shell(config.refresh_rate, open_file, pages)
    register_screen(app, cases, pages)
    set_up: Any = app._setup_server  # untyped
    set_up()  # Dash calls it for "/" alone: a page opened first had no styles or scripts
    return app


def surroundings_of(
    config: Config, owner_only: Callable[[], None], feeder_only: Callable[[], None] | None = None
) -> Surroundings:  # fmt: skip
    """What the use cases are made with; ``owner_only`` raises NotAllowed for callers with read access only,
    ``feeder_only`` for those that may not send data (None: as ``owner_only``)."""
    settings = [Setting(**asdict(each)) for each in settings_in_force(config)]
    bridge = BridgeAddress(_bridge_url(config), partial(_token, config))
    token, feeder_only = partial(_bridge_token, config), feeder_only or owner_only
    pair = new_pair_settings(config)
    return Surroundings(
        config.data_dir, bridge, token, pair, settings, owner_only, feeder_only, lambda: caller.get().name,
        config.allowed_receivers,
    )  # fmt: skip


def _guarded(
    server: FastAPI, cases: UseCases, script_hashes: Sequence[str], pages: Sequence[Page], config: Config, port: int
) -> Guard:  # fmt: skip
    """The middleware between a request and the routes; also writes the file with the key."""
    names = {"127.0.0.1", "localhost", host_name(config.dashboard_host)}
    hosts = [*(f"{name}:{port}" for name in {*names, *config.allowed_hosts}), *config.allowed_hosts]
    secret = read_or_create_token(config.data_dir / "session-secret")
    key = read_or_create_token(config.data_dir / "dashboard-key")
    write_opener(config.data_dir / OPEN_FILE, f"http://{host_name(config.dashboard_host)}:{port}/", key)

    def is_page(path: str) -> bool:
        return page_of(path, pages) is not None

    answering = HeadRequests(CompressedFiles(PageRequests(server, ApiPaths(), is_page)))
    open_file = str((config.data_dir / OPEN_FILE).resolve())
    access = Access(answering, RateLimits(config.api_requests_per_s), open_file)
    login = Login(access, config.password, secret, key, time.time, cases.api.tokens)
    return Guard(Timed(login, cases.metrics), hosts, content_security_policy(script_hashes), is_page)


def _bridge_token(config: Config) -> str:
    """The token of the bridge server. Raises OSError while none was made."""
    return config.token or (config.data_dir / "token").read_text(encoding="ascii").strip()


def _bridge_url(config: Config) -> str:
    return f"ws://127.0.0.1:{config.bridge_port}/"


def _token(config: Config) -> str | None:
    """What the bridge server lets in; None before its first start."""
    return _bridge_token(config) if config.token or (config.data_dir / "token").exists() else None


def host_name(address: str) -> str:
    """An IP address in URL form."""
    return f"[{address}]" if ":" in address else address


def main() -> None:
    """The command line: no arguments, settings come from config.py and the environment."""
    config = load_or_exit()
    try:
        with held(config.data_dir, "dashboard"):
            log_to(config.data_dir, "dashboard", config.log_level)
            backend = open_backend(config.data_dir)
            refuse_newer(backend)
            monitor = Monitor(backend.tick_reader, backend.analysis(), (*DEFAULT_PAIR, new_pair_settings(config)))
            heartbeat = Heartbeat(f"http://127.0.0.1:{config.bridge_port}/health", int(config.heartbeat_limit_s * 1e3))
            serve(monitor, heartbeat, config)
    except (StoreError, ValueError) as error:
        stop(str(error))


def refuse_newer(backend: Backend) -> None:
    """Raises NewerSchema for a file written by a newer Pairbridge. The server handles all other defects."""
    try:
        backend.tick_reader().close()
    except NewerSchema:
        raise
    except StoreError as error:
        log.info("%s", error)


def serve(monitor: Monitor, heartbeat: Heartbeat, config: Config) -> None:
    """Run until SIGTERM or Ctrl-C. Raises FolderMissing when the data folder is deleted."""
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
    map_large_arrays()
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
