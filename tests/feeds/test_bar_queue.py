"""Bars leave a few messages at a time, again after a reconnect, and count once."""

from __future__ import annotations

import json

from engine.files.vectors import EncodedBars
from engine.intake.history_messages import BarSpan
from engine.market.sourced_columns import bytes_of
from feeds.bar_queue import AT_ONCE, BarQueue
from feeds.funding_queue import FundingQueue

T = 1_767_225_600_000
ROW = [T, "1", "2", "1", "2", "5"]


def span(n: int) -> BarSpan:
    return BarSpan("BTCUSDT", 60_000, T + n * 60_000, T + (n + 1) * 60_000)


def confirmed(n: int, **counts: object) -> dict[str, object]:
    return {
        "type": "bars_stored",
        **span(n)._asdict(),
        "stored": 0,
        "known": 0,
        "conflicts": 0,
        "rejected": [],
    } | counts


def test_a_few_messages_are_on_their_way_and_the_next_follows_a_confirmation() -> None:
    queue = BarQueue()
    for n in range(AT_ONCE + 2):
        assert queue.has_room(span(n))
        queue.add(span(n), [ROW], "upload")
    queue.connected()
    sent = [json.loads(text) for text in queue.ready()]
    assert [message["from_ms"] for message in sent] == [span(n).from_ms for n in range(AT_ONCE)]
    assert sent[0] == {"type": "bars", **span(0)._asdict(), "rows": [ROW], "source": "upload"}
    assert queue.ready() == []
    queue.stored(confirmed(3, stored=1))
    assert len(queue.ready()) == 1 and len(queue) == AT_ONCE + 1


def test_what_is_not_confirmed_leaves_again_and_counts_once() -> None:
    queue = BarQueue()
    for n in range(3):
        queue.add(span(n), [ROW], "upload")
    queue.connected()
    first = queue.ready()
    queue.stored(confirmed(1, known=1))
    queue.connected()
    assert queue.ready() == [first[0], first[2]]
    queue.stored(confirmed(0, stored=1))
    queue.stored(confirmed(0, stored=1))
    queue.stored(confirmed(2, conflicts=0, rejected=[[0, "high is 0"]]))
    assert (queue.tally.stored, queue.tally.known, queue.tally.conflicts) == (1, 1, 0)
    assert queue.tally.rejected == [("BTCUSDT", ROW, "high is 0")] and len(queue) == 0


def test_refused_rows_that_are_not_listed_are_counted() -> None:
    queue, funding = BarQueue(), FundingQueue()
    queue.add(span(0), [ROW] * 3, "upload")
    queue.connected()
    queue.ready()
    queue.stored(confirmed(0, rejected=[[0, "high is 0"]], unlisted=2))
    assert (len(queue.tally.rejected), queue.tally.refused) == (1, 3)
    funding.add([["BTCUSDT"]] * 5)
    funding.ready()
    funding.stored({"stored": 1, "rejected": [[0, "rate is None"]], "unlisted": 2})
    assert (funding.tally.stored, funding.tally.known, funding.tally.refused) == (1, 1, 3)


def test_a_span_has_room_once() -> None:
    queue = BarQueue()
    queue.add(span(0), [ROW], "upload")
    assert not queue.has_room(span(0)) and queue.has_room(span(1))
    for n in range(1, 2 * AT_ONCE):
        queue.add(span(n), [ROW], "upload")
    assert not queue.has_room(span(99))


def test_a_refused_bar_of_a_frame_is_named() -> None:
    queue, bars = BarQueue(), [[T, 1.0, 2.0, 1.0, 2.0, 5.0], [T + 60_000, 0.0, 2.0, 1.0, 2.0, 5.0]]
    ends = BarSpan("BTCUSDT", 60_000, T, T + 120_000)
    queue.add_encoded(EncodedBars(*ends, bytes_of(list(zip(*bars, strict=True)))), "upload")
    queue.connected()
    assert [type(message) for message in queue.ready()] == [bytes]
    queue.stored(confirmed(0, stored=1, rejected=[[1, "open is 0.0"]]) | ends._asdict())
    assert queue.tally.rejected == [("BTCUSDT", bars[1], "open is 0.0")] and queue.tally.stored == 1
