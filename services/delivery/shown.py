"""The channels as the page of alerts shows them."""

from __future__ import annotations

from collections.abc import Sequence

from services.alert_channels import Channel
from services.delivery.service import ChannelService


class ShownChannels:
    """Implements ``services.alert_channels.Channels``."""

    def __init__(self, service: ChannelService) -> None:
        self._service = service

    def channels(self) -> Sequence[Channel]:
        """See Channels."""
        return [
            Channel(each.channel_id, each.name, f"{each.kind}: {each.address}") for each in self._service.channels()
        ]

    def advice(self) -> str:
        """See Channels."""
        return (
            "Add one below, and tick it in the rules whose alerts it is to get. Without one, alerts are kept in the"
            " history and told on every open page."
        )
