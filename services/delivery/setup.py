"""The delivery of one dashboard, put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from engine.store.interface import Backend
from runtime.secrets import write_private
from services.delivery.channels import ChannelFile
from services.delivery.delivery import Delivery
from services.delivery.network import Network
from services.delivery.senders import Senders
from services.delivery.service import ChannelService
from services.requests import Changed

CHANNELS_FILE = "channels.json"  # of the data folder


def delivery_of(
    backend: Backend,
    data_dir: Path,
    allowed: Iterable[str],
    require_owner: Callable[[], None],
    changed: Changed,
) -> tuple[ChannelService, Delivery]:
    """``allowed``: receivers inside the own network, by name; ``changed`` logs changes. Raises StoreError if the
    channels cannot be read."""
    channels = ChannelFile(data_dir / CHANNELS_FILE, write_private)
    senders, outbox = Senders(Network(frozenset(allowed))), backend.outbox()
    return ChannelService(channels, senders, outbox, require_owner, changed), Delivery(outbox, channels, senders)
