"""The loop over a real outbox and real receivers: once each, through failures, storms, kills and restarts."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.errors import StoreError
from engine.store.alerts import OutboxRow, StoredAlert, StoredRule
from engine.store.sqlite.alerts import SqliteOutbox
from engine.store.sqlite.analysis import SqliteAnalysis
from runtime.logs import log_to
from runtime.secrets import write_private
from services.delivery import delivery as loop
from services.delivery.channels import Channel, ChannelFile
from services.delivery.delivery import Delivery
from services.delivery.network import Network
from services.delivery.pace import Limits
from services.delivery.senders import Senders
from tests.conftest import until
from tests.services.delivery.receivers import Authority, Request, http

SECRET = "5ecret-signing-key-of-a-channel"
QUICK = Limits(of_rule=1_000, in_all=1_000, tries=4, first_ms=40, longest_ms=100, rest_ms=20)
ALERT = StoredAlert(
    "", "r1", 1, "far", "warning", "alert", "pair|sim|Y|X", "run", 60_000, 9, "z is far", {"z": 2.5}, 0, "outbox"
)


class World:
    """A data folder with alerts for some channels."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = SqliteAnalysis(folder / "analysis.db")
        self.outbox = SqliteOutbox(folder / "analysis.db")
        self.channels = ChannelFile(folder / "channels.json", write_private)
        self.senders = Senders(Network(frozenset({"bot.test"}), lambda *_: ["127.0.0.1"]))

    def hook(self, port: int, channel_id: str = "bot", path: str = "t0ken-in-the-path") -> None:
        address = f"http://bot.test:{port}/{path}"
        self.channels.keep(Channel(channel_id, channel_id, "webhook", address, SECRET))

    def alerts(self, count: int, *channels: str, first: int = 0, rule: str = "r1") -> None:
        for number in range(first, first + count):
            alert = replace(ALERT, alert_id=f"{rule}-{number}", rule_id=rule, name=rule)
            rows = [self.row(alert, channel) for channel in channels]
            self.store.add_alert(alert, rows)
        self.store.keep()

    @staticmethod
    def row(alert: StoredAlert, channel: str) -> OutboxRow:
        names = ("rule_id", "name", "severity", "kind", "subject", "text", "close_ms", "values")
        payload = {name: getattr(alert, name) for name in names}
        return OutboxRow(f"{alert.alert_id}-{channel}", alert.alert_id, channel, payload)

    @asynccontextmanager
    async def running(self, limits: Limits = QUICK, outbox: Any = None) -> AsyncIterator[Delivery]:
        delivery = Delivery(outbox or self.outbox, self.channels, self.senders, limits, chance=random.Random(1))
        task = asyncio.create_task(delivery.run())
        try:
            yield delivery
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def settled(self, **counts: int) -> None:
        await until(lambda: self.outbox.counts() == counts, 20, f"{counts}")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(loop, "POLL_S", 0.01)
    monkeypatch.setattr(loop, "STORE_RETRY_S", 0.05)
    world = World(tmp_path)
    yield world
    world.store.close()


def failing_first(count: int, status: str) -> Callable[[Request], str]:
    left = [count]

    def reply(_: Request) -> str:
        left[0] -= 1
        return status if left[0] >= 0 else "200 OK"

    return reply


async def test_a_failure_is_retried_with_the_same_key_until_it_is_taken_once(world: World) -> None:
    async with http(failing_first(2, "500 no")) as receiver, world.running():
        world.hook(receiver.port)
        world.alerts(1, "bot")
        await world.settled(sent=1)
    assert [each.headers["idempotency-key"] for each in receiver.requests] == ["r1-0-bot"] * 3
    assert len({each.body for each in receiver.requests}) == 1
    (row,) = world.outbox.of_alerts(["r1-0"])
    assert (row.attempts, row.error, row.sent_at_ms > 0) == (3, "", True)


