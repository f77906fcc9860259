"""What the name of a symbol tells: its quote currency, and which known one a mistyped one is like."""

from __future__ import annotations

from collections.abc import Iterable

QUOTES = ("USDT", "USDC", "USD", "BUSD")
MOST_EDITS = 2


def quote_of(symbol: str) -> str:
    """The currency in which a symbol is priced, as far as its name tells.

    >>> quote_of("ETHUSDT"), quote_of("FOO")
    ('USDT', 'quote currency')
    """
    return next((each for each in QUOTES if symbol.endswith(each) and symbol != each), "quote currency")


def base_of(symbol: str) -> str:
    """A symbol without its quote currency.

    >>> base_of("SOLUSDT"), base_of("BTC")
    ('SOL', 'BTC')
    """
    return next((symbol.removesuffix(each) for each in QUOTES if symbol.endswith(each) and symbol != each), symbol)


def edits(one: str, other: str) -> int:
    """Levenshtein distance: insertions, deletions and replacements from one word to the other.

    >>> edits("SLO", "SOL"), edits("FOO", "SOL")
    (2, 2)
    """
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        above, row[0] = row[0], i
        for j, each in enumerate(other, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (letter != each))
    return row[-1]


def nearest(symbol: str, known: Iterable[str]) -> str | None:
    """The known symbol whose name without its quote currency is nearest to ``symbol``'s, of those the one whose whole
    name is nearest; None where that takes more than two edits.

    >>> nearest("SLUSDT", ["BTCUSDT", "SOLUSDC", "SOLUSDT"]), nearest("FOO", ["SOLUSDT"])
    ('SOLUSDT', None)
    """
    base = base_of(symbol)
    near = min(known, key=lambda each: (edits(base_of(each), base), edits(each, symbol), each), default=None)
    if near is None:
        return None
    most = min(MOST_EDITS, len(base_of(near)) // 2)  # of three letters, two changed ones are another name
    return near if edits(base_of(near), base) <= most else None
