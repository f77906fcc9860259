"""Ids keep increasing, however the last run ended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.intake.gaps import MAX_FETCH_IDS
from simulator.errors import SettingsRefused
from simulator.market import SyntheticMarket
from simulator.settings import coins_named
from simulator.state import RESERVED_IDS, RESERVED_MS, StateWriter, load_state

START = 1_790_000_000_000
HOUR = 3_600_000
COINS = coins_named(["BTCUSDT", "ETHUSDT"])


def started(path: Path, start_ms: int) -> tuple[SyntheticMarket, StateWriter]:
    saved = load_state(path)
    market = SyntheticMarket(COINS, 1, start_ms, 1, state=saved.market if saved else None)
    return market, StateWriter(path, market, saved)


def test_a_clean_stop_continues_with_the_next_id(tmp_path: Path) -> None:
    market, keeper = started(tmp_path / "state.json", START)
    trades = market.advance(START + HOUR)
    keeper.note(START + HOUR, START + HOUR)
    keeper.close(START + HOUR, START + HOUR)
    again, _ = started(tmp_path / "state.json", START + 2 * HOUR)
    assert again.next_ids() == {symbol: rows["id"][-1] + 1 for symbol, rows in trades.items()}
    saved = load_state(tmp_path / "state.json")
    assert saved is not None
    assert (saved.through_ms, saved.market.generation) == (START + HOUR, 1)


def test_a_killed_run_never_had_an_id_that_the_next_one_gives(tmp_path: Path) -> None:
    market, keeper = started(tmp_path / "state.json", START)
    now, given = START, {}
    for hours in range(1, 10):
        now = START + hours * HOUR
        given |= {symbol: rows["id"][-1] for symbol, rows in market.advance(now).items()}
        keeper.note(now, now)
    assert given["BTCUSDT"] > 2 * RESERVED_IDS
    again, _ = started(tmp_path / "state.json", now)
    for symbol, next_id in again.next_ids().items():
        assert given[symbol] < next_id <= given[symbol] + RESERVED_IDS + 1
    saved = load_state(tmp_path / "state.json")
    assert saved is not None
    assert now <= saved.through_ms <= now + RESERVED_MS


def test_the_gap_of_a_killed_run_can_be_fetched() -> None:
    """A bridge server records a larger one and leaves it to dump files, which a simulator has none of."""
    assert RESERVED_IDS < MAX_FETCH_IDS


def test_the_file_is_written_only_when_a_reserve_is_used_up(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    market, keeper = started(path, START)
    market.advance(START + 1_000)
    keeper.note(START + 1_000, START + 1_000)
    written = path.stat().st_mtime_ns
    market.advance(START + RESERVED_MS)
    keeper.note(START + RESERVED_MS, START + RESERVED_MS)
    assert path.stat().st_mtime_ns == written
    keeper.note(START + RESERVED_MS, START + 1_000 + RESERVED_MS + 1)
    assert path.stat().st_mtime_ns > written


def test_coins_that_are_not_traded_now_keep_their_ids(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    market, keeper = started(path, START)
    ids = {symbol: int(rows["id"][-1]) + 1 for symbol, rows in market.advance(START + HOUR).items()}
    keeper.close(START + HOUR, START + HOUR)
    saved = load_state(path)
    assert saved is not None
    only = SyntheticMarket(COINS[:1], 1, START + HOUR, 1, state=saved.market)
    StateWriter(path, only, saved).close(START + HOUR, START + HOUR)
    assert started(path, START + 2 * HOUR)[0].next_ids()["ETHUSDT"] == ids["ETHUSDT"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be used"),
        ("{}", "cannot be used .KeyError"),
        ("[]", "cannot be used .TypeError"),
        (json.dumps({"version": 99}), "has version 99; expected 1"),
        (
            json.dumps({"version": 1, "generation": 1, "factor": 0, "through_ms": 1, "coins": {"A": {}}}),
            "cannot be used",
        ),
    ],
)
def test_a_file_that_is_not_ours_is_refused_and_left_alone(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(SettingsRefused, match=message):
        load_state(path)
    assert path.read_text() == text


def test_no_file_yet_is_a_first_start(tmp_path: Path) -> None:
    assert load_state(tmp_path / "none.json") is None


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    market, keeper = started(tmp_path / "missing" / "state.json", START)
    market.advance(START + 1_000)
    with pytest.raises(SettingsRefused, match="cannot be written"):
        keeper.note(START + 1_000, START + 1_000)
