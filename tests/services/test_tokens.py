"""Tokens: made, listed, revoked, by the service and the command line, in one file that its owner alone reads."""

from __future__ import annotations

import json
import stat
import threading
from pathlib import Path

import pytest

from engine.errors import SettingsError, StoreError
from services.tokens import MOST_TOKENS, TokenMissing, TokenService, main


class Clock:
    now = 1_790_000_000_000

    def __call__(self) -> int:
        return self.now


def test_the_secret_is_nowhere_on_disk(tmp_path: Path) -> None:
    tokens = TokenService(tmp_path, Clock())
    made, secret = tokens.make("trader", "desk")
    assert tokens.check(secret) == made
    tokens.keep_uses()
    assert stat.S_IMODE((tmp_path / "tokens.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "token-uses.json").stat().st_mode) == 0o600
    texts = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(secret.rpartition("_")[2] in text for text in texts)


def test_revoked_at_once_in_every_process(tmp_path: Path) -> None:
    one, other = TokenService(tmp_path, Clock()), TokenService(tmp_path, Clock())
    made, secret = one.make("viewer", "a")
    assert other.check(secret) is not None and other.is_valid(made.token_id)
    one.revoke(made.token_id)
    assert one.check(secret) is None and other.check(secret) is None and not other.is_valid(made.token_id)
    assert one.revoke(made.token_id).revoked_ms == Clock.now  # again: as it was
    with pytest.raises(TokenMissing, match="no token has the id 'nope'"):
        one.revoke("nope")


def test_the_last_use_is_shown_and_kept(tmp_path: Path) -> None:
    clock = Clock()
    tokens = TokenService(tmp_path, clock)
    _, secret = tokens.make("viewer", "a")
    assert tokens.all()[0].used_ms is None
    tokens.check(secret)
    clock.now += 30_000
    tokens.check(secret)
    assert tokens.all()[0].used_ms == clock.now
    assert json.loads((tmp_path / "token-uses.json").read_text()) != {} and TokenService(tmp_path).all()[0].used_ms
    tokens.keep_uses()
    assert TokenService(tmp_path).all()[0].used_ms == clock.now


@pytest.mark.parametrize("secret", ["", "_", "__", "pb__", "pb_a_b", "\x00", "pb_é_é", "x" * 10_000])
def test_what_is_no_token_opens_nothing(tmp_path: Path, secret: str) -> None:
    tokens = TokenService(tmp_path)
    assert tokens.check(secret) is None
    tokens.make("viewer", "a")
    assert tokens.check(secret) is None


def test_changes_of_several_threads_are_all_kept(tmp_path: Path) -> None:
    threads = [threading.Thread(target=TokenService(tmp_path).make, args=("feeder", str(n))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.name for each in TokenService(tmp_path).all()) == [str(n) for n in range(8)]


def test_names_roles_and_numbers_are_limited(tmp_path: Path) -> None:
    tokens = TokenService(tmp_path)
    for role, name, says in (
        ("owner", "a", "role is 'owner'"), ("viewer", "", "expected 1 to 60"), ("viewer", "a\n", "printable"),
    ):  # fmt: skip
        with pytest.raises(SettingsError, match=says):
            tokens.make(role, name)
    made = [tokens.make("viewer", "a")[0] for _ in range(MOST_TOKENS)]
    with pytest.raises(SettingsError, match="revoke some"):
        tokens.make("viewer", "one more")
    tokens.revoke(made[0].token_id)
    tokens.make("viewer", "one more")
    assert len(tokens.all()) == MOST_TOKENS


def test_a_damaged_file_opens_nothing(tmp_path: Path) -> None:
    tokens = TokenService(tmp_path)
    _, secret = tokens.make("trader", "a")
    (tmp_path / "tokens.json").write_text("{}")
    with pytest.raises(StoreError, match="is no list of tokens"):
        tokens.check(secret)


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = ["--data-dir", str(tmp_path)]
    assert main([*at, "make", "feeder", "my forwarder"]) == 0
    secret = capsys.readouterr().out.split("\n")[0]
    tokens = TokenService(tmp_path)
    token = tokens.check(secret)
    assert token is not None and (token.role, token.name) == ("feeder", "my forwarder")
    assert main([*at, "list"]) == 0
    line = capsys.readouterr().out
    assert token.token_id in line and "feeder" in line and "my forwarder" in line and secret not in line
    assert main([*at, "revoke", token.token_id]) == 0 and tokens.check(secret) is None
    assert main([*at, "revoke", "nope"]) == 2 and "no token has the id" in capsys.readouterr().err
