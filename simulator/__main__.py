"""``python -m simulator``: the simulated exchange as a process.

Prints one line with its addresses once it listens. SIGTERM and Ctrl-C stop it cleanly with code 0; an invalid argument,
or a port in use, ends it with code 2 and the reason.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from simulator.errors import SimulatorError
from simulator.exchange import SimulatedExchange
from simulator.settings import DEFAULT_COINS, ExchangeSettings, coins_named

EXAMPLES = """\
examples:
  python -m simulator --port 9443
  python -m simulator --catch-up-hours 6 --state data/simulator.json
  python -m simulator --replay BTCUSDT-aggTrades-2026-11-01.zip ETHUSDT-aggTrades-2026-11-01.zip --as-fast-as-read
then
  ws://127.0.0.1:9443/market/stream?streams=btcusdt@aggTrade/ethusdt@aggTrade
  http://127.0.0.1:9443/fapi/v1/aggTrades?symbol=BTCUSDT&limit=5
  http://127.0.0.1:9443/fapi/v1/klines?symbol=BTCUSDT&interval=1h&limit=5
  http://127.0.0.1:9443/sim/ledger?symbol=BTCUSDT
  http://127.0.0.1:9443/sim/fault?kind=drop&symbol=BTCUSDT&n=41
faults (kind, parameters):
  drop symbol n [forget=1]   duplicate symbol n   reorder symbol n [window]   stall symbol seconds [lost=1]
  lag ms   jump symbol bps   halt [seconds]   disconnect [code]   refuse seconds   rotate seconds
  geo-block [scope=rest|all|off]   rate-limit seconds   clear
"""


def parser() -> argparse.ArgumentParser:
    """Every option, with its default."""
    made = argparse.ArgumentParser(
        prog="python -m simulator",
        description="A simulated exchange in the shape of Binance USD-M, on 127.0.0.1 only.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    default = ExchangeSettings()
    symbols = ",".join(coin.symbol for coin in DEFAULT_COINS)
    add = made.add_argument
    add("--port", type=int, default=9443, metavar="N", help="port for WebSocket and HTTP; 0 takes a free one (9443)")
    add("--symbols", default=symbols, metavar="A,B", help=f"what is traded ({symbols}); others become controls")
    add("--rate", type=float, default=1.0, metavar="X", help="trades a second, times the default of each symbol (1)")
    add("--seed", type=int, default=default.seed, metavar="N", help="the same seed gives the same market (1)")
    add("--speed", type=float, default=1.0, metavar="X", help="simulated seconds per second, 1 to 100 (1)")
    add("--catch-up-hours", type=float, default=0.0, metavar="H",
        help="start H hours ago at the first subscriber, as fast as it reads, until real time")  # fmt: skip
    add("--state", type=Path, metavar="FILE", help="ids and prices continue from this file across restarts")
    add("--replay", type=Path, nargs="+", default=[], metavar="FILE",
        help="recorded files instead: aggTrade dumps, tick NDJSON, or frames; plain, .gz, .zip")  # fmt: skip
    add("--replay-symbol", metavar="SYMBOL", help="symbol of a dump without one in its file name")
    add("--as-fast-as-read", action="store_true", help="replay as fast as the reader reads instead of at --speed")
    add("--restamp", action="store_true", help="move the times so that the recording starts now")
    add("--skip-zero", action="store_true", help="skip recorded trades with a price or quantity of 0")
    add("--remember-trades", type=int, default=default.remember_trades, metavar="N",
        help="trades per symbol that REST reaches back (2000000)")  # fmt: skip
    add("--remember-hours", type=float, default=48.0, metavar="H", help="hours that REST reaches back (48)")
    add("--history-days", type=float, default=default.history_days, metavar="D",
        help="days of candles and funding before the market began (120)")  # fmt: skip
    add("--weight-limit", type=int, default=default.weight_limit, metavar="N", help="weight a minute (2400)")
    add("--messages-per-s", type=int, default=5, metavar="N", help="a client that sends more is closed; 0: never (5)")
    add("--rotation-s", type=float, default=default.rotation_s, metavar="S", help="age of forced close (86400)")
    add("--geo-block", action="store_true", help="answer REST with 451 until /sim/fault?kind=geo-block&scope=off")
    return made


def settings_of(args: argparse.Namespace) -> ExchangeSettings:
    """The settings from the arguments. Raises SettingsRefused for invalid ones."""
    names = [name.strip().upper() for name in args.symbols.split(",") if name.strip()]
    return ExchangeSettings(
        port=args.port, coins=coins_named(names, args.rate), seed=args.seed, speed=args.speed,
        catch_up_hours=args.catch_up_hours, state_file=args.state, replay=tuple(args.replay),
        replay_symbol=args.replay_symbol, as_fast_as_read=args.as_fast_as_read, restamp=args.restamp,
        skip_zero_rows=args.skip_zero, remember_trades=args.remember_trades, remember_hours=args.remember_hours,
        weight_limit=args.weight_limit, messages_per_s=args.messages_per_s or None, rotation_s=args.rotation_s,
        geo_block=args.geo_block, history_days=args.history_days,
    )  # fmt: skip


async def run(settings: ExchangeSettings) -> None:
    """Run one exchange until a signal, or until its market fails."""
    stopping = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    async with SimulatedExchange(settings) as exchange:
        skipped = "".join(f", skipped {count} x {reason}" for reason, count in exchange.skipped.items())
        line = f"simulated exchange at {exchange.ws_url} and {exchange.rest_url}: {' '.join(exchange.symbols)}{skipped}"
        print(line, flush=True)
        waits = [asyncio.create_task(stopping.wait()), asyncio.create_task(exchange.wait_failed())]
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        for task in done:
            task.result()


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, run; the process's exit code."""
    options = parser()
    args = options.parse_args(argv)
    try:
        asyncio.run(run(settings_of(args)))
    except SimulatorError as error:
        options.exit(2, f"simulator: {error}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
