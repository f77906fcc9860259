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


def read_page(content: bytes) -> list[Trade]:
    """The trades of an answer, in id order. Raises msgspec.DecodeError if it is anything else."""
    return sorted(msgspec.json.decode(content, type=list[Trade]), key=lambda trade: trade.a)
