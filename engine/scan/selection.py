"""Which pairs are finds, and which only show another find: the strongest of each leg."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.stats.checks import Floats, Ints

NONE = -1


def strongest_of_each_leg(
    statistic: Floats, pairs: Ints, is_candidate: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.bool_], Ints]:
    """``(is_found, explained_by)``: of the candidates those of which neither leg has a stronger find.

    ``pairs``: rows of two symbols; the smaller the ``statistic`` the stronger, of equal ones the first. The candidates
    are taken from the strongest on: one is found if no leg of it is in a find yet, else ``explained_by`` is the row of
    the strongest find that has a leg of it; elsewhere it is NONE. So a symbol is in one find at most.

    Why: a leg whose price carries transitory noise (an Ornstein-Uhlenbeck part, a bounce) distorts every test that it
    takes part in, at the lags that a criterion chooses. So a true pair brings false ones along with that leg, all
    weaker than itself: without this rule about half of the finds are false (docs/mathematics.md).
    """
    is_found = np.zeros(statistic.size, dtype=np.bool_)
    explained_by = np.full(statistic.size, NONE, dtype=np.int64)
    find_of: dict[int, int] = {}  # symbol -> the row of its find, itself found in order of strength
    rank: dict[int, int] = {}  # row of a find -> how many were stronger
    for row in np.argsort(statistic, kind="stable"):
        if not is_candidate[row]:
            continue
        at, legs = int(row), [int(leg) for leg in pairs[row]]
        earlier = [find_of[leg] for leg in legs if leg in find_of]
        if earlier:
            explained_by[at] = min(earlier, key=rank.__getitem__)
        else:
            is_found[at] = True
            rank[at] = len(rank)
            find_of |= dict.fromkeys(legs, at)
    return is_found, explained_by
