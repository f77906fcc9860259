"""Integer codes of the compiled rule, and their names in logs and files."""

from __future__ import annotations

from enum import IntEnum


class Action(IntEnum):
    """The rule's decision at a bar's close, to be executed at the next bar."""

    NONE = 0
    ENTER_LONG = 1  # buy Y, sell X: the spread is low
    ENTER_SHORT = 2
    EXIT = 3
    NO_ENTRY = 4  # |z| passed the threshold, without an entry: see the reason


class Reason(IntEnum):
    """Why the rule exited, or did not enter."""

    NONE = 0
    TARGET = 1  # z reverted
    STOP = 2  # z diverged further
    TIME = 3  # held too long
    RUN_END = 4  # the run ended while a position was open
    WARMUP = 10
    GATE_CLOSED = 11
    TAINTED_GAP = 12
    STALE_LEG = 13
    FILLED_BAR = 14
    BELOW_COST = 15
    COOLDOWN = 16
    MAX_Z = 17
    IN_POSITION = 18
    BRIDGE_DOWN = 19
    HEDGE_RANGE = 20  # the hedge is too small, too large, or on the same side of X
    OFF_CENTRE = 21  # the spread's mean over the z window is significantly off zero
    NOT_EXECUTABLE = 23  # |z| at the quotes that an order takes is below the threshold
    BREAK = 22  # the break alarm was raised at this bar; the run ends with it


class LegFlag(IntEnum):
    """Bit flags for defects of one leg's bar."""

    FILLED = 1  # no trade in it
    TAINTED = 4  # an open gap overlaps it
    BRIDGE_DOWN = 8
    LAST_PRICE = 16  # no quotes: its mid is a print
    SOURCED = 32  # not made from ticks: an exchange's candle, or an uploaded bar


class Flag(IntEnum):
    """Bit flags for defects of a bar of both legs: those of LegFlag, and which leg is filled."""

    Y_FILLED = 1
    X_FILLED = 2
    TAINTED = 4
    BRIDGE_DOWN = 8
    LAST_PRICE = 16
    SOURCED = 32
