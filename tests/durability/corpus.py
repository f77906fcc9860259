"""Invalid input, and the expected result of each: messages, rows, frames and other protocols."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.durability.wire import BINARY, CLOSE, CONTINUED, PING, TEXT, Target, frame, greeted, wire
from tests.engine.store.harness import T0

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Attack:
    """``counted``: the reason in ``/health`` under which it is counted once; empty where it is no refusal."""

    name: str
    counted: str
    run: Callable[[Target], Awaitable[None]]


def message(name: str, text: str | bytes, code: str = "malformed", is_greeted: bool = True) -> Attack:
    """A message that is refused by name, and closes its connection."""
    closes = {"bad-token": 4401, "protocol-version": 4409}.get(code, 4400)

    async def run(target: Target) -> None:
        async with greeted(target) if is_greeted else wire(target.port) as it:
            if not is_greeted:
                await it.shake_hands(target.port)
            if isinstance(text, bytes):
                await it.send(frame(BINARY, text))
            else:
                await it.say(text.replace("TOKEN", target.token))
            refused = await it.hear_json("refused")
            assert refused["code"] == code and refused["message"], refused
            assert target.token not in refused["message"]
            assert await it.close_code() == closes

    return Attack(name, code, run)


GOOD_ROW = f'["BTCUSDT",7,"85595.90","0.411",{T0},false]'


def row(name: str, text: str, says: str) -> Attack:
    """A row that is refused by name, between two that are taken."""

    async def run(target: Target) -> None:
        async with greeted(target) as it:
            await it.say(f'{{"type":"ticks","seq":1,"rows":[{GOOD_ROW},{text},{GOOD_ROW}]}}')
            ack = await it.hear_json("ack")
            assert ack["stored"] + ack["duplicates"] == 2
            ((index, reason),) = ack["rejected"]
            assert index == 1 and reason.startswith(says), reason

    return Attack(f"row: {name}", "", run)


def frames(name: str, counted: str, code: int, *sent: bytes, is_greeted: bool = True) -> Attack:
    """Frames that break RFC 6455 or a limit: closed with that code (0: cut)."""

    async def run(target: Target) -> None:
        async with greeted(target) if is_greeted else wire(target.port) as it:
            if not is_greeted:
                await it.shake_hands(target.port)
            for data in sent:
                await it.send(data)
            found = await it.close_code()
            assert found in (code, 0), f"closed with {found}, expected {code}"  # 0: closed while sending

    return Attack(name, counted, run)


def protocol(name: str, counted: str, sent: bytes, answer: bytes = b"") -> Attack:
    """Input other than a WebSocket handshake: an HTTP response with this start, or none; then the close."""

    async def run(target: Target) -> None:
        async with wire(target.port) as it:
            await it.send(sent.replace(b"PORT", str(target.port).encode()))
            try:
                found = await it.reader.read(-1)
            except ConnectionError:
                found = b""
            assert found.startswith(answer) and target.token.encode() not in found, found[:200]

    return Attack(name, counted, run)


def ticks(rows: str, seq: str = "1", more: str = "") -> str:
    """A batch as text."""
    return f'{{"type":"ticks","seq":{seq},"rows":{rows}{more}}}'


def beat(**changes: str) -> str:
    """A beat as text, with JSON put in the place of some values."""
    values = {
        "type": '"beat"', "upstream": '"open"', "age_ms": "1", "queued": "0", "unacked": "0", "visible": "true",
        "clock_ms": str(T0),
    }  # fmt: skip
    return "{" + ",".join(f'"{key}":{text}' for key, text in (values | changes).items()) + "}"


def _bomb() -> bytes:
    """64 MiB of zeros in 64 KiB, as permessage-deflate would carry it."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(bytes(64 * MIB)) + packer.flush(zlib.Z_SYNC_FLUSH)


