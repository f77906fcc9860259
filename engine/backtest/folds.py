"""Walk-forward folds: settings are chosen on the training bars and judged on later bars that had no part in it.

    train          purge     test          embargo   (next) test
    [---------------)........[-------------).........[------------

* **purge**: bars left out between a training part and its test. A trade entered in the training part ends before the
  test begins if the purge is at least the longest hold plus the delay of a fill.
* **embargo**: bars left out after a test, before the next test: what is still held is closed there, so that the tests
  are counted one by one.

Within a fold no bar is in both parts or between them; tests of different folds share no bar. A later fold may train on
bars that an earlier one tested: by then they are the past. Indicators may warm up on the bars before a test, which they
read and do not fit.

Sources: Pardo 1992 (walk-forward); Lopez de Prado 2018, chapter 7 (purge, embargo).
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.stats.checks import whole
from engine.stats.representation import short_repr


@dataclass(frozen=True, slots=True)
class Fold:
    """Bars ``train_from <= n < train_to`` and, later, ``test_from <= n < test_to``."""

    train_from: int
    train_to: int
    test_from: int
    test_to: int

    __repr__ = short_repr

    @property
    def train(self) -> slice:
        """The training bars of an array."""
        return slice(self.train_from, self.train_to)

    @property
    def test(self) -> slice:
        """The test bars of an array."""
        return slice(self.test_from, self.test_to)


def walk_forward(
    bars: int, train: int, test: int, *, anchored: bool = False, purge: int = 0, embargo: int = 0, unit: str = "bars"
) -> list[Fold]:
    """Folds over ``bars`` bars, the oldest first; the last test may be shorter, down to half of ``test``.

    ``train``: bars of a training part, of the first one where ``anchored``: then all begin at bar 0 and grow, else they
    roll. Raises ValueError where not one fold fits; ``unit``: the name of what is counted, for its message.

    >>> [(fold.train_from, fold.train_to, fold.test_from, fold.test_to) for fold in walk_forward(100, 50, 20, purge=5)]
    [(0, 50, 55, 75), (20, 70, 75, 95)]
    """
    total, first = whole(bars, "bars", at_least=1), whole(train, "train", at_least=1)
    length, gap = whole(test, "test", at_least=1), whole(purge, "purge", at_least=0)
    step = length + whole(embargo, "embargo", at_least=0)
    folds: list[Fold] = []
    begin = first + gap
    while begin + (length + 1) // 2 <= total:
        end = begin - gap
        folds.append(Fold(0 if anchored else end - first, end, begin, min(begin + length, total)))
        begin += step
    if not folds:
        needed = first + gap + (length + 1) // 2
        left_out = f", {gap} left out" if gap else ""
        raise ValueError(
            f"{total} {unit} for a training part of {first}{left_out} and a test of {length}; expected {needed}"
        )
    return folds
