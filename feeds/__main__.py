"""Sends a recording to the running bridge server, for example to fill a gap from the exchange's dump files.

python -m feeds BTCUSDT-aggTrades-2026-11-19.zip --market usdm
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

from config import Config, load_or_exit, stop
from feeds.bridge_client import RefusedError
from feeds.replay import ReplayFeed


def main(arguments: list[str] | None = None) -> None:
    """The command line; exit code 2 with the reason on failure."""
    parser = argparse.ArgumentParser(prog="python -m feeds", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("file", type=Path, help="any recording that `python server.py --feed FILE` reads")
    parser.add_argument("--market", help="market of the ids, such as usdm or spot; default: a separate market")
    options = parser.parse_args(arguments)
    config = load_or_exit()
    logging.basicConfig(format="%(message)s")
    try:
        feed = ReplayFeed(options.file, options.market, is_history=True)
        asyncio.run(feed.run(f"ws://127.0.0.1:{config.bridge_port}/", _token(config)))
    except (ValueError, RefusedError) as error:
        stop(str(error))
    except KeyboardInterrupt:
        stop("stopped; acknowledged rows are stored; run the same command again to continue")


def _token(config: Config) -> str:
    """The running server's token. Raises ValueError when there is no such server."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{config.bridge_port}/health", timeout=5):
            return config.token or (config.data_dir / "token").read_text(encoding="ascii").strip()
    except HTTPError as error:
        raise ValueError(f"port {config.bridge_port} answers HTTP {error.code}; expected a bridge server") from None
    except FileNotFoundError:
        raise ValueError(f"{config.data_dir} has no token; set PAIRBRIDGE_DATA_DIR to the running server's") from None
    except OSError:
        raise ValueError(
            f"no bridge server answers on port {config.bridge_port}; start it, or read the file with"
            " `python server.py --feed FILE`"
        ) from None


if __name__ == "__main__":
    main()