_HUGE = "1" + "0" * 400
_NUMBER_ROWS = [
    ("price 1_000", "price", '"1_000"'), ("price in full-width digits", "price", '"１２３"'),
    ("price in Arabic digits", "price", '"١٢٣"'), ("price NaN as text", "price", '"NaN"'),
    ("price Infinity as text", "price", '"Infinity"'), ("price 1e5", "price", '"1e5"'),
    ("price 0x10", "price", '"0x10"'), ("price with a space", "price", '" 1"'),
    ("price with a line", "price", '"1\\n"'),
    ("price +1", "price", '"+1"'), ("price -1", "price", '"-1"'), ("price 0", "price", '"0.000"'),
    ("price .5", "price", '".5"'), ("price 5.", "price", '"5."'), ("price 1,5", "price", '"1,5"'),
    ("price of 16 digits", "price", '"1234567890.123456"'), ("price of 13 digits", "price", '"1234567890123"'),
    ("price empty", "price", '""'), ("price a number", "price", "100.5"), ("price null", "price", "null"),
    ("price true", "price", "true"), ("price an array", "price", '["1"]'), ("price an object", "price", '{"a":"1"}'),
    ("price 1 MB less a little", "price", '"' + "1" * 200_000 + '"'), ("price with a zero byte", "price", '"1\\u0000"'),
]  # fmt: skip
_IDS = [
    ("id 2^53", "9007199254740992"), ("id 2^63", "9223372036854775808"), ("id 2^64", "18446744073709551616"),
    ("id of 400 digits", _HUGE), ("id -1", "-1"), ("id true", "true"), ("id 1.0", "1.0"), ("id 1e3", "1e3"),
    ("id as text", '"7"'), ("id null", "null"),
]  # fmt: skip
_TIMES = [("time in us", f"{T0}000"), ("time 0", "0"), ("time true", "true"), ("time as text", f'"{T0}"')]
_SYMBOLS = [
    ("symbol lower case", '"btcusdt"'), ("symbol empty", '""'), ("symbol of 33", '"' + "A" * 33 + '"'),
    ("symbol with a quote", '"BTC\'; DROP TABLE ticks; --"'), ("symbol a path", '"../../etc"'),
    ("symbol with a zero byte", '"BTC\\u0000"'), ("symbol of direction marks", '"\\u202eTDSUCTB"'), ("symbol 5", "5"),
]  # fmt: skip
ROWS = [
    *(row(name, f'["BTCUSDT",8,{text},"1",{T0},false]', says) for name, says, text in _NUMBER_ROWS),
    *(row(name, f'["BTCUSDT",{text},"1","1",{T0},false]', "aggregate id") for name, text in _IDS),
    *(row(name, f'["BTCUSDT",8,"1","1",{text},false]', "trade time") for name, text in _TIMES),
    *(row(name, f'[{text},8,"1","1",{T0},false]', "symbol") for name, text in _SYMBOLS),
    row("quantity 1e999 as text", f'["BTCUSDT",8,"1","1e999",{T0},false]', "quantity"),
    row("maker 1", f'["BTCUSDT",8,"1","1",{T0},1]', "buyer-is-maker"),
    row("five values", '["BTCUSDT",8,"1","1",5]', "row is"),
    row("an object", '{"symbol":"BTCUSDT"}', "row is"),
    row("a number", "7", "row is"),
    row("nested 200 deep", "[" * 200 + "]" * 200, "row is"),
]

