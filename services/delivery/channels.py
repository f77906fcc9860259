"""Channels: where alerts are sent. They are in a file of their own, for its owner's eyes: addresses and secrets are
in no database, no export and no log, and are shown masked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from engine.errors import PairbridgeError, StoreError

WritePrivate = Callable[[Path, str], None]


class ChannelMissing(PairbridgeError):
    """No channel with this id."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel. ``address``: a URL, or the receivers of mail; ``secret``: signs webhooks, or is the password of
    mail; ``options`` by kind, see docs/delivery.md."""

    channel_id: str
    name: str
    kind: str
    address: str = field(repr=False)
    secret: str = field(default="", repr=False)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)


class ChannelFile:
    """The file; one process writes it, any thread may call."""

    def __init__(self, path: Path, write_private: WritePrivate) -> None:
        """``write_private`` replaces a file with text that only its owner can read. Raises StoreError."""
        self._path = path
        self._write_private = write_private
        self._lock = threading.Lock()
        self._channels = self._read()

    def all(self) -> list[Channel]:
        """Every channel, the oldest first."""
        with self._lock:
            return list(self._channels.values())

    def get(self, channel_id: str) -> Channel:
        """One channel. Raises ChannelMissing."""
        with self._lock:
            found = self._channels.get(channel_id)
        if found is None:
            raise ChannelMissing(f"there is no channel {channel_id!r}; expected the id of one")
        return found

    def keep(self, channel: Channel) -> None:
        """Add a channel, or replace the one with its id. Raises StoreError."""
        with self._lock:
            self._write({**self._channels, channel.channel_id: channel})

    def remove(self, channel_id: str) -> None:
        """Raises ChannelMissing, StoreError."""
        self.get(channel_id)
        with self._lock:
            self._write({key: each for key, each in self._channels.items() if key != channel_id})

    def _read(self) -> dict[str, Channel]:
        if not self._path.exists():
            return {}
        try:
            self._path.chmod(0o600)
            rows = json.loads(self._path.read_text(encoding="utf-8"))["channels"]
            return {row["channel_id"]: Channel(**row) for row in rows}
        except (OSError, ValueError, KeyError, TypeError) as error:  # their texts may hold an address
            found = f"{self._path} cannot be read ({type(error).__name__})"
            raise StoreError(f"{found}; expected the channels: repair it, or move it away") from None

    def _write(self, channels: dict[str, Channel]) -> None:
        text = json.dumps({"channels": [asdict(each) for each in channels.values()]}, indent=1)
        try:
            self._write_private(self._path, text + "\n")
        except OSError as error:
            raise StoreError(f"{self._path} cannot be written: {error.strerror}") from error
        self._channels = channels
