"""Results of paper positions in the store: a part of ``engine.store.interface``."""

from __future__ import annotations

from typing import Protocol

from engine.market.paper_result import PaperResult


class PaperResultStore(Protocol):
    """The results of ended runs. Every method raises StoreError on failure."""

    def paper_results(self, market: str, y: str, x: str) -> list[PaperResult]:
        """Those of a pair's ended runs, rising by their end."""

    def keep_paper_result(self, result: PaperResult) -> None:
        """Keep the result of a run, instead of an earlier one of it. While the run is open it is not listed: it stands
        if the run ends without another."""
