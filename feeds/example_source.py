"""An example of a source of your own: trades that another program writes to a socket, one JSON object a line.

PAIRBRIDGE_FEED=feeds.example_source:ExampleSource python server.py

Copy this file, and change what ``connect`` and ``trades`` do. A source has ``symbols``; ``connect``, which is called
before ``trades`` and again whenever that has ended or failed; and ``trades``, which gives one ``SourceTrade`` after the
other. Numbers are decimal strings, so that nothing rounds them on the way.

The trades go to ``market``. Without an exchange's aggregate ids (``agg_id``) that must begin with ``file-``: each trade
is then a new one, and gets the next number. With ids a trade may come twice and is stored once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from feeds.own_source import SourceTrade


class ExampleSource:
    """Lines such as ``{"symbol": "BTCUSDT", "price": "85595.9", "size": "0.4", "time": 1790046465580}``."""

    market = "file-example"
    symbols = ("BTCUSDT", "ETHUSDT")
    host, port = "127.0.0.1", 9555

    async def connect(self) -> None:
        """Open the connection. Whatever is raised here is logged, and tried again after a pause."""
        self._reader, self._writer = await asyncio.open_connection(self.host, self.port)

    async def trades(self) -> AsyncIterator[SourceTrade]:
        """Every trade until the other side closes."""
        try:
            async for line in self._reader:
                found = json.loads(line)
                yield SourceTrade(found["symbol"], str(found["price"]), str(found["size"]), found["time"])
        finally:
            self._writer.close()
