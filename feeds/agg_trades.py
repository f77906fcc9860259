"""The exchange's REST answer with aggregate trades."""

from __future__ import annotations

import msgspec


class Trade(msgspec.Struct, frozen=True):
    """One aggregate trade; other fields are ignored."""

    a: int
    p: str
    q: str
    T: int
    m: bool
