"""The figures of ``/metrics``: what the bridge server says of itself, and what this process measures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from live.heartbeat import Heartbeat

_COUNTS = {
    "received": "Trades that arrived, refused ones too.", "stored": "Trades that were stored.",
    "duplicates": "Trades that were there already.", "conflicts": "Trades that were there otherwise.",
    "rejected": "Trades that were refused.",
}  # fmt: skip
_VIEW_S = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.15, 0.5, 2.0)
_JOB_S = (0.1, 0.5, 1, 5, 15, 60, 300, 1_800, 7_200)
_REQUEST_S = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0, 10.0, 60.0)


class ServerCollector(Collector):
    """The newest health of the bridge server, read when somebody asks."""

    def __init__(self, heartbeat: Heartbeat) -> None:
        self._heartbeat = heartbeat

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        health = self._heartbeat.health()
        yield GaugeMetricFamily("pairbridge_server_up", "Whether the bridge server answers.", float(health is not None))
        if health is None:
            return
        markets: dict[str, dict[str, Any]] = health["markets"]
        for name, words in _COUNTS.items():
            family = CounterMetricFamily(f"pairbridge_trades_{name}", words, labels=["market"])
            for market, of in markets.items():
                family.add_metric([market], of[name])
            yield family
        refused = CounterMetricFamily("pairbridge_connections_refused", "Ended connections.", labels=["reason"])
        for reason, count in health["refused"].items():
            refused.add_metric([reason], count)
        yield refused
        yield from _by_market(markets)
        yield from _of_server(health)


def _by_market(markets: dict[str, dict[str, Any]]) -> Iterator[Metric]:
    live = GaugeMetricFamily("pairbridge_live", "Whether the market's trades arrive.", labels=["market", "state"])
    gaps = GaugeMetricFamily("pairbridge_gaps_open", "Gaps of missing trades.", labels=["market"])
    age = GaugeMetricFamily("pairbridge_trade_age_seconds", "Since the last new trade.", labels=["market"])
    delay = GaugeMetricFamily(
        "pairbridge_trade_delay_seconds",
        "From the exchange's time of a trade to its commit.",
        labels=["market", "quantile"],
    )
    for market, of in markets.items():
        live.add_metric([market, of["state"]], float(of["state"] == "LIVE"))
        gaps.add_metric([market], of["open_holes"])
        if of["trade_age_ms"] is not None:
            age.add_metric([market], of["trade_age_ms"] / 1_000)
        latency: dict[str, int] = of.get("latency") or {}
        for quantile, name in (("0.5", "p50_ms"), ("0.95", "p95_ms")) if latency else ():
            delay.add_metric([market, quantile], latency[name] / 1_000)
    yield from (live, gaps, age, delay)


def _of_server(health: dict[str, Any]) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "pairbridge_commit_seconds", "How long the newest commit took.", health["commit_ms"] / 1_000
    )
    yield GaugeMetricFamily("pairbridge_waiting_batches", "Batches not stored yet.", health["waiting_batches"])
    yield GaugeMetricFamily("pairbridge_uptime_seconds", "Of the bridge server.", health["uptime_ms"] / 1_000)
    if health.get("ack_ms"):  # servers of before say none
        ack = GaugeMetricFamily(
            "pairbridge_ack_seconds", "From a batch's arrival to its acknowledgement, last minute.", labels=["quantile"]
        )
        for quantile, value in health["ack_ms"].items():
            ack.add_metric([quantile], value / 1_000)
        yield ack
    if health.get("memory_bytes"):
        yield GaugeMetricFamily(
            "pairbridge_server_memory_bytes", "Resident, of the bridge server.", health["memory_bytes"]
        )


class Metrics:
    """The registry of one dashboard. Any thread may call."""

    def __init__(self, heartbeat: Heartbeat) -> None:
        registry = self.registry = CollectorRegistry()
        registry.register(ServerCollector(heartbeat))
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._views = Histogram(
            "pairbridge_view_seconds",
            "To make the message of one group of screens.",
            buckets=_VIEW_S,
            registry=registry,
        )
        self._jobs = Histogram(
            "pairbridge_job_seconds", "Jobs that ended.", ["job", "phase"], buckets=_JOB_S, registry=registry
        )
        self._requests = Histogram(
            "pairbridge_request_seconds", "Requests of the API.", ["route"], buckets=_REQUEST_S, registry=registry
        )
        self._answers = Counter("pairbridge_answers", "Answers of the API.", ["status"], registry=registry)

    def view(self, took_s: float) -> None:
        """A message of screens was made."""
        self._views.observe(took_s)

    def job(self, function: str, phase: str, took_s: float) -> None:
        """A job has ended."""
        self._jobs.labels(function.partition(":")[2], phase).observe(took_s)

    def request(self, route: str, status: int, took_s: float) -> None:
        """A request was answered; ``route``: its path as it is written in the table."""
        self._requests.labels(route).observe(took_s)
        self._answers.labels(str(status)).inc()

    def text(self) -> bytes:
        """All of it, in the text format of Prometheus."""
        return generate_latest(self.registry)


def names_of(registry: CollectorRegistry) -> Iterable[str]:
    """The names of all families, for the docs' test."""
    return sorted({family.name for family in registry.collect()})
