"""The use cases that only programs have, around one monitor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.store.interface import Backend
from live.monitor import Monitor
from services.history import HistoryService
from services.ingestion import IngestionService
from services.jobs import Jobs
from services.market_data import MarketDataService
from services.pair_statistics import PairStatisticsService
from services.requests import Changed, RequestService
from services.scans import BridgeAddress
from services.tick_post import TickPostService
from services.tokens import TokenService


@dataclass(frozen=True, slots=True)
class ApiCases:
    """One service of each kind."""

    history: HistoryService
    market: MarketDataService
    statistics: PairStatisticsService
    posts: TickPostService
    ingestion: IngestionService
    requests: RequestService
    tokens: TokenService

    @classmethod
    def around(
        cls, monitor: Monitor, backend: Backend, data_dir: Path, jobs: Jobs, bridge: BridgeAddress,
        owner_only: Callable[[], None], changed: Changed,
    ) -> ApiCases:  # fmt: skip
        """Those of one data folder; ``owner_only`` and ``changed`` as the services take them."""
        return cls(
            HistoryService(jobs, bridge, owner_only, changed),
            MarketDataService(backend),
            PairStatisticsService(backend, monitor),
            TickPostService(bridge.url, bridge.token),
            IngestionService(bridge.url, bridge.token, owner_only, changed),
            RequestService(backend.requests()),
            TokenService(data_dir),
        )
