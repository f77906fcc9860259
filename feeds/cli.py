"""The feed that a command line asks for."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Protocol

from engine.market.limits import COIN_M_MARKETS, NO_COIN_M
from feeds.direct import DirectFeed
from feeds.markets import ROUTES, SIMULATOR_PORT, simulator_route
from feeds.replay import ReplayFeed


class Feed(Protocol):
    """Something that fills the server through the bridge protocol."""

    async def run(self, url: str, token: str) -> None:
        """Forward until done or cancelled."""


def feed_options(parser: argparse.ArgumentParser) -> None:
    """Add the feed's arguments to a command line."""
    parser.add_argument(
        "--feed",
        metavar="binance|simulator|FILE",
        help="fill the store without a browser: live, simulated, or a recording",
    )
    parser.add_argument("--symbols", default="BTCUSDT,ETHUSDT", help="comma separated, any case (default: %(default)s)")
    parser.add_argument(
        "--market", help="with binance: usdm (default), spot, us or testnet; with FILE: the market its ids belong to"
    )
    parser.add_argument(
        "--exchange", default=f"127.0.0.1:{SIMULATOR_PORT}", help="host:port of the simulator (default: %(default)s)"
    )


def feed_from_arguments(options: argparse.Namespace) -> Feed | None:
    """The feed asked for, None when none is. Raises ValueError naming what was found and expected."""
    if options.feed is None:
        return None
    symbols = [symbol.strip().upper() for symbol in options.symbols.split(",") if symbol.strip()]
    if not symbols:
        raise ValueError(f"--symbols is {options.symbols!r}; expected names such as BTCUSDT,ETHUSDT")
    if options.market in COIN_M_MARKETS:
        raise ValueError(f"--market is {options.market!r}; {NO_COIN_M}")
    if options.feed == "simulator":
        return DirectFeed(simulator_route(options.exchange), symbols)
    if options.feed == "binance":
        market = options.market or "usdm"
        if market not in ROUTES:
            raise ValueError(f"--market is {market!r}; expected one of {', '.join(ROUTES)}")
        return DirectFeed(ROUTES[market], symbols)
    return ReplayFeed(Path(options.feed), options.market)
