"""The messages for each screen: its pair's frame, the banner, the watch list, from the services."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable

from screen.components.formatting import clock
from screen.pages.pair.frames import Frame, frame, watchlist_row
from screen.pages.pair.labels import no_pair_notes
from services.pairs import PairService
from services.views import ViewerCursor, ViewService

KEEP_BARS = 1_000  # on a screen; assets/core.js keeps as many


class LiveMessages:
    """Composes the messages for screens."""

    def __init__(self, pairs: PairService, views: ViewService, bridge_url: str) -> None:
        """``bridge_url``: the URL of the bridge page."""
        self._pairs = pairs
        self._views = views
        self._bridge_url = bridge_url

    def message(self, follows: int | None, known: Hashable) -> tuple[Frame, ViewerCursor]:
        """The update for a screen in this state: its pair's frame, or only the banner if there is none; and the new
        state."""
        cursor = known if isinstance(known, ViewerCursor) else ViewerCursor()
        watch_id = self._pairs.first() if follows is None else follows
        found = None if watch_id is None else self._views.pair(watch_id, cursor, KEEP_BARS)
        message: Frame = {"type": "pulse", "notes": no_pair_notes(self._bridge_url)}
        market = None
        if found is not None:
            cursor, market = found.seen, found.view.market
            message = frame(found)
            message["trade_ms"] = self._views.watermark_ms(market)
            message["text"]["clock"] = f"{clock(message['trade_ms'])} · {market}" if message["trade_ms"] else market
        message["banner"] = dataclasses.asdict(self._views.status(market))
        message["leaders"] = [watchlist_row(row) for row in self._views.watch_list()]
        return message, cursor

    def whole(self, watch_id: int | None) -> Frame:
        """The complete message for a screen, for polling."""
        return self.message(watch_id, None)[0]