MESSAGES = [
    message("nothing", ""),
    message("not JSON", "nonsense"),
    message("an array", "[1,2,3]"),
    message("a number", "7"),
    message("half an object", '{"type":"ticks","seq":1,'),
    message("two objects", '{"type":"bye","reason":"x"}{"type":"bye","reason":"x"}'),
    message("nested 100,000 deep", "[" * 100_000),
    message("objects nested 30,000 deep", '{"a":' * 30_000),
    message("NaN", ticks(f'[["BTCUSDT",8,NaN,"1",{T0},false]]')),
    message("Infinity", ticks(f'[["BTCUSDT",8,Infinity,"1",{T0},false]]')),
    message("1e999", ticks(f'[["BTCUSDT",8,1e999,"1",{T0},false]]')),
    message("1_000", ticks(f'[["BTCUSDT",1_000,"1","1",{T0},false]]')),
    message("a lone surrogate", ticks(f'[["\\ud800",8,"1","1",{T0},false]]')),
    message("unknown type", '{"type":"shutdown"}', "unknown-type"),
    message("type an array", '{"type":["ticks"]}', "unknown-type"),
    message("more than 256 KiB", '{"type":"ticks","x":"' + "x" * 300_000 + '"}', "too-large"),
    message("900 KiB of two-byte letters", '{"x":"' + "é" * 450_000 + '"}', "too-large"),
    message("binary", b'{"type":"beat"}', "binary"),
    message("hello twice", '{"type":"hello","proto":1,"token":"TOKEN","market":"sim","client":"x","session":"s"}'),
    message("no rows", ticks("[]")),
    message("501 rows", ticks("[" + ",".join([GOOD_ROW] * 501) + "]")),
    message("rows an object", ticks('{"0":1}')),
    message("seq true", ticks(f"[{GOOD_ROW}]", "true")),
    message("seq 2^53", ticks(f"[{GOOD_ROW}]", "9007199254740992")),
    message("seq 2^64", ticks(f"[{GOOD_ROW}]", "18446744073709551616")),
    message("seq 1.0", ticks(f"[{GOOD_ROW}]", "1.0")),
    message("beat with NaN", beat(clock_ms="NaN")),
    message("beat with 1e999", beat(clock_ms="1e999")),
    message("beat with a number of 400 digits", beat(clock_ms=_HUGE)),
    message("beat with visible 1", beat(visible="1")),
    message("1,025 symbols", '{"type":"subscribe","symbols":[' + ",".join(f'"S{n}"' for n in range(1_025)) + "]}"),
    message("symbols with a surrogate", '{"type":"subscribe","symbols":["\\udfff"]}'),
    message("unfetchable backwards", '{"type":"unfetchable","symbol":"BTCUSDT","from":5,"to":4,"reason":"x"}'),
    message("bye with a novel", '{"type":"bye","reason":"' + "x" * 501 + '"}'),
    message("ticks before hello", ticks(f"[{GOOD_ROW}]"), is_greeted=False),
    message("binary before hello", b"\x00\x01", "binary", is_greeted=False),
    message(
        "a wrong token",
        '{"type":"hello","proto":1,"token":"' + "0" * 64 + '","market":"x","client":"x","session":"x"}',
        "bad-token", is_greeted=False,
    ),
    message(
        "a token in other letters",
        '{"type":"hello","proto":1,"token":"\\u0130","market":"x","client":"x","session":"x"}', "bad-token",
        is_greeted=False,
    ),
    message("another version", '{"type":"hello","proto":2}', "protocol-version", is_greeted=False),
    message("proto true", '{"type":"hello","proto":true}', "protocol-version", is_greeted=False),
    message(
        "a market that is a path",
        '{"type":"hello","proto":1,"token":"TOKEN","market":"../x","client":"x","session":"x"}', is_greeted=False,
    ),
]  # fmt: skip

