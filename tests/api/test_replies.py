"""Writes with a key run once, whichever way their requests overlap."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.replies import Writes
from engine.store import open_backend
from services.requests import RequestService


def request_with(key: str, **scope: Any) -> Request:
    """A POST without a body."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    headers = [(b"idempotency-key", key.encode()), (b"host", b"here")]
    of = {"type": "http", "method": "POST", "path": "/api/pairs", "query_string": b"", "headers": headers}
    return Request(of | scope, receive)


async def test_one_that_comes_while_the_turn_changes_does_not_run_beside_the_next(tmp_path: Path) -> None:
    """The first fails, so the second runs; the third comes in the moment between, when the lock is free."""
    backend = open_backend(tmp_path)
    backend.analysis().close()
    writes = Writes(RequestService(backend.requests()))
    at_once, most, runs = 0, 0, 0
    lock = threading.Lock()
    late: list[asyncio.Task[Response]] = []
    loop = asyncio.get_running_loop()

    def do() -> dict[str, int]:
        nonlocal at_once, most, runs
        with lock:
            at_once, runs = at_once + 1, runs + 1
            most, number = max(most, at_once), runs
        threading.Event().wait(0.05)
        with lock:
            at_once -= 1
        if number == 1:
            raise ValueError("the first fails")
        return {"run": number}

    def ask() -> asyncio.Task[Response]:
        return loop.create_task(writes.once(request_with("one"), do))

    first, second = ask(), ask()
    first.add_done_callback(lambda _: late.append(ask()))
    results = await asyncio.gather(first, second, return_exceptions=True)
    third = await late[0]
    assert isinstance(results[0], ValueError) and isinstance(results[1], Response)
    assert (runs, most) == (2, 1) and third.body == results[1].body
    assert third.headers["idempotency-replayed"] == "true" and not writes._turns
