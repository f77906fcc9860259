"""The dashboard's process delivers what is in its outbox, and says which file stops it."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.secrets import write_private
from services.delivery.channels import Channel, ChannelFile
from tests.conftest import until
from tests.services.delivery.receivers import http
from tests.services.delivery.test_delivery import SECRET, World
from tests.test_dashboard_process import dashboard, ended, made, run


async def test_the_dashboard_sends_alerts_to_receivers_that_are_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made(tmp_path / "ticks.db")
    world = World(tmp_path)
    world.alerts(3, "bot", "inside")
    world.store.close()
    async with http() as receiver, http() as inside:
        channels = ChannelFile(tmp_path / "channels.json", write_private)
        for channel_id, host in (("bot", f"localhost:{receiver.port}"), ("inside", f"127.0.0.1:{inside.port}")):
            channels.keep(Channel(channel_id, channel_id, "webhook", f"http://{host}/t0ken", SECRET))
        monkeypatch.setenv("PAIRBRIDGE_ALLOWED_RECEIVERS", f"localhost:{receiver.port}")
        monkeypatch.setenv("PAIRBRIDGE_LOG_LEVEL", "DEBUG")
        with dashboard(tmp_path) as (process, _):
            await until(lambda: world.outbox.counts() == {"sent": 3, "dead": 3}, 30)
            process.terminate()
            code, said = ended(process)
    assert (code, len(receiver.taken), inside.requests) == (0, 3, []) and "t0ken" not in said
    assert holders(tmp_path, b"t0ken") == holders(tmp_path, SECRET.encode()) == ["channels.json"]


def holders(folder: Path, secret: bytes) -> list[str]:
    """The files that hold it."""
    return [path.name for path in folder.rglob("*") if path.is_file() and secret in path.read_bytes()]


async def test_channels_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    await made(tmp_path / "ticks.db")
    (tmp_path / "channels.json").write_text("t0ken")
    code, said = run("dashboard.py", tmp_path)
    assert code == 2 and "channels.json cannot be read" in said and "t0ken" not in said
