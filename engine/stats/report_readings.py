"""How to read two tests that disagree: the sentences of a :class:`engine.stats.TestReport` that apply to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.stats.report_rows import BOOTSTRAP, JOHANSEN, NO_RELATION, TestRow

EG, PO, LEVEL = "Engle-Granger", "Phillips-Ouliaris", "Gregory-Hansen, level moves"
_PAIRS = (  # rejects on its own, does not, what it means
    (
        BOOTSTRAP, EG,
        "both p-values lie near 5 %. It is no relation as long as both do not say so.",
    ),
    (
        PO, EG,
        "it takes autocorrelation out by a kernel, and passes noise too often where prices bounce between bid and ask. "
        "Look at engine.stats.bounce before you believe it.",
    ),
    (
        EG, PO,
        "lags by BIC and a kernel's bandwidth treat autocorrelation differently. Take a longer window.",
    ),
    (
        EG, LEVEL,
        "searching a break costs power. This is no evidence against a relation that does not break.",
    ),
    (
        JOHANSEN, EG,
        "it looks at both directions with one lag, and with few bars or a longer memory it passes too often. (Its "
        "usual form, with a free constant, passes 12 % of unrelated prices without drift; here it is restricted.)",
    ),
    (
        EG, JOHANSEN,
        "one lag of the changes may be too few for it. Compare engine.stats.johansen with more lags.",
    ),
)  # fmt: skip


def readings(rows: Sequence[TestRow], alone: set[str], names: Sequence[str]) -> tuple[str, ...]:
    """What applies. ``alone``: the tests of "no relation" that reject it before their p-values are adjusted."""
    return (*_of_pairs({each.test for each in rows}, alone), *_of_all(rows, alone), *_of_legs(rows, names))


def _of_pairs(run: set[str], alone: set[str]) -> Iterator[str]:
    if alone and BOOTSTRAP in run - alone:
        yield (
            f"Rejected on its own by {_listed(alone)}, not by the wild bootstrap: either the variance of the legs "
            "moves, where noise passes one of the others in 8 to 38 % of windows even after adjusting, or the relation "
            "has moved."
        )
    for one, other, meaning in _PAIRS:
        if one in alone and other in run - alone:
            yield f"Rejected on its own by {one}, not by {other}: {meaning}"
    moved = {test for test in alone if test.startswith("Gregory-Hansen")}
    if moved and EG not in alone:
        yield (
            f"Rejected on its own by {_listed(moved)}, not by Engle-Granger: if there is a relation, it has moved "
            "once. Fit the hedge from there on; a line over the whole window is the wrong one."
        )


def _of_all(rows: Sequence[TestRow], alone: set[str]) -> Iterator[str]:
    if alone and not any(each.is_rejected for each in rows if each.null == NO_RELATION):
        yield (
            f"{len(alone)} of the tests reject on their own, and none once all are counted: so it is on one window of "
            "noise in seven. Do not pick one of them."
        )
    wanders = any(each.is_rejected for each in rows if each.null == "a relation")
    if alone and wanders:
        yield (
            'Both "no relation" and "a relation" are rejected: the residual comes back slowly (Shin\'s test rejects '
            "half of the true relations with a half-life of 20 bars in 500), its variance moves, or the relation moved."
        )
    if not alone and not wanders:
        yield (
            'Neither "no relation" nor "a relation" is rejected: the window is too short to say. '
            "engine.stats.bars_for_power tells how long it must be."
        )


def _of_legs(rows: Sequence[TestRow], names: Sequence[str]) -> Iterator[str]:
    back = [name for name in names if any(each.is_rejected and each.null == f"{name} walks" for each in rows)]
    if back:
        yield (
            f"{_listed(back)} comes back without the others. The tests of a relation presume legs that walk: a leg "
            "that does not is always found related."
        )


def _listed(tests: set[str] | Sequence[str]) -> str:
    return " and ".join(sorted(tests))
