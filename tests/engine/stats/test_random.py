from __future__ import annotations

import numpy as np

from engine.stats.random import advanced, mixed, random_index


def test_drawn_numbers_are_even_and_inside() -> None:
    state, drawn = np.uint64(1), np.zeros(10, dtype=int)
    for _ in range(20_000):
        state, at = random_index(state, 10)
        state = np.uint64(state)
        drawn[at] += 1
    assert drawn.min() > 1800 and drawn.max() < 2200


def test_the_same_seed_draws_the_same_numbers() -> None:
    state, drawn = np.uint64(42), []
    for _ in range(5):
        state, at = random_index(np.uint64(state), 1000)
        drawn.append(at)
    assert drawn == [741, 159, 278, 344, 38]  # from the algorithm in unlimited integers


def test_the_generator_can_be_entered_anywhere() -> None:
    """The numbers of splitmix64 from the seed 1234567, as its authors' code gives them."""
    bits = [int(mixed(np.uint64(advanced(np.uint64(1234567), k)))) for k in (1, 2, 3)]
    assert bits == [6457827717110365317, 3203168211198807973, 9817491932198370423]
