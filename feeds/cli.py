"""Command line arguments for feeds."""

from __future__ import annotations

import argparse
import json
import urllib.request
from pathlib import Path
from typing import Protocol
from urllib.error import HTTPError

from config import Config
from engine.files.inspection import Told
from engine.market.limits import COIN_M_MARKETS, NO_COIN_M
from feeds.direct import DirectFeed
from feeds.markets import ROUTES, SIMULATOR_PORT, simulator_route
from feeds.own_source import OwnFeed, load_source
from feeds.replay import ReplayFeed


class Feed(Protocol):
    """A source that sends rows to the server through the bridge protocol."""

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
    file_options(parser)


def file_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be said of files that do not say it themselves."""
    parser.add_argument("--symbol", default="", help="of a file whose rows and name do not say it")
    parser.add_argument("--interval", default="", help="of bars, such as 1m, where the file does not say it")
    parser.add_argument("--zone", default="", help="of times that name none: UTC, Europe/Berlin")
    parser.add_argument("--decimal", default="", help="the decimal mark, . or ,")
    parser.add_argument(
        "--columns", default="", metavar="MEANING=NAME,...", help="which column is meant, such as quantity=volume"
    )


def told_from(options: argparse.Namespace) -> Told:
    """What the command line says of files. Raises ValueError."""
    pairs = [pair.partition("=") for pair in options.columns.split(",") if pair.strip()]
    if bad := next(("".join(pair) for pair in pairs if not pair[1]), None):
        raise ValueError(f"--columns has {bad!r}; expected a meaning and a column, such as quantity=volume")
    columns = {meaning.strip(): name.strip() for meaning, _, name in pairs}
    return Told(options.symbol, options.interval, options.zone, options.decimal, columns)


def feed_from(options: argparse.Namespace, config: Config) -> Feed | None:
    """The requested feed, or None. Raises ValueError with the value found and what was expected."""
    if options.feed is None:
        return OwnFeed(load_source(config.feed)) if config.feed else None
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
    return ReplayFeed(Path(options.feed), options.market, told=told_from(options), data_dir=config.data_dir)


def running_server(config: Config) -> tuple[str, str]:
    """The running server's token, and its store. Raises ValueError when there is no such server."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{config.bridge_port}/health", timeout=5) as answer:
            store_id = str(json.load(answer)["store_id"])
            return config.token or (config.data_dir / "token").read_text(encoding="ascii").strip(), store_id
    except HTTPError as error:
        raise ValueError(f"port {config.bridge_port} answers HTTP {error.code}; expected a bridge server") from None
    except FileNotFoundError:
        raise ValueError(f"{config.data_dir} has no token; set PAIRBRIDGE_DATA_DIR to the running server's") from None
    except OSError:
        raise ValueError(
            f"no bridge server answers on port {config.bridge_port}; start it, or read the file with"
            " `python server.py --feed FILE`"
        ) from None
