"""Exports: trades, bars, analyses, signals, scans and summaries as CSV, Parquet, NDJSON or Arrow."""

from services.export.analytics import AnalysisSource, MonitorAnalysis, StoredAnalysis
from services.export.request import BarRequest, ExportFile, NothingToExport, PairRequest, Selection
from services.export.service import ExportService

__all__ = [
    "AnalysisSource", "BarRequest", "ExportFile", "ExportService", "MonitorAnalysis", "NothingToExport", "PairRequest",
    "Selection", "StoredAnalysis",
]  # fmt: skip