_PIECE = b"x" * 65_536
FRAMES = [
    frames("64 MiB declared", "frame", 1009, frame(TEXT, b"x", declared=64 * MIB)),
    frames("64 MiB declared before hello", "frame", 1009, frame(TEXT, b"x", declared=64 * MIB), is_greeted=False),
    frames("2^63 declared", "frame", 1009, frame(TEXT, b"x", declared=2**63)),
    frames(
        "64 MiB in fragments", "frame", 1009, frame(TEXT, _PIECE, last=False),
        *[frame(CONTINUED, _PIECE, last=False)] * 1_023,
    ),
    frames(
        "64 MiB in fragments before hello", "frame", 1009, frame(TEXT, _PIECE, last=False),
        *[frame(CONTINUED, _PIECE, last=False)] * 1_023, is_greeted=False,
    ),
    frames("a deflate bomb", "frame", 1002, frame(TEXT, _bomb(), rsv=4)),
    frames("invalid UTF-8", "frame", 1007, frame(TEXT, b'{"type":"\xff\xfe"}')),
    frames("a surrogate in UTF-8", "frame", 1007, frame(TEXT, b"\xed\xa0\x80")),
    frames("overlong UTF-8", "frame", 1007, frame(TEXT, b"\xc0\xaf")),
    frames("half a letter", "frame", 1007, frame(TEXT, b"\xe2\x82")),
    frames("a reserved opcode", "frame", 1002, frame(3, b"x")),
    frames("a reserved bit", "frame", 1002, frame(TEXT, b"x", rsv=2)),
    frames("a continuation of nothing", "frame", 1002, frame(CONTINUED, b"x")),
    frames("a fragmented ping", "frame", 1002, frame(PING, b"x", last=False)),
    frames("a ping of 126 bytes", "frame", 1002, frame(PING, b"x" * 126)),
    frames("a close of one byte", "frame", 1002, frame(CLOSE, b"x")),
    frames("a close with code 1005", "frame", 1002, frame(CLOSE, struct.pack(">H", 1005))),
    frames("no mask", "frame", 1002, b"\x81\x02hi"),
]  # fmt: skip

_UPGRADE = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
_KEY = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"


def _request(head: str, line: str = "GET / HTTP/1.1", host: str = "127.0.0.1:PORT") -> bytes:
    return f"{line}\r\nHost: {host}\r\n{head}\r\n".encode()


PROTOCOLS = [
    protocol("TLS", "handshake", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(300)),
    protocol("HTTP/2", "handshake", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(40)),
    protocol("SSH", "handshake", b"SSH-2.0-OpenSSH_9.2\r\n"),
    protocol("SMTP", "handshake", b"EHLO example.org\r\n"),
    protocol("Redis", "handshake", b"*1\r\n$4\r\nPING\r\n"),
    protocol("an HTTP request of 0.9", "handshake", b"GET /\r\n\r\n"),
    protocol("POST", "handshake", b"POST /health HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Length: 3\r\n\r\nabc"),
    protocol("a line of 64 KiB", "handshake", b"GET /" + b"a" * 65_536),
    protocol("1,000 headers", "handshake", b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(1_000))),
    protocol("a header without a colon", "handshake", b"GET / HTTP/1.1\r\nHost 127.0.0.1\r\n\r\n"),
    protocol("zero bytes", "handshake", bytes(10_000)),
    protocol("another host", "host", _request(_UPGRADE + _KEY, host="rebound.example"), b"HTTP/1.1 421"),
    protocol("no host", "host", b"GET /health HTTP/1.1\r\n\r\n", b"HTTP/1.1 421"),
    protocol(
        "another origin", "origin", _request(_UPGRADE + _KEY + "Origin: https://evil.example\r\n"), b"HTTP/1.1 403"
    ),
    protocol("no key", "handshake", _request(_UPGRADE), b"HTTP/1.1 400"),
    protocol("a key that is none", "handshake", _request(_UPGRADE + "Sec-WebSocket-Key: x\r\n"), b"HTTP/1.1 400"),
    protocol("token.js", "", _request("", "GET /token.js HTTP/1.1"), b"HTTP/1.1 404"),
    protocol("a path upwards", "", _request("", "GET /../server.py HTTP/1.1"), b"HTTP/1.1 404"),
    protocol("a path upwards, encoded", "", _request("", "GET /..%2fserver.py HTTP/1.1"), b"HTTP/1.1 404"),
]
