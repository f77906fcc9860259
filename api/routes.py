"""Every route of the API on one application."""

from __future__ import annotations

from fastapi import FastAPI

from api.alert_routes import add_alert_routes
from api.analysis_routes import add_analysis_routes, add_pair_routes
from api.backtests import add_backtest_routes
from api.bars import add_bars_route
from api.channel_routes import add_channel_routes
from api.documents import add_documents
from api.export import add_export_routes
from api.ingestion import add_ingestion_route
from api.job_routes import add_backtest_job_routes, add_history_routes, add_scan_routes
from api.market_routes import add_market_routes, add_tick_routes
from api.metrics import add_metrics_route
from api.problems import answer_in_problems
from api.proofs import add_proof_route
from api.replies import Writes
from api.token_routes import add_token_routes
from api.uploads import add_upload_ohlc_route, add_upload_routes
from services.backtest_files import BacktestFiles
from services.export import ExportService
from services.proof_pack.service import ProofService
from services.use_cases import UseCases


def add_routes(
    app: FastAPI, cases: UseCases, exports: ExportService, proofs: ProofService, files: BacktestFiles
) -> None:  # fmt: skip
    """All of ``api.roles.LEAST`` but the live push; errors as problems; ``/docs``."""
    writes = Writes(cases.api.requests)
    add_market_routes(app, cases.api.market, cases.data, cases.feeds)
    add_tick_routes(app, cases.api.posts)
    add_analysis_routes(app, cases.api.statistics, cases.journal, cases.trades, cases.alerts.board)
    add_ingestion_route(app, cases.api.ingestion, cases.feeds)
    add_pair_routes(app, cases.pairs, cases.views, writes)
    add_scan_routes(app, cases.scans, writes)
    add_backtest_routes(app, files, cases.portfolios)  # its fixed paths before the one with a number
    add_backtest_job_routes(app, cases.backtests, files, writes)
    add_history_routes(app, cases.api.history, writes)
    add_upload_routes(app, cases.uploads)
    add_upload_ohlc_route(app, cases.uploads)
    add_export_routes(app, exports, cases.pairs)
    add_proof_route(app, proofs)
    add_bars_route(app, cases.views)
    add_alert_routes(app, cases.alerts, writes)
    add_channel_routes(app, cases.channels)
    add_token_routes(app, cases.api.tokens, cases.api.requests, writes)
    add_metrics_route(app, cases.metrics)
    answer_in_problems(app)
    add_documents(app)
