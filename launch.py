"""Starts the processes of Pairbridge together and stops them together.

python launch.py            bridge server and dashboard, for the bridge page to feed
python launch.py --demo     the same with a simulated exchange, in a separate data folder
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import webbrowser
from dataclasses import replace
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode

from config import Config, load_or_exit
from runtime.secrets import read_or_create_token, write_opener

ROOT = Path(__file__).parent
READY_WITHIN_S = 60.0
STOP_WITHIN_S = 8.0
DEMO_HOURS = 3
SIMULATOR_PORT = 9443
DEMO_SYMBOLS = "BTCUSDT,ETHUSDT,SOLUSDT,BNBUSDT"


class Processes:
    """The children of this launcher, in the order of their start."""

    def __init__(self, environ: dict[str, str]) -> None:
        self._environ = environ
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *arguments: str) -> None:
        """Run ``python arguments`` in the project's folder."""
        command = [sys.executable, *arguments]
        self._children[name] = subprocess.Popen(command, cwd=ROOT, env=self._environ)

    def ended(self) -> tuple[str, int] | None:
        """A child that has exited, and its exit code."""
        for name, child in self._children.items():
            code = child.poll()
            if code is not None:
                return name, code
        return None

    def stop(self) -> None:
        """Stop all, last started first; kill those that do not stop."""
        children = list(reversed(self._children.values()))
        for child in children:
            if child.poll() is None:
                child.terminate()
        limit = time.monotonic() + STOP_WITHIN_S
        for child in children:
            try:
                child.wait(max(limit - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def answers(url: str) -> bool:
    """Whether a server responds at this address, even with a request for a password."""
    try:
        with urllib.request.urlopen(url, timeout=1):
            return True
    except HTTPError:
        return True
    except (URLError, TimeoutError, ConnectionError):
        return False


def run(config: Config, demo: bool) -> int:
    """Start everything, print the addresses, wait; returns the exit code."""
    ending = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda _signal, _frame: ending.set())
    config = choose_ports(config)
    environ = dict(os.environ)
    environ["PAIRBRIDGE_BRIDGE_PORT"] = str(config.bridge_port)
    environ["PAIRBRIDGE_DASHBOARD_PORT"] = str(config.dashboard_port)
    if demo and "PAIRBRIDGE_DATA_DIR" not in environ:
        environ["PAIRBRIDGE_DATA_DIR"] = str(config.data_dir / "demo")
    data_dir = Path(environ.get("PAIRBRIDGE_DATA_DIR", str(config.data_dir)))
    processes = Processes(environ)
    try:
        return _run(processes, config, data_dir, demo, ending)
    finally:
        processes.stop()


def _run(processes: Processes, config: Config, data_dir: Path, demo: bool, ending: threading.Event) -> int:
    demo_dir = data_dir if demo else None
    addresses = _addresses(config)
    feed: list[str] = []
    if demo_dir:
        exchange = f"127.0.0.1:{_free_port(SIMULATOR_PORT)}"
        feed = ["--feed", "simulator", "--exchange", exchange, "--symbols", DEMO_SYMBOLS]
        addresses[0] += page_query(exchange)
        _start_exchange(processes, exchange, demo_dir / "simulator.json")
    processes.start("dashboard", "dashboard.py")
    if demo_dir:  # the server's feed would log connection errors until the exchange responds
        code = _until_ready(processes, [f"http://{exchange}/"], ending)
        if code is not None:
            return code
    processes.start("bridge server", "server.py", *feed)
    code = _until_ready(processes, addresses, ending)
    if code is not None:
        return code
    openers = _openers(config, data_dir, addresses)
    _tell(addresses, openers, config, demo_dir is not None)
    while code is None:
        code = _pause(processes, ending)
    return code


def _start_exchange(processes: Processes, exchange: str, state: Path) -> None:
    state.parent.mkdir(parents=True, exist_ok=True)
    port = exchange.rpartition(":")[2]
    past = ["--state", str(state), "--catch-up-hours", str(DEMO_HOURS)]  # or since the last demo, if shorter
    processes.start("simulated exchange", "-m", "simulator", "--port", port, "--symbols", DEMO_SYMBOLS, *past)


def choose_ports(config: Config) -> Config:
    """The settings with a free port for each that is 0: all processes and messages need the same one."""
    with socket.socket() as one, socket.socket() as other:  # both held open until both are known, so that they differ
        for probe in (one, other):
            probe.bind(("127.0.0.1", 0))
        free = one.getsockname()[1], other.getsockname()[1]
    return replace(config, bridge_port=config.bridge_port or free[0], dashboard_port=config.dashboard_port or free[1])


def page_query(exchange: str) -> str:
    """The bridge page's parameters for the simulated exchange at ``host:port``."""
    place = {"market": "sim", "exchange": f"ws://{exchange}", "rest": f"http://{exchange}", "symbols": DEMO_SYMBOLS}
    return "?" + urlencode(place, safe=":/,")


def _free_port(wanted: int) -> int:
    """``wanted`` if nothing listens there, else any free port of this machine."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port on 127.0.0.1")


def _addresses(config: Config) -> list[str]:
    """The addresses of the bridge page and the dashboard."""
    at = config.dashboard_host
    host = "127.0.0.1" if at == "0.0.0.0" else f"[{at if at != '::' else '::1'}]" if ":" in at else at
    return [f"http://127.0.0.1:{config.bridge_port}/", f"http://{host}:{config.dashboard_port}/"]


def _openers(config: Config, data_dir: Path, addresses: list[str]) -> list[Path]:
    """The files that open both pages with their keys; in the demo, the bridge page also with its addresses."""
    bridge, dashboard = data_dir / "open-bridge.html", data_dir / "open-dashboard.html"
    write_opener(bridge, addresses[0], config.token or read_or_create_token(data_dir / "token"))
    return [bridge.resolve(), dashboard.resolve()]


def _until_ready(processes: Processes, addresses: list[str], ending: threading.Event) -> int | None:
    """Wait until every address responds; returns an exit code if the run ends before."""
    limit = time.monotonic() + READY_WITHIN_S
    for address in addresses:
        while not answers(address):
            code = _pause(processes, ending)
            if code is not None:
                return code
            if time.monotonic() > limit:
                print(f"{address} does not answer after {READY_WITHIN_S:.0f} s; stopping.", file=sys.stderr)
                return 1
    return None


def _pause(processes: Processes, ending: threading.Event) -> int | None:
    """Wait briefly; returns an exit code if the run is over: 0 on a stop request, else that of an exited child."""
    if ending.wait(0.2):
        print("Stopping ...", flush=True)
        return 0
    gone = processes.ended()
    if gone is None:
        return None
    print(f"The {gone[0]} ended with code {gone[1]}; stopping the rest.", file=sys.stderr)
    return gone[1] or 1


def _tell(addresses: list[str], openers: list[Path], config: Config, demo: bool) -> None:
    bridge, dashboard = (opener.as_uri() for opener in openers)
    print()
    if demo:
        print("  Demo: a simulated exchange feeds the server, no internet needed.")
        print(f"  Dashboard    {addresses[1]}")
        print(f"  Bridge page  {addresses[0]}")
        print("               (stands by while the server feeds itself, and takes over when that stops)")
    else:
        print(f"  1. Bridge page  {addresses[0]}   open it and click Start Bridge")
        print(f"  2. Dashboard    {addresses[1]}   watch it")
    print()
    print("  Open them in your browser by these files: they bring the keys, which other users cannot read.")
    print(f"     {bridge}")
    print(f"     {dashboard}")
    print("  Ctrl-C stops everything.", flush=True)
    if config.open_browser:
        for address in (dashboard, bridge) if demo else (bridge, dashboard):
            webbrowser.open(address)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python launch.py", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--demo", action="store_true", help="feed from a simulated exchange, without the internet")
    options = parser.parse_args()
    raise SystemExit(run(load_or_exit(), options.demo))


if __name__ == "__main__":
    main()