async def test_what_is_refused_or_fails_too_often_is_dead_until_it_is_revived(world: World) -> None:
    async with http(failing_first(1, "404 no")) as gone, http(lambda _: "503 no") as down, world.running():
        world.hook(gone.port, "gone")
        world.hook(down.port, "down")
        world.alerts(1, "gone", "down", "removed")
        await world.settled(dead=3)
        assert {row.channel: row.error for row in world.outbox.dead(9)} == {
            "gone": "answered 404", "down": "answered 503", "removed": "the channel was removed",
        }  # fmt: skip
        assert (len(gone.requests), len(down.requests)) == (1, 4)
        assert world.outbox.revive("r1-0-gone", 0)
        await world.settled(dead=2, sent=1)


async def test_a_receiver_that_is_down_is_not_asked_for_each_message(world: World) -> None:
    limits = replace(QUICK, first_ms=20, longest_ms=20, rest_ms=60_000)
    async with http(lambda _: "503 no") as receiver, world.running(limits):
        world.hook(receiver.port)
        world.alerts(300, "bot")
        await asyncio.sleep(1.5)
        assert 2 <= len(receiver.requests) <= 30  # pauses of 10, 20, 40, .. ms on average


async def test_retry_after_is_honoured(world: World) -> None:
    limits = replace(QUICK, first_ms=1, longest_ms=60_000, rest_ms=0)
    async with http(failing_first(1, "429 no\r\nRetry-After: 1")) as receiver, world.running(limits):
        world.hook(receiver.port)
        world.alerts(1, "bot")
        await until(lambda: len(receiver.requests) == 1)
        began = time.monotonic()
        await world.settled(sent=1)
        assert 0.9 < time.monotonic() - began < 4


async def test_a_receiver_that_hangs_occupies_one_slot_and_delays_no_other(world: World) -> None:
    async def hang(_: Request) -> str:
        await asyncio.sleep(30)
        return "200 OK"

    async with http(hang) as stuck, http() as quick, world.running():
        world.hook(stuck.port, "stuck")
        world.hook(quick.port, "quick")
        world.alerts(600, "stuck")  # more than are read at once, and older
        world.alerts(20, "quick", first=600)
        began = time.monotonic()
        await until(lambda: len(quick.requests) == 20, 10)
        assert time.monotonic() - began < 4 and len(stuck.requests) == 1
    assert world.outbox.counts()["sent"] >= 19


async def test_a_storm_is_told_in_few_messages_and_nothing_is_left_out(world: World) -> None:
    limits = replace(QUICK, of_rule=3, in_all=5, digest_ms=300)
    async with http() as receiver, world.running(limits):
        world.hook(receiver.port)
        world.alerts(100, "bot", rule="r1")
        world.alerts(100, "bot", rule="r2")
        await world.settled(sent=200)
        bodies = [json.loads(each) for each in receiver.taken.values()]
        digests = [each["alert"] for each in bodies if each["alert"]["kind"] == "storm"]
        assert len(bodies) - len(digests) == 5 and 1 <= len(digests) <= 3
        assert (
            sum(each["count"] for each in digests) == 195 and sum(digests[0]["rules"].values()) == digests[0]["count"]
        )


