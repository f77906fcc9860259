"""All use cases of one dashboard, for screens and routes."""

from __future__ import annotations

from dataclasses import dataclass

from services.alerts import AlertService
from services.api_cases import ApiCases
from services.audits import AuditService
from services.backtest_sources import BacktestSources
from services.backtests import BacktestService
from services.backups import BackupService
from services.data import DataService
from services.feeds import FeedService
from services.jobs import Jobs
from services.journal import JournalService
from services.metrics import Metrics
from services.overview import OverviewService
from services.pair_details import PairDetailService
from services.pair_reports import PairReportService
from services.pairs import PairService
from services.paper_trades import PaperTradeService
from services.parity import ParityService
from services.position_locks import PositionLockService
from services.run_history import RunHistoryService
from services.scans import ScanService
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
    audits: AuditService
    journal: JournalService
    trades: PaperTradeService
    data: DataService
    feeds: FeedService
    backups: BackupService
    seen: SeenPairs
    alerts: AlertService
    metrics: Metrics
    api: ApiCases
