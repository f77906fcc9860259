"""All use cases of one dashboard, for screens and routes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.pairs.settings import PairSettings
from engine.store import open_backend
from live.heartbeat import Heartbeat
from live.monitor import Monitor
from live.paper import PaperBooks
from services.alerts import AlertService
from services.api_cases import ApiCases
from services.audits import AuditService
from services.backtest_sources import BacktestSources
from services.backtests import BacktestService
from services.backups import BackupService
from services.data import DataService, Setting
from services.delivery.delivery import Delivery
from services.delivery.service import ChannelService
from services.delivery.setup import delivery_of
from services.delivery.shown import ShownChannels
from services.feeds import FeedService
from services.job_process import ProcessExecutor
from services.jobs import Jobs
from services.journal import JournalService
from services.metrics import Metrics
from services.overview import OverviewService
from services.pair_details import PairDetailService
from services.pair_reports import PairReportService
from services.pairs import PairService
from services.paper_trades import PaperTradeService
from services.parity import ParityService
from services.portfolio import PortfolioService
from services.position_locks import PositionLockService
from services.requests import RequestService
from services.run_history import RunHistoryService
from services.scans import BridgeAddress, ScanService
from services.settings_trial import SettingsTrialService
from services.trial_counts import SeenPairs
from services.uploads import UploadService
from services.views import ViewService


@dataclass(frozen=True, slots=True)
class UseCases:
    """One service of each kind, around one monitor."""

    jobs: Jobs
    pairs: PairService
    overview: OverviewService
    scans: ScanService
    uploads: UploadService
    views: ViewService
    details: PairDetailService
    reports: PairReportService
    parity: ParityService
    locks: PositionLockService
    run_history: RunHistoryService
    settings_trials: SettingsTrialService
    backtests: BacktestService
    backtest_sources: BacktestSources
    portfolios: PortfolioService
    audits: AuditService
    journal: JournalService
    trades: PaperTradeService
    data: DataService
    feeds: FeedService
    backups: BackupService
    seen: SeenPairs
    alerts: AlertService
    channels: ChannelService
    delivery: Delivery
    metrics: Metrics
    api: ApiCases


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the use cases are made with. ``bridge_token``: of the bridge server, raises OSError while there is none;
    ``new_pair``: the settings a new pair starts with; ``settings`` in force; ``require_owner`` raises NotAllowed for
    callers with read access only, ``require_feeder`` for those that may not send data; ``caller``: who asks now;
    ``receivers`` of alerts that are allowed inside the own network."""

    data_dir: Path
    bridge: BridgeAddress
    bridge_token: Callable[[], str]
    new_pair: PairSettings
    settings: Sequence[Setting]
    require_owner: Callable[[], None]
    require_feeder: Callable[[], None]
    caller: Callable[[], str]
    receivers: Sequence[str]


def use_cases_of(monitor: Monitor, heartbeat: Heartbeat, around: Surroundings) -> UseCases:
    """The use cases around a monitor, on one data folder."""
    data_dir, bridge, owner_only = around.data_dir, around.bridge, around.require_owner
    metrics, backend = Metrics(heartbeat), open_backend(data_dir)
    jobs = Jobs(ProcessExecutor(), metrics.job)
    books = PaperBooks(backend.bar_reader, monitor.analysis.paper_results)
    monitor.keep_paper(books)
    locks, seen = PositionLockService(monitor, owner_only), SeenPairs(backend.trials(), _now_ms)
    changed = RequestService(backend.requests()).logger(around.caller)
    pairs = PairService(monitor, around.new_pair, owner_only, changed)
    channels, delivery = delivery_of(backend, data_dir, around.receivers, owner_only, changed)
    alerts = AlertService(monitor, backend.outbox(), owner_only, ShownChannels(channels), changed=changed)
    parity = ParityService(monitor, books, jobs, data_dir, owner_only, found=alerts.parity)
    return UseCases(
        jobs=jobs,
        pairs=pairs,
        overview=OverviewService(monitor, heartbeat, books, backend.bar_reader),
        scans=ScanService(jobs, backend.scans(), backend.trials(), data_dir, owner_only, bridge, changed),
        uploads=UploadService(jobs, data_dir, bridge.url, around.bridge_token, around.require_feeder),
        views=ViewService(monitor, heartbeat, books, parity, locks, seen),
        details=PairDetailService(monitor, backend),
        reports=PairReportService(jobs, monitor, data_dir, owner_only),
        parity=parity,
        locks=locks,
        run_history=RunHistoryService(backend.analysis_reader()),
        settings_trials=SettingsTrialService(jobs, data_dir, owner_only),
        backtests=BacktestService(jobs, backend.backtests(), backend.trials(), data_dir, owner_only, changed),
        backtest_sources=BacktestSources(pairs, backend),
        portfolios=PortfolioService(backend.backtests(), data_dir),
        audits=AuditService(jobs, backend.backtests(), data_dir, owner_only),
        journal=JournalService(backend.analysis_reader()),
        trades=PaperTradeService(monitor, books, backend),
        data=DataService(backend, data_dir, around.settings),
        feeds=FeedService(heartbeat),
        backups=BackupService(jobs, data_dir, owner_only),
        seen=seen,
        alerts=alerts,
        channels=channels,
        delivery=delivery,
        metrics=metrics,
        api=ApiCases.around(monitor, backend, data_dir, jobs, bridge, owner_only, changed),
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
