"""How far a time zone is ahead of UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

QUARTER_MS = 900_000  # zones change at whole quarters of an hour


def offset_ms(zone: str, at_ms: int) -> int:
    """The zone's distance from UTC in ms at a time. Raises ZoneInfoNotFoundError, ValueError for an unknown name.

    >>> offset_ms("Europe/Berlin", 1_790_035_200_000) // 3_600_000
    2
    """
    return _offset_ms(zone, at_ms // QUARTER_MS)


@lru_cache(maxsize=4_096)
def _offset_ms(zone: str, quarter: int) -> int:
    local = datetime.fromtimestamp(quarter * QUARTER_MS / 1_000, UTC).astimezone(ZoneInfo(zone))
    found = local.utcoffset()
    assert found is not None
    return int(found.total_seconds() * 1_000)
