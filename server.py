"""The bridge server: receives ticks over a WebSocket, commits them to SQLite, and then acknowledges them.

    python server.py                      wait for the bridge page
    python server.py --feed binance       also read the exchange directly, without a browser
    python server.py --feed FILE          also replay a recording

This file starts and stops it: ``serving.bridge_server`` has the sockets and tasks, ``engine.intake`` the protocol,
``engine.store`` the transactions.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
from pathlib import Path

from config import Config, load_or_exit, stop
from engine.errors import StoreError
from engine.store.lock import held
from feeds.cli import Feed, feed_from, feed_options
from runtime.interpreter_settings import apply_interpreter_settings
from runtime.logs import log_to
from serving.bridge_server import BridgeServer

log = logging.getLogger("pairbridge.server")


async def run(config: Config, feed: Feed | None) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    server = await BridgeServer.open(config, Path(__file__).parent / "bridge")
    apply_interpreter_settings()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(name, ended.set)
        except NotImplementedError:  # Windows
            signal.signal(name, lambda *_: loop.call_soon_threadsafe(ended.set))
    async with server:
        print(f"Bridge server  http://127.0.0.1:{server.port}/", flush=True)
        log.info("listening on port %d, storing in %s", server.port, config.data_dir)
        feeding = asyncio.create_task(server.feed(feed)) if feed else None
        waiting = {asyncio.create_task(ended.wait()), asyncio.create_task(server.broken())}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        if feeding:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
    log.info("stopped")


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python server.py", description=(__doc__ or "").split("\n")[0])
    feed_options(parser)
    options = parser.parse_args(arguments)
    config = load_or_exit()
    try:
        feed = feed_from(options, config)
        with held(config.data_dir, "server"):
            log_to(config.data_dir, "server", config.log_level)
            asyncio.run(run(config, feed))
    except (StoreError, ValueError) as error:
        stop(str(error))
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not config.data_dir.exists():
            stop(f"{config.data_dir} was deleted or renamed while the server ran; start it again to create a new one")
        if error.filename is not None:
            stop(f"{error.filename} cannot be used: {error.strerror}; set PAIRBRIDGE_DATA_DIR to another folder")
        stop(f"port {config.bridge_port} cannot be used: {error}; set PAIRBRIDGE_BRIDGE_PORT to another one")


if __name__ == "__main__":
    main()
