"""A process that reads hot ticks for another: run as a file, it imports the standard library alone and takes 15 MB.

Python makes an object of each value that SQLite gives it, which takes longer than SQLite's own work. So SQLite copies
the rows of a page into a table in memory, whose image (``sqlite3_serialize``) holds every record in the same number of
bytes; ``packed_rows`` reads it by the column. The records are alike because the table's columns have no affinity, in
which a REAL always takes eight bytes, and because 2**62 is added to the whole numbers, which take eight then too.
"""

from __future__ import annotations

import json
import sqlite3
import struct
import sys

REQUEST, ANSWER = struct.Struct("<qqq"), struct.Struct("<qq")  # series, first and last id; bytes of files and of image
ADDED = 1 << 62  # to ids and times
FIRST_ROW = 1 << 28  # row numbers from here on take five bytes
FLAGS = 4  # a time is multiplied by it, and buyer_is_maker added; UNKNOWN where that is null
UNKNOWN = 2
ARCHIVED = (
    "SELECT file, first_id FROM archive WHERE series_id=? AND state<>'begun' AND last_id>=? AND first_id<=?"
    " ORDER BY first_id"
)

_EMPTY = """
PRAGMA packed.page_size=16384; PRAGMA packed.auto_vacuum=NONE; PRAGMA packed.journal_mode=OFF;
CREATE TABLE packed.page (agg_id, time_and_maker, price, quantity);
"""
_FILL = (
    "INSERT INTO packed.page (rowid, agg_id, time_and_maker, price, quantity)"
    f" SELECT {FIRST_ROW} + agg_id - ?, {ADDED} + agg_id,"
    f" {ADDED} + {FLAGS} * trade_time_ms + ifnull(buyer_is_maker, {UNKNOWN}), price, quantity FROM ticks"
    " WHERE series_id=? AND agg_id BETWEEN ? AND ? AND NOT future ORDER BY agg_id"
)


def packed(db: sqlite3.Connection, series_id: int, first_id: int, last_id: int) -> tuple[bytes, list[tuple[str, int]]]:
    """The image of a database of plausible hot ticks, and archived files (file, first id) that overlap the ids; both
    as they are at one moment. ``db``: opened with a URI, with no transaction."""
    db.execute("ATTACH 'file:packed?mode=memory' AS packed")
    try:
        db.executescript(_EMPTY)
        db.execute("BEGIN")
        db.execute(_FILL, (first_id, series_id, first_id, last_id))
        files = db.execute(ARCHIVED, (series_id, first_id, last_id)).fetchall()
        db.execute("COMMIT")
        return db.serialize(name="packed"), files
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
        db.execute("DETACH packed")


def _serve(uri: str) -> None:
    """Answer requests until there are no more."""
    db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=10)
    db.execute("PRAGMA cache_size=-500")  # each page is read once
    while len(request := sys.stdin.buffer.read(REQUEST.size)) == REQUEST.size:
        try:
            image, files = packed(db, *REQUEST.unpack(request))
            said, size = json.dumps(files).encode(), len(image)
        except sqlite3.Error as error:
            image, said, size = b"", json.dumps(str(error)).encode(), -1
        for part in (ANSWER.pack(len(said), size), said, image):
            sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve(sys.argv[1])
