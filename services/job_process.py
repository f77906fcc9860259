"""Runs one job in its own process: ``python -m services.job_process MODULE:FUNCTION``, started by ``ProcessExecutor``.

A separate process, because a long job would hold the GIL and delay the live path, and loads hundreds of megabytes,
which its exit frees. It has the lowest priority from its imports on, in favour of the live path. The process of a
cancelled job ends within a second.

The request is one line of JSON on standard input; end of input cancels the job, so it also ends with its parent. The
output is lines of JSON: ``{"report": ["testing pairs", 512, 4950]}``, at the end ``{"result": {...}}`` or ``{"error":
"..."}``.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

import msgspec

from engine.errors import PairbridgeError
from services.jobs import IsCancelled, JobCancelled, JobFailed, JobFunction, Json, Report

log = logging.getLogger("pairbridge.jobs")

ROOT = Path(__file__).parent.parent
LOWEST_PRIORITY = 19
LOOK_EVERY_S = 0.05  # for a cancellation
CANCELLED_WITHIN_S = 0.3  # then it is killed: a compiled kernel or a long read hears nothing, and a job bears a kill


class ProcessExecutor:
    """Runs each job in its own process. ``children``: the running ones."""

    def __init__(self) -> None:
        self.children: set[subprocess.Popen[str]] = set()

    def run(self, function: str, request: Json, report: Report, is_cancelled: IsCancelled) -> Json:
        """See Executor."""
        with tempfile.TemporaryFile("w+") as errors, _started(function, errors) as child:
            self.children.add(child)
            watching = threading.Thread(target=_end_when_cancelled, args=(child, is_cancelled), daemon=True)
            watching.start()
            try:
                return self._follow(child, request, report, is_cancelled, errors)
            finally:
                assert child.stdin is not None
                with contextlib.suppress(OSError):  # unread input is lost with it
                    child.stdin.close()
                if child.poll() is None:
                    child.kill()
                child.wait()
                watching.join()
                self.children.discard(child)

    def _follow(
        self, child: subprocess.Popen[str], request: Json, report: Report, is_cancelled: IsCancelled, errors: IO[str]
    ) -> Json:
        assert child.stdin is not None and child.stdout is not None
        try:
            child.stdin.write(json.dumps(request) + "\n")
            child.stdin.flush()
            for line in child.stdout:
                message = msgspec.json.decode(line)
                if "result" in message:
                    return cast(Json, message["result"])
                if "error" in message:
                    raise JobFailed(message["error"])
                report(*message["report"])
        except (OSError, ValueError) as error:
            log.warning("a job's process was interrupted: %s", error)
        child.wait()
        if is_cancelled():
            raise JobCancelled(f"{child.args!r} was cancelled")
        errors.seek(0)
        log.error("a job's process ended with code %s: %s", child.returncode, errors.read())
        raise JobFailed(f"the job's process ended with code {child.returncode}; see the log file")


def _started(function: str, errors: IO[str]) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-m", "services.job_process", function],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        creationflags=getattr(subprocess, "IDLE_PRIORITY_CLASS", 0),  # of Windows
    )
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, child.pid, LOWEST_PRIORITY)
    return child


def _end_when_cancelled(child: subprocess.Popen[str], is_cancelled: IsCancelled) -> None:
    """Close the input of a cancelled job's process, and kill it if it does not exit."""
    while child.poll() is None:
        if is_cancelled() and child.stdin is not None:
            try:
                child.stdin.close()
                child.wait(CANCELLED_WITHIN_S)
            except (OSError, subprocess.TimeoutExpired):
                child.kill()
            return
        time.sleep(LOOK_EVERY_S)


def main(arguments: list[str]) -> None:
    """The command line; see above."""
    request = json.loads(sys.stdin.readline() or "null")
    cancelled = threading.Event()

    def hear() -> None:
        while os.read(0, 1):  # not ``sys.stdin.read``: it holds a lock that the interpreter needs to exit
            pass
        cancelled.set()

    threading.Thread(target=hear, daemon=True).start()
    module, _, name = arguments[0].partition(":")
    function: JobFunction = getattr(importlib.import_module(module), name)
    _say_end(function, request, cancelled.is_set)


def _say_end(function: JobFunction, request: Json, is_cancelled: Callable[[], bool]) -> None:
    try:
        _say({"result": function(request, lambda *reported: _say({"report": reported}), is_cancelled)})
    except (PairbridgeError, ValueError) as error:
        _say({"error": str(error)})


def _say(message: Json) -> None:
    sys.stdout.write(json.dumps(message, allow_nan=False) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
