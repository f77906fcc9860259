"""Channels: kept for their owner alone, shown masked, refused without saying what was typed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import NotAllowed, SettingsError, StoreError
from runtime.secrets import write_private
from services.delivery.channels import ChannelFile, ChannelMissing
from services.delivery.network import Network
from services.delivery.senders import Senders
from services.delivery.service import ChannelService
from services.delivery.shown import ShownChannels
from services.errors import problem_of
from tests.engine.store.contract.memory_alerts import MemoryAlerts
from tests.services.delivery.receivers import http
from tests.services.delivery.test_senders import ADDRESSES

HOOK = {"name": "bot", "kind": "webhook", "address": "https://k3y.bot.example/hook/t0ken?x=1"}
MAIL: dict[str, Any] = {
    "name": "mail", "kind": "email", "address": "you@mail.example, me@mail.example", "secret": "passw0rd",
    "options": {"host": "smtp.mail.example", "user": "me", "sender": "me@mail.example"},
}  # fmt: skip
PHONE = {"name": "phone", "kind": "telegram", "address": ADDRESSES["telegram"]}
SECRETS = ("k3y", "t0ken", "passw0rd", "ABCdef", "12315544", "you@mail", "me@mail", "smtp.mail")


class World:
    def __init__(self, folder: Path, allowed: frozenset[str] = frozenset()) -> None:
        self.path = folder / "channels.json"
        self.is_owner = True
        self.file = ChannelFile(self.path, write_private)
        senders = Senders(Network(allowed, lambda *_: ["127.0.0.1"]), lambda: 1_000.0)
        self.logged: list[tuple[str, Any, Any]] = []
        outbox = MemoryAlerts()
        self.service = ChannelService(self.file, senders, outbox, self.require_owner, self.changed, lambda: 5)

    def changed(self, what: str, before: Any, after: Any) -> None:
        self.logged.append((what.split()[0], before, after))

    def require_owner(self) -> None:
        if not self.is_owner:
            raise NotAllowed("view only")


def test_channels_are_kept_masked_and_in_a_private_file(tmp_path: Path) -> None:
    world = World(tmp_path)
    made = [world.service.add(each) for each in (HOOK, MAIL, PHONE)]
    assert [len(each.secret) for each in made] == [64, 0, 0] and world.path.stat().st_mode & 0o777 == 0o600
    views = World(tmp_path).service.channels()  # read again
    assert [(each.name, each.kind) for each in views] == [("bot", "webhook"), ("mail", "email"), ("phone", "telegram")]
    addresses = ["https://….bot.example/••••••", "y…@mail.example, m…@mail.example", "telegram ••••••"]
    assert [each.address for each in views] == addresses
    assert views[1].options == {"host": "….mail.example", "port": "465", "tls": "tls", "user": "••••••",
                                "sender": "m…@mail.example"}  # fmt: skip
    shown = ShownChannels(world.service).channels()
    assert [each.says for each in shown][::2] == ["webhook: https://….bot.example/••••••", "telegram: telegram ••••••"]
    for text in (repr(views), repr(world.file.all()), repr(shown)):
        assert not any(secret in text for secret in (*SECRETS, made[0].secret))


def test_a_topic_of_ntfy_may_be_given_as_its_app_takes_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    added = world.service.add({"name": "phone", "kind": "ntfy", "address": "mark-pairs-7f31"})
    assert world.file.get(added.view.channel_id).address == "ntfy://mark-pairs-7f31"
    assert "mark-pairs" not in repr(added.view)
    with pytest.raises(SettingsError, match="the address is not of ntfy"):
        world.service.add({"name": "phone", "kind": "ntfy", "address": "mark.pairs/x"})


def test_a_channel_is_changed_and_removed(tmp_path: Path) -> None:
    world = World(tmp_path)
    first = world.service.add(HOOK)
    channel_id = first.view.channel_id
    assert world.service.change(channel_id, {"name": "robot"}).secret == ""
    renewed = world.service.change(channel_id, {"secret": ""}).secret
    assert renewed != first.secret and world.file.get(channel_id).secret == renewed
    shape = {"shape": "freqtrade", "leg": "y", "action": "by_z", "authorization": "Bearer t0ken"}
    assert world.service.change(channel_id, {"options": shape}).view.options["authorization"] == "••••••"
    emptied = dict.fromkeys(shape, "")
    assert world.service.change(channel_id, {"options": emptied}).view.options == {}
    with pytest.raises(SettingsError, match="the kind of a channel stays webhook"):
        world.service.change(channel_id, {"kind": "email"})
    world.service.remove(channel_id)
    with pytest.raises(ChannelMissing) as missing:
        world.service.remove(channel_id)
    assert problem_of(missing.value).status == 404 and world.service.channels() == []
    assert [what for what, _, _ in world.logged] == ["add", "change", "change", "change", "change", "remove"]
    assert not any(secret in str(world.logged) for secret in (*SECRETS, first.secret, renewed))


@pytest.mark.parametrize(
    ("base", "changes"),
    [
        (HOOK, {"address": "https://127.0.0.1/t0ken"}), (HOOK, {"address": "http://bot.example/t0ken"}),
        (HOOK, {"name": " "}), (HOOK, {"name": "n" * 81}), (HOOK, {"kind": "json"}), (HOOK, {"kind": "browser"}),
        (HOOK, {"secret": "passw0rd"}), (HOOK, {"options": {"shape": "5commas"}}), (HOOK, {"options": {"leg": "y"}}),
        (HOOK, {"options": {"shape": "freqtrade", "leg": "z", "action": "by_z"}}), (HOOK, {"options": ["t0ken"]}),
        (HOOK, {"options": {"shape": "3commas", "leg": "y", "action": "by_z", "bot_secret": "t0ken"}}),
        (HOOK, {"options": {"authorization": "t0ken\r\nX: 1"}}), (HOOK, {"address": 5}), (HOOK, {"other": "t0ken"}),
        (MAIL, {"address": "you@"}), (MAIL, {"address": "a@b.example\nBcc: you@b.example"}),
        (MAIL, {"options": {**MAIL["options"], "host": "10.0.0.1"}}),
        (MAIL, {"options": {**MAIL["options"], "port": "0"}}),
        (MAIL, {"options": {**MAIL["options"], "tls": "none"}}),
        (PHONE, {"address": "ntfys://t0ken.example/x"}), (PHONE, {"options": {"shape": "plain"}}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_without_repeating_it(
    tmp_path: Path, base: dict[str, Any], changes: dict[str, Any]
) -> None:  # fmt: skip
    world = World(tmp_path)
    with pytest.raises(SettingsError) as refused:
        world.service.add({**base, **changes})
    assert not any(secret in str(refused.value) for secret in SECRETS) and not world.path.exists()


def test_only_the_owner_changes_and_tests(tmp_path: Path) -> None:
    world = World(tmp_path)
    channel_id = world.service.add(HOOK).view.channel_id
    world.is_owner = False
    acts: list[Callable[[], object]] = [
        lambda: world.service.add(HOOK), lambda: world.service.change(channel_id, {}),
        lambda: world.service.remove(channel_id), lambda: world.service.test(channel_id),
        lambda: world.service.revive("o"),
    ]  # fmt: skip
    for act in acts:
        with pytest.raises(NotAllowed):
            act()
    assert len(world.service.channels()) == 1 and world.service.dead() == [] and world.service.counts() == {}


def test_a_damaged_file_is_named_without_what_is_in_it(tmp_path: Path) -> None:
    for text in ('{"channels": [{"address": "t0ken"}]}', "t0ken", '{"other": "t0ken"}', '{"channels": 5}'):
        (tmp_path / "channels.json").write_text(text)
        with pytest.raises(StoreError, match="repair it, or move it away") as damaged:
            World(tmp_path)
        assert "t0ken" not in str(damaged.value) and damaged.value.__cause__ is None


async def test_a_test_is_sent_at_once_but_never_as_a_signal(tmp_path: Path) -> None:
    async with http() as receiver:
        world = World(tmp_path, frozenset({"localhost"}))
        address = f"http://localhost:{receiver.port}/t0ken"
        channel_id = world.service.add({**HOOK, "address": address}).view.channel_id
        outcome = await asyncio.to_thread(world.service.test, channel_id)
        assert outcome.state == "sent" and json.loads(receiver.requests[0].body)["alert"]["kind"] == "test"
        shape = {"shape": "freqtrade", "leg": "y", "action": "enter_long"}
        world.service.change(channel_id, {"options": shape})
        outcome = await asyncio.to_thread(world.service.test, channel_id)
        assert outcome.state == "refused" and "is no signal" in outcome.error and len(receiver.requests) == 1


def test_the_newest_removal_can_be_taken_back(tmp_path: Path) -> None:
    world = World(tmp_path)
    first, second = (world.service.add(each).view for each in (HOOK, MAIL))
    kept = {each.channel_id: each for each in world.file.all()}
    for view in (first, second):
        world.service.remove(view.channel_id)
    with pytest.raises(ChannelMissing, match="expected the newest"):
        world.service.put_back(first.channel_id)
    assert world.service.put_back(second.channel_id) == second and world.file.all() == [kept[second.channel_id]]
    assert world.logged[-1][0] == "put" and not any(secret in repr(world.logged) for secret in SECRETS)
    with pytest.raises(ChannelMissing):
        world.service.put_back(second.channel_id)
    world.is_owner = False
    with pytest.raises(NotAllowed):
        world.service.put_back(second.channel_id)
