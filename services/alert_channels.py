"""Where alerts are sent, as the screen needs to know it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Channel:
    """One receiver. ``channel_id`` is what a rule names; ``says``: kind and state, without its address."""

    channel_id: str
    name: str
    says: str = ""


class Channels(Protocol):
    """The receivers that are set up."""

    def channels(self) -> Sequence[Channel]:
        """Every one; empty while none is set up."""

    def advice(self) -> str:
        """How one is set up."""
