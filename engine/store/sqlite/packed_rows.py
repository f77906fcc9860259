"""The columns in the image of a database that ``page_process`` has packed.

The layout is SQLite's file format (https://www.sqlite.org/fileformat.html, sections 1.6 and 2.1), which is fixed for
all versions 3: a tree of pages; on a leaf page the offsets of its cells; in a cell the length of the record, the row
number, and the record: a header with the kind of each value, and the values, big-endian.
"""

from __future__ import annotations

import sqlite3
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from engine.store.sqlite.page_process import ADDED, FLAGS, UNKNOWN

Bytes = npt.NDArray[np.uint8]

_ROOT = 2  # page of the only table; page 1 is that of the schema
_LEAF, _INNER = 13, 5  # kinds of page
_WHOLE, _REAL = 6, 7  # kinds of value: eight bytes each
_NUMBER_AT, _HEADER_AT = 1, 6  # in a cell: a length of one byte, a row number of five
_HEADER = np.array([5, _WHOLE, _WHOLE, _REAL, _REAL], dtype=np.uint8)
_VALUES_AT = _HEADER_AT + len(_HEADER)
_LENGTH = len(_HEADER) + 4 * 8


def unpacked(image: bytes) -> tuple[npt.NDArray[Any], ...]:
    """Ids, prices, quantities, times (ms), and whether the buyer was the maker (1, 0, or -1 for unknown), in id order.

    Raises sqlite3.DatabaseError for an image that is packed in another way.
    """
    data = np.frombuffer(image, dtype=np.uint8)
    size = int.from_bytes(image[16:18], "big")
    cells = _cells(data.reshape(-1, size), _ROOT)
    headers = sliding_window_view(data, len(_HEADER))[cells + _HEADER_AT]
    if (data[cells] != _LENGTH).any() or (headers != _HEADER).any():
        raise sqlite3.DatabaseError(
            "SQLite packs ticks in an unknown way; expected records of two integers and two reals"
        )
    values = sliding_window_view(data, 8)
    ids, coded, price, quantity = (
        values[cells + _VALUES_AT + 8 * place].view(kind).ravel().astype(kind[1:])
        for place, kind in enumerate((">i8", ">i8", ">f8", ">f8"))
    )
    times, makers = np.divmod(coded - ADDED, FLAGS)
    return ids - ADDED, price, quantity, times, np.where(makers == UNKNOWN, -1, makers).astype(np.int8)


def _cells(pages: Bytes, number: int) -> npt.NDArray[np.int64]:
    """Where the cells of a table begin in the image, in the order of their row numbers."""
    page = pages[number - 1]
    kind, count = int(page[0]), int.from_bytes(page[3:5].tobytes(), "big")
    if kind == _LEAF:
        offsets: npt.NDArray[np.int64] = page[8 : 8 + 2 * count].view(">u2").astype(np.int64)
        return offsets + (number - 1) * len(page)
    if kind != _INNER:
        raise sqlite3.DatabaseError(f"page {number} of packed ticks is of kind {kind}; expected {_LEAF} or {_INNER}")
    places = (*page[12 : 12 + 2 * count].view(">u2").tolist(), 8)
    children = [int.from_bytes(page[at : at + 4].tobytes(), "big") for at in places]
    return np.concatenate([_cells(pages, child) for child in children])
