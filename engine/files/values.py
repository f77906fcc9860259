"""Numbers, times, symbols and flags as files write them: one parser, whatever the format.

A number is read as the decimal it stands for; nothing is rounded, except that a double that was printed in full
(``1.2299999999999999e-06``) and lies within one unit in its last place of a decimal of at most 12 places and 15 digits
is that decimal; such are counted. A time is a number whose unit is told by its magnitude, or ISO 8601.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.errors import RowRefused
from engine.market.ticks import (
    MAX_SIGNIFICANT_DIGITS,
    MAX_TIME_MS,
    MIN_TIME_MS,
    read_symbol,
    significant_digits,
)

DOUBLE, NAIVE = "printed as a double", "without a zone"  # what is counted of a value
MAX_PLACES = 12  # digits before and behind the point
_VOLUME_DIGITS = 18
UNITS = (("seconds", 1_000), ("milliseconds", 1), ("microseconds", -1_000), ("nanoseconds", -1_000_000))

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_NUMBER = re.compile(r"\+?([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,3}))?", re.ASCII).fullmatch
_EPOCH_MS = re.compile(r"[1-4][0-9]{12}(?:\n[1-4][0-9]{12})*", re.ASCII).fullmatch
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII).fullmatch
_WHOLE = re.compile(r"[0-9]{1,16}", re.ASCII).fullmatch
_LEAST = Decimal(1).scaleb(-MAX_PLACES)
_LONGEST = 60  # characters of any value
_TIME_EXPECTED = "expected ISO 8601 such as 2026-01-31T23:59:59.5Z, or seconds or milliseconds since 1970"
_SURE_DIGITS = 10  # of a time in scientific notation: with fewer, a spreadsheet has cut it
_SEPARATORS = str.maketrans("", "", "/- ")
_CONTRACT = re.compile(r"[^\W_]+_(?:PERP|[0-9]{6})")


def read_number(text: object, comma: bool = False, is_volume: bool = False) -> tuple[str, str | None]:
    """A number of at least 0 as a plain decimal string, and DOUBLE where it was a printed double.

    ``comma``: the decimal mark. ``is_volume``: a bar's, a sum, which may have up to 18 digits before and behind the
    point. Raises RowRefused with what is wrong.

    >>> read_number("1e-05"), read_number("1.2299999999999999e-06"), read_number("0,5", comma=True)
    (('0.00001', None), ('0.00000123', 'printed as a double'), ('0.5', None))
    """
    decimal = _plain(text, comma)
    whole, _, places = decimal.partition(".")
    most = _VOLUME_DIGITS if is_volume else MAX_PLACES
    if len(whole) > most or len(places) > most:
        whole, places = whole.lstrip("0") or "0", places.rstrip("0")
        decimal = f"{whole}.{places}" if places else whole
    if len(whole) > most:
        raise RowRefused(f"{shown(text)} has {len(whole)} digits before the point; expected at most {most}")
    digits = significant_digits(decimal)
    if len(places) <= most and (is_volume or digits <= MAX_SIGNIFICANT_DIGITS):
        return decimal, None
    double = float(decimal)
    near = Decimal(f"{double:.{MAX_SIGNIFICANT_DIGITS}g}")
    if -int(near.as_tuple().exponent) > MAX_PLACES:
        near = Decimal(double).quantize(_LEAST)
    if digits > MAX_SIGNIFICANT_DIGITS and near > 0 and abs(float(near) - double) <= math.ulp(double):
        return format(near.normalize(), "f"), DOUBLE
    if len(places) > most:
        raise RowRefused(f"{shown(text)} has {len(places)} decimals; expected at most {most}")
    raise RowRefused(f"{shown(text)} has {digits} significant digits; expected at most {MAX_SIGNIFICANT_DIGITS}")


def read_rate(text: object, comma: bool = False) -> tuple[str, str | None]:
    """A number of either sign with up to 18 decimals, otherwise as ``read_number``. Raises RowRefused.

    >>> read_rate("-1.2E-05")
    ('-0.000012', None)
    """
    plain = text.strip() if isinstance(text, str) else ""
    is_negative = plain.startswith("-") and not plain.startswith("-+")
    number, note = read_number(plain[1:] if is_negative else text, comma, is_volume=True)
    return (f"-{number}" if is_negative else number), note


def _plain(text: object, comma: bool) -> str:
    """A number without an exponent, with a point and a digit before it."""
    plain = text.strip() if isinstance(text, str) else ""
    if comma:
        if "." in plain:
            raise RowRefused(f"{shown(text)} has a point; expected a decimal comma as in the other rows")
        plain = plain.replace(",", ".")
    found = _NUMBER(plain) if len(plain) <= _LONGEST else None
    if found is None or not (found[1] or found[2]):
        raise RowRefused(f"{shown(text)} is no number; expected one such as 85595.90")
    if found[1] and found[3] is None and found[2] != "" and plain[0] != "+":
        return plain
    return format(Decimal(plain), "f")


def are_epoch_ms(texts: Sequence[str]) -> bool:
    """Whether all are whole milliseconds since 1970 as they stand, so that ``int`` reads them."""
    lines = "\n".join(texts)
    if lines.count("\n") >= len(texts) or _EPOCH_MS(lines) is None:
        return False
    return min(texts) >= str(MIN_TIME_MS) and max(texts) < str(MAX_TIME_MS)  # all have 13 digits


def read_time(text: object, zone: tzinfo | None = None) -> tuple[int, str]:
    """Milliseconds since 1970 (cut, not rounded), and the unit or ``ISO 8601`` or NAIVE: what it was taken for.

    A number's unit is the one in which it lies from 2009 to before 2100. Text without a zone takes ``zone``; without
    one it counts as UTC and is said to be NAIVE. A date alone is a day in UTC. Raises RowRefused.

    >>> read_time("1767225600"), read_time("2026-01-01T01:00:00+01:00")
    ((1767225600000, 'seconds'), (1767225600000, 'ISO 8601'))
    """
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise RowRefused(f"{shown(text)} is no time; {_TIME_EXPECTED}")
    plain = text.strip()
    if _NUMBER(plain) and plain:
        return _read_epoch(plain)
    if _DATE(plain):
        plain += "T00:00:00Z"
    try:
        time = datetime.fromisoformat(plain)
    except ValueError:
        raise RowRefused(f"{shown(text)} is no time; {_TIME_EXPECTED}") from None
    kind = "ISO 8601"
    if time.tzinfo is None:
        if zone is None:
            time, kind = time.replace(tzinfo=UTC), NAIVE
        else:
            time = _in_zone(time, zone, text)
    ms = (time - _EPOCH) // _MS
    _check_range(ms, text)
    return ms, kind


def _read_epoch(text: str) -> tuple[int, str]:
    number = Decimal(text)
    mantissa = text.lower().partition("e")[0]
    if len(mantissa) < len(text) and sum(map(str.isdigit, mantissa)) < _SURE_DIGITS:
        raise RowRefused(f"{shown(text)} is a time whose last digits were cut; expected all digits, or ISO 8601")
    if "." in text and significant_digits(mantissa) in (16, 17):  # a double in full: .1229999 was .123
        number = Decimal(repr(float(text)))
    for unit, per_ms in UNITS:
        ms = int(number * per_ms if per_ms > 0 else number // -per_ms)
        if MIN_TIME_MS <= ms < MAX_TIME_MS:
            return ms, unit
    raise RowRefused(
        f"{shown(text)} is no time from 2009 to 2100 in seconds, milli-, micro- or nanoseconds; {_TIME_EXPECTED}"
    )


def _in_zone(time: datetime, zone: tzinfo, text: str) -> datetime:
    """A time on the clocks of a zone. Raises RowRefused where they show it twice, or never."""
    early, late = time.replace(tzinfo=zone), time.replace(tzinfo=zone, fold=1)
    if early.utcoffset() != late.utcoffset():
        how = "twice" if early.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == time else "never"
        raise RowRefused(f"{shown(text)} happens {how} in {zone}; expected times with their offset, or in UTC")
    return early


def _check_range(ms: int, text: str) -> None:
    if not MIN_TIME_MS <= ms < MAX_TIME_MS:
        raise RowRefused(f"{shown(text)} lies outside 2009 to 2100; {_TIME_EXPECTED}")


def read_zone(name: str) -> tzinfo:
    """A zone by name (``UTC``, ``Europe/Berlin``). Raises ValueError."""
    try:
        return UTC if name.upper() in ("UTC", "Z") else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"zone is {name!r}; expected a name such as UTC or Europe/Berlin") from None


def read_symbol_name(text: object) -> str:
    """A symbol in the exchange's spelling. ``btcusdt``, ``BTC/USDT`` and ``BTC-USDT`` are BTCUSDT; the underscore of a
    contract (``BTCUSD_PERP``, ``BTCUSDT_260327``) stays. Raises RowRefused."""
    if not isinstance(text, str):
        raise RowRefused(f"{shown(text)} is no symbol; expected text")
    name = unicodedata.normalize("NFC", text.strip()).upper().translate(_SEPARATORS)
    if "_" in name and not _CONTRACT.fullmatch(name):
        name = name.replace("_", "")
    return read_symbol(name)


def read_flag(text: object) -> bool | None:
    """``true`` or ``false`` in any case, 1 or 0; empty is None. Raises RowRefused."""
    if text is None or text == "":
        return None
    if isinstance(text, bool):
        return text
    plain = text.strip().lower() if isinstance(text, str) else ""
    if plain not in ("true", "false", "1", "0"):
        raise RowRefused(f"{shown(text)} is no flag; expected true or false")
    return plain in ("true", "1")


def read_whole(text: object) -> int:
    """A whole number of at least 0. Raises RowRefused."""
    if not isinstance(text, str) or not _WHOLE(text.strip()):
        raise RowRefused(f"{shown(text)} is no id; expected a whole number")
    return int(text)


def shown(value: object) -> str:
    """A cell for a message, of any length."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
