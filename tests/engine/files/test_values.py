"""Numbers, times, symbols: what is taken for what, and what is refused with a true reason."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import RowRefused
from engine.files.names import FileName, read_file_name
from engine.files.values import (
    DOUBLE,
    NAIVE,
    are_epoch_ms,
    read_flag,
    read_number,
    read_symbol_name,
    read_time,
    read_whole,
    read_zone,
)
from engine.market.ticks import MAX_TIME_MS, MIN_TIME_MS

decimals = st.builds(
    lambda units, places: Decimal(units).scaleb(-places), st.integers(1, 10**15 - 1), st.integers(0, 12)
).filter(lambda number: number < 10**12)


class TestNumbers:
    @pytest.mark.parametrize(
        ("text", "plain"),
        [
            ("85595.90", "85595.90"), (" 1 ", "1"), ("1e-05", "0.00001"), ("1.5E+3", "1500"), (".5", "0.5"),
            ("5.", "5"), ("+1", "1"), ("0", "0"), ("0.0000012000000000000", "0.0000012"), ("1E5", "100000"),
        ],
    )  # fmt: skip
    def test_every_notation_is_the_decimal_it_stands_for(self, text: str, plain: str) -> None:
        assert read_number(text) == (plain, None)

    @pytest.mark.parametrize(
        ("text", "plain"),
        [
            ("1.2299999999999999e-06", "0.00000123"), ("3.0000000000000004e-05", "0.00003"),
            ("0.30000000000000004", "0.3"), ("85595.900000000001", "85595.9"),
            ("0.12345678901200001", "0.123456789012"),
        ],
    )  # fmt: skip
    def test_a_printed_double_is_its_decimal_and_said_to_be_one(self, text: str, plain: str) -> None:
        assert read_number(text) == (plain, DOUBLE)

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("0.1234567890123", "has 13 decimals; expected at most 12"), ("1e-13", "has 13 decimals"),
            ("58628.41981065185", "has 16 significant digits; expected at most 15"),
            ("1234567890123", "has 13 digits before the point; expected at most 12"),
            ("=1+1", "is no number"), ("NaN", "is no number"), ("inf", "is no number"), ("-1", "is no number"),
            ("1_000", "is no number"), ("1,5", "is no number"), ("1,234.5", "is no number"), ("１２", "is no number"),
            ("0x10", "is no number"), ("", "is no number"), (".", "is no number"), ("e5", "is no number"),
            ("1 000", "is no number"), (None, "is no number"), (True, "is no number"),
            ("9" * 50_000_000, "is no number"),
        ],
        ids=lambda value: str(value)[:24],
    )  # fmt: skip
    def test_what_is_no_such_number_is_refused_with_a_true_reason(self, text: object, says: str) -> None:
        with pytest.raises(RowRefused, match=says) as refused:
            read_number(text)
        assert len(str(refused.value)) < 200

    def test_a_decimal_comma_is_one_only_where_the_file_has_them(self) -> None:
        assert read_number("1,5", comma=True) == ("1.5", None) and read_number("3", comma=True) == ("3", None)
        for text in ("1.5", "1.234,5", "1,234,5"):
            with pytest.raises(RowRefused):
                read_number(text, comma=True)

    def test_a_volume_is_a_sum_and_may_have_more_digits(self) -> None:
        assert read_number("1234567890123456.123456", is_volume=True) == ("1234567890123456.123456", None)
        with pytest.raises(RowRefused, match="has 19 decimals; expected at most 18"):
            read_number("0.1234567890123456789", is_volume=True)

    @given(decimals)
    def test_a_decimal_comes_back_from_any_way_of_writing_it(self, number: Decimal) -> None:
        double = float(number)
        neighbours = (math.nextafter(double, 0.0), math.nextafter(double, math.inf))
        exact = (f"{number:f}", f"{number:e}", repr(double), f"{double:.17g}", f"{double:.16e}")
        for text in exact:
            assert Decimal(read_number(text)[0]) == number
        for neighbour in neighbours:
            plain, note = read_number(repr(neighbour))
            assert (Decimal(plain), note) == (number, DOUBLE)


class TestTimes:
    @given(st.integers(MIN_TIME_MS + 86_400_000, MAX_TIME_MS - 86_400_000), st.sampled_from([0, 60, -330, 345]))
    def test_every_unit_and_notation_is_the_same_time(self, ms: int, offset_min: int) -> None:
        seconds, rest = divmod(ms, 1_000)
        written = {
            f"{seconds}.{rest:03d}": "seconds", str(ms): "milliseconds", f"{ms}.0": "milliseconds",
            f"{ms}123": "microseconds", f"{ms}999999": "nanoseconds",
        }  # fmt: skip
        for text, unit in written.items():
            assert read_time(text) == (ms, unit)
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
        zone = timezone(timedelta(minutes=offset_min))
        for text in (moment.astimezone(zone).isoformat(), moment.astimezone(zone).isoformat(" ")):
            assert read_time(text) == (ms, "ISO 8601")
        assert read_time(moment.replace(tzinfo=None).isoformat(), zone) == (ms - offset_min * 60_000, "ISO 8601")
        assert read_time(moment.replace(tzinfo=None).isoformat()) == (ms, NAIVE)
        assert are_epoch_ms([str(ms)])

    def test_seconds_printed_as_a_double_are_the_millisecond_they_were(self) -> None:
        assert read_time("1767225600.1229999") == (1_767_225_600_123, "seconds")
        assert read_time("1767225600.122999") == (1_767_225_600_122, "seconds")

    @pytest.mark.parametrize(
        "text",
        [
            "0", "1", "1230767999", "4102444800", "1230767999999", "20260101", "1.76723E+12", "yesterday", "",
            "01/02/2026", "2026-13-01T00:00:00Z", "2008-12-31T23:59:59Z", "2100-01-01", "12:00", "NaN", "-1767225600",
        ],
    )  # fmt: skip
    def test_no_time_from_2009_to_2100_is_refused(self, text: str) -> None:
        with pytest.raises(RowRefused, match="expected"):
            read_time(text)
        assert not are_epoch_ms([text])

    def test_a_date_is_a_day_in_utc(self) -> None:
        assert read_time("2026-01-01", read_zone("Asia/Tokyo")) == (1_767_225_600_000, "ISO 8601")

    def test_a_clock_time_that_comes_twice_or_never_is_refused(self) -> None:
        berlin = read_zone("Europe/Berlin")
        with pytest.raises(RowRefused, match="happens twice in Europe/Berlin"):
            read_time("2025-10-26 02:30:00", berlin)
        with pytest.raises(RowRefused, match="happens never in Europe/Berlin"):
            read_time("2025-03-30T02:30:00", berlin)
        assert read_time("2025-10-26T03:30:00", berlin)[0] == read_time("2025-10-26T02:30:00Z")[0]
        with pytest.raises(ValueError, match="zone is 'Mars/Base'"):
            read_zone("Mars/Base")


class TestSymbols:
    @pytest.mark.parametrize(
        ("text", "symbol"),
        [
            ("btcusdt", "BTCUSDT"), ("BTC/USDT", "BTCUSDT"), ("BTC-USDT", "BTCUSDT"), ("btc_usdt", "BTCUSDT"),
            ("BTCUSD_PERP", "BTCUSD_PERP"), ("btcusdt_260327", "BTCUSDT_260327"), ("币安人生USDT", "币安人生USDT"),
            ("NA", "NA"), (" null ", "NULL"), ("e\u0301usdt", "\u00c9USDT"),
        ],
    )  # fmt: skip
    def test_spellings_of_other_programs_are_mapped(self, text: str, symbol: str) -> None:
        assert read_symbol_name(text) == symbol

    @pytest.mark.parametrize("text", ["", "BTC:USDT", "a\0b", "=CMD()", None, 7, "X" * 33, "BTC,USDT"])
    def test_no_symbol(self, text: object) -> None:
        with pytest.raises(RowRefused, match="symbol"):
            read_symbol_name(text)

    def test_flags_and_ids(self) -> None:
        assert [read_flag(each) for each in ("true", "False", "1", "0", True, "", None)] == [
            True, False, True, False, True, None, None,
        ]  # fmt: skip
        assert read_whole("17") == 17
        for reader, bad in ((read_flag, "2"), (read_flag, "yes"), (read_whole, "1.5"), (read_whole, "-1")):
            with pytest.raises(RowRefused):
                reader(bad)


@pytest.mark.parametrize(
    ("name", "symbol", "width_ms"),
    [
        ("BTCUSDT-aggTrades-2026-01-01.csv", "BTCUSDT", None),
        ("RENUSDT_aggTrades_2026-01-01.csv", "RENUSDT", None),
        ("btcusdt.csv", "BTCUSDT", None),
        ("BTC-USDT_1m.csv", "BTCUSDT", 60_000),
        ("AAPL.csv", "AAPL", None),
        ("BTCUSD_PERP-1h-2026-01.zip", "BTCUSD_PERP", 3_600_000),
        ("folder/ETHUSDT-1d-2026-01.csv", "ETHUSDT", 86_400_000),
        ("BTCUSDT_260327-aggTrades-2026-01.csv", "BTCUSDT_260327", None),
        ("币安人生USDT-1m-2026-01.csv", "币安人生USDT", 60_000),
        ("1000PEPEUSDT-trades-2026-01-01.csv", "1000PEPEUSDT", None),
        ("..\\..\\ETHUSDT.csv", "ETHUSDT", None),
        ("data.csv", None, None),
        ("export (3).csv", None, None),
        ("BTCUSDT (1).csv", None, None),
        ("DATA.csv", None, None),
        ("Binance_BTCUSDT_1h.csv", None, 3_600_000),
        ("2026-01-01.csv", None, None),
        (".csv", None, None),
        ("BTCUSDT-1M-2026.csv", None, None),
        ("my trades of BTCUSDT.csv", None, None),
    ],
)  # fmt: skip
def test_a_name_gives_a_symbol_only_where_every_word_is_understood(
    name: str, symbol: str | None, width_ms: int | None
) -> None:
    assert read_file_name(name) == FileName(symbol, width_ms)