async def test_limits_hold_over_a_restart(world: World) -> None:
    limits = replace(QUICK, of_rule=3, in_all=5, digest_ms=60_000)
    async with http() as receiver:
        world.hook(receiver.port)
        world.alerts(3, "bot")
        async with world.running(limits):
            await world.settled(sent=3)
        world.alerts(2, "bot", first=3)
        async with world.running(limits):
            await until(lambda: not world.outbox.due(time.time_ns() // 1_000_000, 9))
            assert world.outbox.counts() == {"sent": 3, "pending": 2} and len(receiver.requests) == 3


class ForgetfulOutbox:
    """Dies between a message that was sent and the note of it: what was sent is not kept."""

    def __init__(self, outbox: SqliteOutbox) -> None:
        self._outbox = outbox
        self.is_dead = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outbox, name)

    def keep_attempts(self, rows: list[OutboxRow]) -> int:
        if rows[0].state == "sent":
            self.is_dead = True
        if self.is_dead:
            raise StoreError("the disk is full")
        return self._outbox.keep_attempts(rows)


@pytest.mark.parametrize("count", [1, 40])
async def test_a_kill_between_sending_and_noting_it_gives_the_same_key_again(world: World, count: int) -> None:
    limits = QUICK if count == 1 else replace(QUICK, of_rule=0, digest_ms=100)
    async with http() as receiver:
        world.hook(receiver.port)
        world.alerts(count, "bot")
        forgetful = ForgetfulOutbox(world.outbox)
        async with world.running(limits, forgetful):
            await until(lambda: forgetful.is_dead)
            await asyncio.sleep(0.2)
            assert len(receiver.requests) == 1  # while it cannot be noted, nothing more is sent
        world.alerts(5, "bot", first=count)  # and the digest stays what it was
        async with world.running(limits):
            await world.settled(sent=count + 5)
        first, second = receiver.requests[:2]
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"] and first.body == second.body
    counts = [json.loads(body)["alert"].get("count", 1) for body in receiver.taken.values()]
    assert sum(counts) == count + 5 and len(receiver.requests) == len(receiver.taken) + 1


PROGRAM = """
import asyncio, random, sys
from pathlib import Path
from engine.store.sqlite.alerts import SqliteOutbox
from runtime.secrets import write_private
from services.delivery import delivery
from services.delivery.channels import ChannelFile
from services.delivery.network import Network
from services.delivery.pace import Limits
from services.delivery.senders import Senders
delivery.POLL_S = 0.001
folder = Path(sys.argv[1])
senders = Senders(Network(frozenset({"bot.test"}), lambda *_: ["127.0.0.1"]))
limits = Limits(of_rule=9, in_all=9, window_ms=400, digest_ms=30, first_ms=5, rest_ms=5, tries=99)
outbox, channels = SqliteOutbox(folder / "analysis.db"), ChannelFile(folder / "channels.json", write_private)
asyncio.run(delivery.Delivery(outbox, channels, senders, limits).run())
"""


async def test_twenty_kills_lose_and_double_nothing_at_a_receiver_that_honours_the_key(world: World) -> None:
    rng, made, kill_in = random.Random(5), 0, 0
    process: asyncio.subprocess.Process | None = None

    async def reply(_: Request) -> str:
        nonlocal kill_in
        kill_in -= 1
        if kill_in == 0 and process is not None:  # sent, not yet noted
            process.kill()
        return "200 OK" if rng.random() < 0.8 else "500 no"

    async def killed(kills: int) -> None:
        """Alerts until the program is killed: a storm of them is one message, so 15 may be too few."""
        nonlocal made
        while process is not None and process.returncode is None:
            if made <= 15 * kills or world.outbox.counts() == {"sent": made}:
                world.alerts(15, "bot", first=made)
                made += 15
            await asyncio.sleep(0.01)

    async with http(reply) as receiver:
        world.hook(receiver.port)
        for kills in range(21):
            kill_in = rng.randint(1, 9) if kills < 20 else 0
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", PROGRAM, str(world.folder), env={**os.environ, "PYTHONPATH": str(Path.cwd())}
            )
            try:
                await asyncio.wait_for(killed(kills) if kills < 20 else world.settled(sent=made), 60)
            finally:
                if process.returncode is None:
                    process.kill()
                assert await process.wait() == -signal.SIGKILL  # it ended in no other way
    bodies = [json.loads(body)["alert"] for body in receiver.taken.values()]
    assert sum(each.get("count", 1) for each in bodies) == made >= 300
    assert any(each["kind"] == "storm" for each in bodies) and len(receiver.requests) > len(receiver.taken)


