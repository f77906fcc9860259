"""The trade history against a plain list."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import trade_history as trade_histories
from simulator.trade_history import (
    TRADES,
    Rows,
    TradeHistory,
    decimal_text,
    decimal_units,
    digest_of,
    joined,
    trades_of,
)


def rows_of(ids: list[int], times: list[int] | None = None) -> Rows:
    rows = np.zeros(len(ids), TRADES)
    rows["id"] = ids
    rows["time_ms"] = times or ids
    return rows


def filled(ids: list[int], monkeypatch: pytest.MonkeyPatch, **bounds: int) -> TradeHistory:
    monkeypatch.setattr(trade_histories, "CHUNK_ROWS", 8)
    trade_history = TradeHistory(bounds.get("remember_trades", 10_000), bounds.get("remember_ms", 10**12))
    for at in range(0, len(ids), 5):
        trade_history.append(rows_of(ids[at : at + 5]))
    return trade_history


@given(st.integers(0, 10**17), st.integers(0, 17))
def test_a_decimal_survives_text(units: int, decimals: int) -> None:
    if len(f"{units:0{decimals + 1}d}") <= 18:
        assert decimal_units(decimal_text(units, decimals)) == (units, decimals)


@pytest.mark.parametrize(
    "text", ["", ".", "1.", ".5", "-1", "+1", "1e5", "01", "1,5", "nan", "१", "1" * 19, "0." + "1" * 18]
)
def test_what_is_no_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no plain decimal"):
        decimal_units(text)


def test_trades_and_their_digest() -> None:
    rows = rows_of([7], [1_790_000_000_000])
    rows["price"], rows["price_decimals"], rows["quantity"], rows["quantity_decimals"], rows["maker"] = (
        8559590,
        2,
        411,
        3,
        1,
    )
    trades = trades_of("BTCUSDT", rows)
    assert trades == [("BTCUSDT", 7, "85595.90", "0.411", 1_790_000_000_000, True)]
    assert digest_of(trades) == hashlib.sha256(b"7,85595.90,0.411,1790000000000,1\n").hexdigest()


IDS = [*range(100, 130), *range(150, 170)]


class TestLookups:
    @pytest.mark.parametrize("from_id", [0, 100, 107, 108, 129, 130, 149, 150, 169, 170])
    @pytest.mark.parametrize("limit", [1, 3, 1_000])
    def test_from_id(self, from_id: int, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
        trade_history = filled(IDS, monkeypatch)
        expected = [agg_id for agg_id in IDS if agg_id >= from_id][:limit]
        assert trade_history.from_id(from_id, limit)["id"].tolist() == expected

    @pytest.mark.parametrize("limit", [1, 8, 13, 1_000])
    def test_latest(self, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
        assert filled(IDS, monkeypatch).latest(limit)["id"].tolist() == IDS[-limit:]

    def test_between_includes_both_ends_and_does_not_need_rising_times(self) -> None:
        trade_history = TradeHistory(1_000, 10**12)
        trade_history.append(rows_of([1, 2, 3, 4], [10, 30, 20, 40]))
        assert trade_history.between(20, 30)["id"].tolist() == [2, 3]
        assert trade_history.between(41, 99)["id"].tolist() == []

    def test_an_empty_tape_has_nothing(self) -> None:
        trade_history = TradeHistory(1_000, 10**12)
        assert (trade_history.first_id, trade_history.last_id, trade_history.count) == (None, None, 0)
        assert (
            len(trade_history.from_id(0, 10)) == len(trade_history.latest(10)) == len(trade_history.between(0, 99)) == 0
        )


class TestBounds:
    def test_the_oldest_are_forgotten_past_the_number_of_trades(self, monkeypatch: pytest.MonkeyPatch) -> None:
        trade_history = filled(list(range(1_000)), monkeypatch, remember_trades=100)
        assert 100 <= trade_history.count < 100 + 8 + 5
        assert trade_history.last_id == 999
        assert trade_history.first_id == 1_000 - trade_history.count

    def test_the_oldest_are_forgotten_past_the_age(self, monkeypatch: pytest.MonkeyPatch) -> None:
        trade_history = filled(list(range(1_000)), monkeypatch, remember_ms=50)
        assert 50 <= trade_history.count < 50 + 2 * 8

    def test_what_is_forgotten_on_demand_is_gone_everywhere(self, monkeypatch: pytest.MonkeyPatch) -> None:
        trade_history = filled(list(range(40)), monkeypatch)
        before = trade_history.snapshot()
        trade_history.forget(np.array([5, 6, 7, 8, 39]))
        kept = [agg_id for agg_id in range(40) if agg_id not in (5, 6, 7, 8, 39)]
        assert joined(trade_history.snapshot())["id"].tolist() == kept
        assert trade_history.count == len(kept)
        assert trade_history.last_id == 38
        assert joined(before)["id"].tolist() == list(range(40)), "a snapshot taken before stays what it was"
        trade_history.append(rows_of([40, 41]))
        assert trade_history.latest(3)["id"].tolist() == [38, 40, 41]
