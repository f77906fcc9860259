"""Component ids of the page."""

from __future__ import annotations

from typing import Any

PAIR = "signals-pair"
SHOWN = "signals-shown"
REASON = "signals-reason"
FROM = "signals-from"
TO = "signals-to"
FILTER = (PAIR, SHOWN, REASON, FROM, TO)
RESET = "signals-reset"
MESSAGE = "signals-message"

POLL = "signals-poll"
VIEW = "signals-view"  # the filter, and the places at which the pages before this one ended
SEEN = "signals-seen"  # what is on the screen: the newest decision and the view
OLDER_PLACE = "signals-older-place"

ROWS = "signals-rows"
RANGE = "signals-range"
NEWEST = "signals-newest"
NEWER = "signals-newer"
OLDER = "signals-older"
COUNTS = "signals-counts"
EXPORTS = {"csv": "signals-csv", "parquet": "signals-parquet", "ndjson": "signals-ndjson"}

COUNTED = "signals-counted"
TRADES = "signals-trades"
TOTALS = "signals-totals"
TRADES_SEEN = "signals-trades-seen"

PARITY = "signals-parity"
PARITY_SEEN = "signals-parity-seen"
PARITY_MESSAGE = "signals-parity-message"


def check(watch: Any) -> dict[str, Any]:
    """The button that checks a pair's run; ``watch``: its number, or a wildcard."""
    return {"type": "signals-check", "watch": watch}