async def test_a_rule_that_was_snoozed_since_is_not_sent(world: World) -> None:
    async with http() as receiver:
        world.hook(receiver.port)
        world.alerts(2, "bot")
        world.alerts(1, "bot", rule="r2")
        world.store.keep_alert_rule(StoredRule("r1", 1, "{}", 0, 0, snoozed_ms=60_000))
        world.store.keep_alert_rule(StoredRule("r2", 1, "{}", 0, 0, snoozed_ms=59_999))
        world.store.keep()
        async with world.running():
            await world.settled(dead=2, sent=1)
    assert {row.error for row in world.outbox.dead(9)} == {"its rule is snoozed"} and len(receiver.requests) == 1


async def test_a_store_that_fails_and_a_sender_that_breaks_end_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with http() as receiver:
        world.hook(receiver.port)
        due, breaks, send = world.outbox.due, [2, 1], world.senders.send

        def failing(*how: Any) -> list[OutboxRow]:
            breaks[0] -= 1
            if breaks[0] >= 0:
                raise StoreError("locked")
            return due(*how)

        async def broken(*how: Any) -> Any:
            breaks[1] -= 1
            if breaks[1] >= 0:
                raise ValueError(SECRET)
            return await send(*how)

        monkeypatch.setattr(world.outbox, "due", failing)
        monkeypatch.setattr(world.senders, "send", broken)
        world.alerts(1, "bot")
        async with world.running():
            await world.settled(sent=1)
    assert world.outbox.of_alerts(["r1-0"])[0].attempts == 2


async def test_no_secret_leaves_the_file_of_channels(
    world: World, ca: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apprise.plugins.discord import NotifyDiscord

    root = logging.getLogger()
    before = root.handlers, root.level
    log_to(world.folder, "dashboard", "DEBUG")
    token = "JHMHI8qBe7bk2ZwO5U711o3dV_js"
    try:
        async with (
            http(failing_first(2, "500 no")) as bot, http(lambda _: "302 x\r\nLocation: http://t0ken/") as moved,
            http(failing_first(1, "404 no")) as discord, http(tls=ca.server) as untrusted, world.running(),
        ):  # fmt: skip
            monkeypatch.setattr(NotifyDiscord, "notify_url", f"http://127.0.0.1:{discord.port}/api/webhooks")
            world.hook(bot.port)
            world.hook(moved.port, "moved")
            world.hook(1, "nobody")
            https = f"https://bot.test:{untrusted.port}/t0ken-in-the-path"
            world.channels.keep(Channel("untrusted", "u", "webhook", https, SECRET))
            options = {"host": "bot.test", "port": "1", "tls": "tls", "user": "t0ken", "sender": "me@bot.test"}
            world.channels.keep(Channel("mail", "m", "email", "t0ken@bot.test", SECRET, options))
            address = f"https://discord.com/api/webhooks/4174216298/{token}"
            world.channels.keep(Channel("discord", "d", "discord", address))
            broken = replace(world.channels.get("discord"), channel_id="broken", address=address + "?verify=no")
            world.channels.keep(broken)
            channels = [each.channel_id for each in world.channels.all()]
            world.alerts(1, *channels)
            await world.settled(sent=2, dead=len(channels) - 2)
        assert {row.channel for row in world.outbox.of_alerts(["r1-0"]) if row.state == "sent"} == {"bot", "discord"}
    finally:
        for handler in root.handlers:
            handler.close()
        root.handlers, root.level = before
    secrets = [SECRET, "t0ken", token, "4174216298", "bot.test"]
    files = [path for path in world.folder.rglob("*") if path.is_file() and path.name != "channels.json"]
    assert {"analysis.db", "dashboard.log"} <= {path.name for path in files}
    found = [(path.name, each) for path in files for each in secrets if each.encode() in path.read_bytes()]
    assert found == [] and "channel bot: answered 500" in (world.folder / "logs/dashboard.log").read_text()
    assert all(each in (world.folder / "channels.json").read_text() for each in secrets)
