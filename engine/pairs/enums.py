"""Numbers that the compiled rule gives, and their names in logs and files."""

from __future__ import annotations

from enum import IntEnum


class Action(IntEnum):
    """What the rule says at a bar's close, to be done at the next bar."""

    NONE = 0
    ENTER_LONG = 1  # buy Y, sell X: the spread is low
    ENTER_SHORT = 2
    EXIT = 3
    NO_ENTRY = 4  # |z| passed the threshold and yet nothing is done: the reason says why


class Reason(IntEnum):
    """Why an exit was given, or an entry was not."""

    NONE = 0
    TARGET = 1  # z came back
    STOP = 2  # z went further out
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
    HEDGE_RANGE = 20  # the hedge asks for too little, too much, or the same side of X


class LegFlag(IntEnum):
    """Bits of what is wrong with one leg's bar."""

    FILLED = 1  # no trade in it
    TAINTED = 4  # an open gap touches it
    BRIDGE_DOWN = 8
    LAST_PRICE = 16  # no quotes: its mid is a print
    SOURCED = 32  # not made from ticks: an exchange's candle, or an uploaded bar


class Flag(IntEnum):
    """Bits of what is wrong with a bar of both legs: those of LegFlag, and which leg is filled."""

    Y_FILLED = 1
    X_FILLED = 2
    TAINTED = 4
    BRIDGE_DOWN = 8
    LAST_PRICE = 16
    SOURCED = 32
