"""Starts the processes of Pairbridge together and stops them together.

python launch.py            bridge server and dashboard, for the bridge page to feed
python launch.py --demo     the same with a simulated exchange, in a data folder of its own
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
from pathlib import Path
from urllib.error import HTTPError, URLError

from config import Config, load_or_exit

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
        """A child that has ended by itself, and its exit code."""
        for name, child in self._children.items():
            code = child.poll()
            if code is not None:
                return name, code
        return None

    def stop(self) -> None:
        """Ask all to stop, last started first; end those that do not."""
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
    """Whether something serves this address, be it only to ask for a password."""
    try:
        with urllib.request.urlopen(url, timeout=1):
            return True
    except HTTPError:
        return True
    except (URLError, TimeoutError, ConnectionError):
        return False


def run(config: Config, demo: bool) -> int:
    """Start everything, tell the addresses, wait; returns the exit code."""
    ending = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda _signal, _frame: ending.set())
    environ = dict(os.environ)
    if demo and "PAIRBRIDGE_DATA_DIR" not in environ:
        environ["PAIRBRIDGE_DATA_DIR"] = str(config.data_dir / "demo")
    data_dir = Path(environ.get("PAIRBRIDGE_DATA_DIR", str(config.data_dir)))
    processes = Processes(environ)
    try:
        _start(processes, demo, data_dir)
        return _wait(processes, config, demo, ending)
    finally:
        processes.stop()


def _start(processes: Processes, demo: bool, data_dir: Path) -> None:
    if demo:
        state = data_dir / "simulator.json"
        state.parent.mkdir(parents=True, exist_ok=True)
        port = str(_free_port(SIMULATOR_PORT))
        past = ["--state", str(state), "--catch-up-hours", str(DEMO_HOURS)]  # or since the last demo, if shorter
        feed = ["--feed", "simulator", "--exchange", f"127.0.0.1:{port}", "--symbols", DEMO_SYMBOLS]
        processes.start("simulated exchange", "-m", "simulator", "--port", port, "--symbols", DEMO_SYMBOLS, *past)
        processes.start("bridge server", "server.py", *feed)
    else:
        processes.start("bridge server", "server.py")
    processes.start("dashboard", "dashboard.py")


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


def _wait(processes: Processes, config: Config, demo: bool, ending: threading.Event) -> int:
    at = config.dashboard_host
    host = "127.0.0.1" if at == "0.0.0.0" else f"[{at if at != '::' else '::1'}]" if ":" in at else at
    addresses = [f"http://127.0.0.1:{config.bridge_port}/", f"http://{host}:{config.dashboard_port}/"]
    waiting = list(addresses)
    limit = time.monotonic() + READY_WITHIN_S
    while not ending.wait(0.2):
        gone = processes.ended()
        if gone is not None:
            print(f"The {gone[0]} ended with code {gone[1]}; stopping the rest.", file=sys.stderr)
            return gone[1] or 1
        if waiting and answers(waiting[0]):
            del waiting[0]
            if not waiting:
                _tell(addresses, config, demo)
        elif waiting and time.monotonic() > limit:
            print(f"{waiting[0]} does not answer after {READY_WITHIN_S:.0f} s; stopping.", file=sys.stderr)
            return 1
    print("Stopping ...", flush=True)
    return 0


def _tell(addresses: list[str], config: Config, demo: bool) -> None:
    print()
    if demo:
        print("  Demo: a simulated exchange feeds the server, no internet needed.")
        print(f"  Dashboard    {addresses[1]}")
        print(f"  Bridge page  {addresses[0]}   (choose the market 'simulated' to feed from the page as well)")
    else:
        print(f"  1. Bridge page  {addresses[0]}   open it and click Start Bridge")
        print(f"  2. Dashboard    {addresses[1]}   watch it")
    print("  Ctrl-C stops everything.", flush=True)
    if config.open_browser:
        for address in addresses:
            webbrowser.open(address)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python launch.py", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--demo", action="store_true", help="feed from a simulated exchange, without the internet")
    options = parser.parse_args()
    raise SystemExit(run(load_or_exit(), options.demo))


if __name__ == "__main__":
    main()
