"""Whose bars the rules on a symbol see."""

from __future__ import annotations

from collections.abc import Mapping

from engine.market.records import Run
from engine.pairs.pipeline import Pipeline
from engine.pairs.run import PairRun


class Sources:
    """Of every symbol the run whose bars it has: of the narrowest, the oldest. Found again only where runs change."""

    def __init__(self, pipelines: Mapping[str, Pipeline]) -> None:
        """``pipelines`` by market."""
        self._pipelines = pipelines
        self._known: dict[str, tuple[Pipeline, int, dict[str, str]]] = {}

    def is_source(self, run: PairRun, symbol: str) -> bool:
        """Whether the bars of a symbol are those of this run."""
        market = run.run.market
        pipeline = self._pipelines[market]
        known, version, found = self._known.get(market, (None, -1, {}))
        if known is not pipeline or version != pipeline.runs_version:
            found = {}
            for each in sorted((each.run for each in pipeline.runs.values()), key=_rank, reverse=True):
                found[each.y] = found[each.x] = each.run_id
            self._known[market] = pipeline, pipeline.runs_version, found
        return found.get(symbol) == run.run.run_id


def _rank(run: Run) -> tuple[int, int, str]:
    return run.interval_ms, run.began_seq, run.run_id
