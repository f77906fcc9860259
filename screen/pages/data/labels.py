"""Texts of the data's page: sizes, ages, states and what they mean. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from engine.store.inventory import GAP_STATES, GapCount
from screen.components.fields import Choices
from screen.components.formatting import UNKNOWN, clock, duration
from services.backups import BackupState
from services.data import RowCounts, Stock
from services.feeds import FeedState, ServerState

LATE_MS = 10_000  # the least latency that is shown in longer units
ANY = "any"  # in a select, which shows no empty value
GAP_MEANINGS = {
    "open": "trades are missing; they are asked for, or the reason says why not",
    "filled": "the missing trades came",
    "absent": "the exchange has no trades with these numbers",
    "unfetchable": "nobody could bring the missing trades any more",
}
GAP_CHOICES: Choices = ((ANY, "any state"), *((state, state) for state in GAP_STATES))
KINDS: Choices = (
    ("ticks", "trades"),
    ("ohlc", "bars (OHLCV)"),
    ("summary", "summary of each symbol"),
    ("signals", "signal log"),
    ("analytics", "analysis of a watched pair"),
    ("scan", "newest scan"),
)
FORMS: Choices = (("csv", "CSV"), ("parquet", "Parquet"), ("ndjson", "NDJSON"), ("arrow", "Arrow"))
WITH_INTERVAL = ("ohlc", "summary")


def size(count: int) -> str:
    """Bytes in a suitable unit.

    >>> size(0), size(1_536), size(5 << 20), size(3_500_000_000)
    ('0 B', '1.5 kB', '5.2 MB', '3.5 GB')
    """
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1_000.0:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1_000.0
    return f"{value:.1f} GB"


def age(age_ms: int | None) -> str:
    """How long ago.

    >>> age(None), age(350), age(65_000)
    ('never', '0.3 s ago', '65 s ago')
    """
    if age_ms is None:
        return "never"
    return f"{age_ms / 1_000:.1f} s ago" if age_ms < 10_000 else f"{duration(age_ms / 1_000)} ago"


def latency(feed: FeedState) -> str:
    """p50 and p95 from the exchange to the store.

    >>> from types import SimpleNamespace
    >>> [latency(SimpleNamespace(latency_ms=each)) for each in ((12, 48), None, (2_141_687, 7_486_363))]
    ['12 / 48 ms', '–', '36 min / 2.1 h']
    """
    if feed.latency_ms is None:
        return UNKNOWN
    if feed.latency_ms[1] >= LATE_MS:  # earlier trades are being caught up with
        return " / ".join(duration(each / 1_000) for each in feed.latency_ms)
    return f"{feed.latency_ms[0]:,} / {feed.latency_ms[1]:,} ms"


def server_line(server: ServerState) -> str:
    """The bridge server in one line."""
    said = " ".join(part for part in (f"{server.state}: {server.cause}", server.advice) if part)
    if not server.answers:
        return said
    parts = [said, f"up {duration(server.uptime_ms / 1_000)}", f"last commit {server.commit_ms:.0f} ms"]
    parts += [f"batches to be stored: {server.waiting_batches:,}"] if server.waiting_batches else []
    refused = {reason: count for reason, count in (server.refused or {}).items() if count}
    parts += [f"refused: {', '.join(f'{count:,} {reason}' for reason, count in refused.items())}"] if refused else []
    return " · ".join([*parts, *([server.store_note] if server.store_note else [])])


def feed_tone(state: str) -> str:
    """Amber for every state that needs a look."""
    return "" if state in ("LIVE", "MARKET QUIET", "WAITING FOR BRIDGE") else "warn"


def history_line(server: ServerState) -> str:
    """How much of the wanted history is stored."""
    wanted, missing = (sum(getattr(feed, name) for feed in server.markets) for name in ("bars_wanted", "bars_missing"))
    return f"{wanted - missing:,} of {wanted:,} wanted bars are stored" if wanted else "nothing is wanted"


def stock_line(stock: Stock) -> str:
    """Where the store is, and how large its files are."""
    if not stock.has_store:
        return f"{stock.folder}: no trade is stored yet; the file is created when the bridge server first starts"
    return f"{stock.folder}: {', '.join(f'{each.name} {size(each.bytes)}' for each in stock.files)}"


def counted_line(counts: RowCounts) -> str:
    """When rows were counted."""
    if counts.problem:
        return f"the count ended early: {counts.problem}"
    if counts.is_counting:
        return f"counting … {len(counts.rows):,} symbols done"
    if counts.at_ms is None:
        return "rows not counted yet"
    return f"rows as of {clock(counts.at_ms)}, counted in {duration(counts.took_s)}"


def archive_line(stock: Stock, retention: str) -> str:
    """What retention has done."""
    files, ticks, octets = stock.archive
    if not files:
        return f"Trades stay in ticks.db for {retention} h by the market's clock; none is old enough for the archive."
    lost = sum(each.lost_files for each in stock.symbols)
    said = f"Trades older than {retention} h are in the archive: {ticks:,} trades in {files:,} files, {size(octets)}."
    return f"{said} {lost:,} of the files are not there; `check` lists them." if lost else said


def gap_line(counts: Sequence[GapCount]) -> str:
    """The number of gaps in each state."""
    if not counts:
        return "no gap so far: every trade number of every symbol is there"
    by_state = {state: [each for each in counts if each.status == state] for state in GAP_STATES}
    return ", ".join(
        f"{sum(each.gaps for each in found):,} {state} ({sum(each.ids for each in found):,} trades)"
        for state, found in by_state.items()
        if found
    )


def backup_line(state: BackupState) -> str:
    """What the newest backup job does."""
    said = {
        "none": "",
        "running": f"backing up: {state.stage or 'starting'}",
        "done": f"made and checked: {state.to}",
        "cancelled": "cancelled; nothing of it is kept",
        "failed": f"not made: {state.problem}",
    }
    return said[state.phase]
