from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import RowRefused
from engine.market.ticks import Tick, read_row, read_rows, row_of_frame, significant_digits

GOOD = ["BTCUSDT", 3460311796, "85595.90", "0.411", 1790046465580, False]


def test_a_good_row_becomes_a_tick() -> None:
    assert read_row(GOOD) == Tick("BTCUSDT", 3460311796, 85595.9, 0.411, 1790046465580, False)
    assert read_row([*GOOD[:5], None]).buyer_is_maker is None


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        (0, "btcusdt", "expected upper case, 'BTCUSDT'"),
        (0, "", "expected 1 to 32 letters"),
        (0, "A" * 33, "expected 1 to 32 letters"),
        (0, "BTC/USDT", "expected 1 to 32 letters"),
        (0, 7, "expected text"),
        (1, -1, "expected a whole number from 0 to 2^53 - 1"),
        (1, 2**53, "aggregate id is 9007199254740992"),
        (1, True, "aggregate id is True"),
        (1, 1.0, "aggregate id is 1.0"),
        (1, "1", "aggregate id is '1'"),
        (2, "0", "price is '0'; expected more than 0"),
        (2, "0.000", "expected more than 0"),
        (2, "-1", "expected a decimal string"),
        (2, "1e3", "expected a decimal string"),
        (2, ".5", "expected a decimal string"),
        (2, "5.", "expected a decimal string"),
        (2, "1234567890123", "expected a decimal string"),
        (2, "1.1234567890123", "expected a decimal string"),
        (2, "١٢", "expected a decimal string"),
        (2, 85595.9, "price is 85595.9; expected a decimal string"),
        (2, "123456.1234567891", "expected at most 15 significant digits"),
        (3, "0", "quantity is '0'; expected more than 0"),
        (3, "NaN", "quantity is 'NaN'; expected a decimal string"),
        (4, 0, "trade time is 0"),
        (4, 4_102_444_800_000, "to before 4102444800000 (2100)"),
        (4, 1_230_767_999_999, "from 1230768000000 (2009)"),
        (4, 1, "from 1230768000000 (2009)"),
        (4, 1_790_046_465, "from 1230768000000 (2009)"),
        (4, 1.5, "trade time is 1.5"),
        (4, True, "trade time is True"),
        (5, 1, "buyer-is-maker is 1; expected true, false or null"),
    ],
)
def test_a_bad_value_is_refused_with_what_was_found_and_expected(place: int, value: object, says: str) -> None:
    row: list[object] = list(GOOD)
    row[place] = value
    with pytest.raises(RowRefused) as refused:
        read_row(row)
    assert says in str(refused.value)
    assert read_rows([GOOD, row, GOOD]) is None


@pytest.mark.parametrize("row", [[], GOOD[:5], [*GOOD, 1], "BTCUSDT", None, {"s": 1}, 7])
def test_a_row_of_another_shape_is_refused(row: object) -> None:
    with pytest.raises(RowRefused, match="expected six values"):
        read_row(row)
    assert read_rows([row]) is None
    assert read_rows([GOOD, row]) is None


VALUES = [
    st.sampled_from(["BTCUSDT", "ETHUSDT", "币安人生USDT", "btcusdt"]),
    st.one_of(st.integers(0, 2**53 - 1), st.sampled_from([2**53, -1, 1.0, True, "1"])),
    st.one_of(st.from_regex(r"\A[0-9]{1,12}(\.[0-9]{1,12})?\Z"), st.text("0123456789.\n", max_size=14), st.just(1.5)),
    st.from_regex(r"\A[1-9][0-9]{0,11}(\.[0-9]{1,3})?\Z"),
    st.one_of(st.integers(1, 10**14 - 1), st.sampled_from([0, 10**14, None])),
    st.sampled_from([True, False, None, 1]),
]


@given(st.lists(st.tuples(*VALUES).map(list), min_size=1, max_size=4))
def test_rows_read_together_are_as_read_one_by_one(rows: list[list[object]]) -> None:
    together = read_rows(rows)
    try:
        alone = [read_row(row) for row in rows]
    except RowRefused:
        assert together is None
    else:
        is_common = all(len(str(row[place])) <= 15 for row in rows for place in (2, 3))
        assert together == (alone if is_common else None)


@pytest.mark.parametrize("pair", [("1\n2", "3"), ("1\n", "2"), ("1", "\n2"), ("", "1\n2"), ("1\n2", "")])
def test_a_line_break_in_one_value_is_not_taken_for_two_values(pair: tuple[str, str]) -> None:
    assert read_rows([[*GOOD[:2], *pair, *GOOD[4:]]]) is None


def test_symbols_of_any_script_are_taken() -> None:
    assert read_row(["币安人生USDT", *GOOD[1:]]).symbol == "币安人生USDT"
    assert read_row(["BTCUSD_PERP", *GOOD[1:]]).symbol == "BTCUSD_PERP"
    assert read_row(["ETHUSDT_210924", *GOOD[1:]]).symbol == "ETHUSDT_210924"


@given(st.integers(0, 10**12 - 1), st.integers(0, 10**12 - 1), st.integers(0, 12))
def test_every_decimal_taken_is_given_back_to_the_last_digit(whole: int, fraction: int, places: int) -> None:
    text = f"{whole}.{fraction:012d}"[: len(str(whole)) + 1 + places] if places else str(whole)
    row = [*GOOD[:2], text, *GOOD[3:]]
    if Decimal(text) == 0 or significant_digits(text) > 15:
        with pytest.raises(RowRefused):
            read_row(row)
    else:
        assert Decimal(repr(read_row(row).price)) == Decimal(text)


def test_only_aggregate_trades_are_rows() -> None:
    frame = {"e": "aggTrade", "E": 2, "a": 1, "s": "BTCUSDT", "p": "2", "q": "3", "nq": "3", "T": 5, "m": True, "st": 1}
    row = ["BTCUSDT", 1, "2", "3", 5, True]
    assert row_of_frame(frame) == row
    assert row_of_frame({"stream": "btcusdt@aggTrade", "data": frame}) == row
    for other in ({**frame, "e": "trade"}, {"result": None, "id": 1}, {"data": 3}, [frame], 7, {"data": None}):
        assert row_of_frame(other) is None


def test_a_frame_without_a_field_is_refused_by_name() -> None:
    row = row_of_frame({"e": "aggTrade", "a": 1, "s": "BTCUSDT", "q": "3", "T": 5, "m": True})
    with pytest.raises(RowRefused, match="price is None"):
        read_row(row)
