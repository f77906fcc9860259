"""The exchange as a process: arguments, the ready line, signals, restarts."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from simulator.__main__ import main, parser, settings_of
from simulator.control import KINDS
from simulator.state import RESERVED_IDS

ROOT = Path(__file__).parent.parent.parent
FIXTURES = Path(__file__).parent / "fixtures"


class Process:
    """A running simulator and its address."""

    def __init__(self, process: asyncio.subprocess.Process, line: str) -> None:
        self.process = process
        self.line = line
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, line
        self.url = found[0]

    async def trades(self, at_least: int) -> list[dict[str, object]]:
        """The latest trades of BTCUSDT, once there are so many."""
        async with httpx.AsyncClient(verify=False) as client, asyncio.timeout(15):
            while True:
                answer = await client.get(f"{self.url}/fapi/v1/aggTrades?symbol=BTCUSDT&limit=1000")
                found: list[dict[str, object]] = answer.json()
                if len(found) >= at_least:
                    return found

    async def end(self, name: signal.Signals) -> int:
        self.process.send_signal(name)
        return await asyncio.wait_for(self.process.wait(), 10)


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulator", "--port", "0", *arguments,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), 20)
        yield Process(process, line.decode())
    finally:
        if process.returncode is None:
            process.kill()
        _, errors = await process.communicate()
        assert errors == b""


def ended(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "simulator", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


class TestRunning:
    @pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
    async def test_one_line_when_ready_and_code_0_when_stopped(self, name: signal.Signals) -> None:
        async with running("--symbols", "BTCUSDT,ETHUSDT", "--rate", "50") as simulator:
            assert re.fullmatch(
                r"simulated exchange at ws://127\.0\.0\.1:(\d+) and http://127\.0\.0\.1:\1: BTCUSDT ETHUSDT\n",
                simulator.line,
            )
            await simulator.trades(10)
            assert await simulator.end(name) == 0

    async def test_a_clean_stop_continues_and_a_kill_never_gives_an_id_twice(self, tmp_path: Path) -> None:
        arguments = ("--rate", "50", "--symbols", "BTCUSDT", "--state", str(tmp_path / "state.json"))
        async with running(*arguments) as simulator:
            before = await simulator.trades(10)
            assert await simulator.end(signal.SIGTERM) == 0
        async with running(*arguments) as simulator:
            after_stop = await simulator.trades(10)
            assert await simulator.end(signal.SIGKILL) == -signal.SIGKILL
        async with running(*arguments) as simulator:
            after_kill = await simulator.trades(10)
        first_id, stop_id, kill_id = (int(str(run[0]["a"])) for run in (before, after_stop, after_kill))
        assert stop_id - int(str(before[-1]["a"])) < 10_000, "only what traded between the last look and the stop"
        assert stop_id > first_id
        assert kill_id > int(str(after_stop[-1]["a"])) + 0.9 * RESERVED_IDS, "past the whole reserve"

    async def test_a_recording_says_what_it_skipped(self) -> None:
        dump = FIXTURES / "BTCUSDT-aggTrades-2026-11-01.csv"
        async with running("--replay", str(dump), "--as-fast-as-read") as simulator:
            assert simulator.line.endswith(": BTCUSDT, skipped 1 x malformed, skipped 1 x duplicate\n")


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--speed", "500"], "speed is 500.0; expected a number from 1 to 100"),
            (["--speed", "fast"], "argument --speed: invalid float value: 'fast'"),
            (["--port", "99999"], "port is 99999; expected a number from 0 to 65535"),
            (["--replay", "none.csv"], "there is no file"),
            (["--symbols", ","], "symbols are none; expected at least one"),
            (["--symbols", "BTC/USDT"], "symbol is 'BTC/USDT'; expected 1 to 32 letters"),
            (["--catch-up-hours", "-1"], "catch_up_hours is -1.0; expected a number from 0 to 744"),
            (["--nonsense"], "unrecognized arguments: --nonsense"),
            (["--state", str(ROOT / "pyproject.toml")], "pyproject.toml cannot be used"),
        ],
    )
    def test_an_argument_that_cannot_be_used_exits_2_and_says_why(
        self, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as ended_with:
            main(["--port", "0", *arguments])
        assert ended_with.value.code == 2
        assert message in capsys.readouterr().err

    def test_a_port_in_use_exits_2(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            result = ended("--port", str(port))
        assert result.returncode == 2
        assert result.stderr == f"simulator: port {port} is in use; expected a free one on 127.0.0.1\n"


class TestHelp:
    def test_help_explains_every_option_and_fault(self) -> None:
        result = ended("--help")
        assert result.returncode == 0
        for action in parser()._actions:
            assert action.option_strings[-1] in result.stdout
            assert action.help
        for kind in KINDS:
            assert kind in result.stdout

    def test_arguments_become_settings(self) -> None:
        arguments = [
            "--port",
            "0",
            "--symbols",
            "ethusdt,XUSDT",
            "--rate",
            "2",
            "--messages-per-s",
            "0",
            "--speed",
            "9",
        ]
        settings = settings_of(parser().parse_args(arguments))
        assert [coin.symbol for coin in settings.coins] == ["ETHUSDT", "XUSDT"]
        assert settings.coins[0].trades_per_s == 12.0
        assert settings.messages_per_s is None
        assert settings.speed == 9.0
