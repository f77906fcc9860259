"""Batches that came with a key: the key and the answer are stored in the transaction of the rows, so that after any
crash either all are there or none, and whoever sends the same rows again gets the same answer."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace

from engine.market.records import AGAIN, OTHER_ROWS, Batch, PostKey, Receipt

POSTS = """
CREATE TABLE posts (                -- batches that were sent with a key
    market TEXT NOT NULL,
    key TEXT NOT NULL,
    digest TEXT NOT NULL,           -- of the rows as they were sent
    answer TEXT NOT NULL,           -- JSON: stored, duplicates, conflicts, rejected, gaps
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (market, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX posts_by_time ON posts (at_ms);
"""

KEPT_MS = 7 * 86_400_000  # a key may be used anew after a week


class Posts:
    """The batches of one commit: ``fresh`` are to be stored, the others were, by the file or by another of them."""

    def __init__(self, db: sqlite3.Connection, batches: Sequence[Batch]) -> None:
        """Reads the file where a batch has a key; all other commits cost nothing."""
        self._db = db
        self._batches = batches
        self.keyed = any(batch.posted is not None for batch in batches)
        self._known: dict[tuple[str, str], tuple[str, str]] = {}  # digest and answer, by market and key
        self.fresh: Sequence[Batch] = self._unknown() if self.keyed else batches

    def _unknown(self) -> list[Batch]:
        fresh, met = [], set()
        for batch in self._batches:
            post = batch.posted
            if post is not None:
                place = batch.market, post.key
                query = "SELECT digest, answer FROM posts WHERE market=? AND key=?"
                row = None if place in met else self._db.execute(query, place).fetchone()
                if row is not None:
                    self._known[place] = row
                if place in met or row is not None:
                    continue
                met.add(place)
            fresh.append(batch)
        return fresh

    def answered(self, receipts: Sequence[Receipt], at_ms: int) -> Iterator[Receipt]:
        """The receipts of all batches, from those of the fresh ones, whose keys are written."""
        self._db.execute("DELETE FROM posts WHERE at_ms < ?", (at_ms - KEPT_MS,))
        following = iter(receipts)
        for batch in self._batches:
            post = batch.posted
            if post is None:
                yield next(following)
                continue
            place = batch.market, post.key
            if place in self._known:
                yield _repeated(batch, post, *self._known[place])
                continue
            receipt = next(following)
            self._known[place] = post.digest, _answer(receipt)
            values = (*place, *self._known[place], at_ms)
            self._db.execute("INSERT INTO posts (market, key, digest, answer, at_ms) VALUES (?,?,?,?,?)", values)
            yield receipt


def _answer(receipt: Receipt) -> str:
    counts = receipt.stored, receipt.duplicates, receipt.conflicts
    return json.dumps([*counts, receipt.batch.rejected, receipt.gaps])


def _repeated(batch: Batch, post: PostKey, digest: str, answer: str) -> Receipt:
    if digest != post.digest:
        return Receipt(replace(batch, ticks=(), rejected=(), refused={}), 0, 0, 0, again=OTHER_ROWS)
    stored, duplicates, conflicts, rejected, gaps = json.loads(answer)
    first = replace(batch, rejected=tuple((index, reason) for index, reason in rejected))
    return Receipt(first, stored, duplicates, conflicts, gaps=(gaps[0], gaps[1]), again=AGAIN)
