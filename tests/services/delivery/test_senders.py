"""Our own senders against real receivers: HTTP, TLS with a test CA, SMTP."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import threading
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from engine.errors import SettingsError
from services.delivery.channels import Channel
from services.delivery.mail import MailSender
from services.delivery.message import Message
from services.delivery.network import Network
from services.delivery.push import SERVICES, PushSender, plugin_of
from services.delivery.senders import KINDS
from services.delivery.shapes import ACTIONS, SHAPES, body_of
from services.delivery.webhook import WebhookSender, outcome_of, signature
from tests.conftest import ROOT, until
from tests.services.delivery.receivers import Authority, http, listening, smtp

ALERT: dict[str, Any] = {
    "id": "o1", "kind": "alert", "name": "far", "severity": "warning", "subject": "pair|usdm|ETHUSDT|BTCUSDT",
    "close_ms": 1_700_000_000_000, "text": "far: ETHUSDT~BTCUSDT, z leaves", "rule_id": "r1", "seq": 2**53 + 1,
    "values": {"z": 2.5, "price_y": 3_000.5},
}  # fmt: skip
MESSAGE = Message("k" * 32, "warning", "warning: far", "z is far", ALERT)
SECRET = "a secret of some length"


def local(lookup: Any = None, **changes: Any) -> Network:
    return Network(frozenset({"bot.test", "localhost"}), lookup or (lambda *_: ["127.0.0.1"]), **changes)


def hook(port: int, scheme: str = "http", **options: str) -> Channel:
    return Channel("c1", "bot", "webhook", f"{scheme}://bot.test:{port}/hook?a=1", SECRET, options)


async def test_a_webhook_is_signed_and_has_its_key() -> None:
    async with http() as receiver:
        sender = WebhookSender(local(), lambda: 1_700_000_000.9)
        assert (await sender.send(hook(receiver.port, authorization="Bearer x"), MESSAGE)).state == "sent"
    (request,) = receiver.requests
    assert request.line == "POST /hook?a=1 HTTP/1.1" and request.headers["host"] == f"bot.test:{receiver.port}"
    stamp = request.headers["pairbridge-timestamp"]
    expected = hmac.new(SECRET.encode(), f"{stamp}.{request.body.decode()}".encode(), hashlib.sha256).hexdigest()
    assert stamp == "1700000000" and request.headers["pairbridge-signature"] == f"v1={expected}"
    assert request.headers["idempotency-key"] == "k" * 32 and request.headers["authorization"] == "Bearer x"
    assert json.loads(request.body) == {"id": "k" * 32, "title": "warning: far", "text": "z is far", "alert": ALERT}


async def test_the_check_of_the_document_takes_ours_and_nothing_else() -> None:
    text = (ROOT / "docs/delivery.md").read_text()
    found: dict[str, Any] = {}
    exec(text.partition("```python\n")[2].partition("```")[0], found)
    async with http() as receiver:
        await WebhookSender(local(), time.time).send(hook(receiver.port), MESSAGE)
    (request,) = receiver.requests
    names = ("Pairbridge-Timestamp", "Pairbridge-Signature")
    headers = {name: request.headers[name.lower()] for name in names}
    assert found["is_genuine"](SECRET, headers, request.body)
    assert not found["is_genuine"](SECRET, headers, request.body + b" ")
    assert not found["is_genuine"](SECRET + "x", headers, request.body)
    old = str(int(headers[names[0]]) - 400)
    signed = {names[0]: old, names[1]: signature(SECRET, old, request.body)}
    assert not found["is_genuine"](SECRET, signed, request.body)


def test_every_kind_shape_and_header_is_in_the_document() -> None:
    text = (ROOT / "docs/delivery.md").read_text()
    for name in (*KINDS, *SHAPES, *ACTIONS, "Idempotency-Key", "Pairbridge-Timestamp", "Pairbridge-Signature"):
        assert f"`{name}`" in text, name


async def test_tls_is_checked_against_the_name_and_its_authority(ca: Authority) -> None:
    async with http(tls=ca.server) as receiver:
        trusting = WebhookSender(local(tls=lambda: ca.client), time.time)
        assert (await trusting.send(hook(receiver.port, "https"), MESSAGE)).state == "sent"
        other_name = replace(hook(0), address=f"https://localhost:{receiver.port}/")
        found = await trusting.send(other_name, MESSAGE)
        assert (found.state, found.error) == ("retry", "its certificate is not trusted")
        found = await WebhookSender(local(), time.time).send(hook(receiver.port, "https"), MESSAGE)
        assert (found.state, found.error) == ("retry", "its certificate is not trusted")
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Again", "308 Moved"])
async def test_a_redirect_is_refused(status: str) -> None:
    async with http() as inner, http(lambda _: f"{status}\r\nLocation: http://bot.test:{inner.port}/") as receiver:
        found = await WebhookSender(local(), time.time).send(hook(receiver.port), MESSAGE)
    assert found.state == "refused" and "redirects are not followed" in found.error and inner.requests == []


@pytest.mark.parametrize(
    ("status", "state"),
    [(204, "sent"), (400, "refused"), (401, "refused"), (410, "refused"), (408, "retry"), (429, "retry"),
     (500, "retry"), (503, "retry")],
)  # fmt: skip
def test_what_a_status_means(status: int, state: str) -> None:
    assert outcome_of(status, None, 0.0).state == state


@pytest.mark.parametrize(
    ("given", "seconds"),
    [(b"7", 7.0), (b"Tue, 14 Nov 2023 22:13:50 GMT", 30.0), (b"soon", None), (b"9" * 30, None), (None, None)],
)
def test_retry_after_is_seconds_or_a_date(given: bytes | None, seconds: float | None) -> None:
    assert outcome_of(503, given, 1_700_000_000.0).retry_after_s == seconds


async def test_a_receiver_that_hangs_or_babbles_is_cut_off_in_time() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not writer.is_closing():
            writer.write(b"X: 1\r\n")
            await asyncio.sleep(0.05)

    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000)

    async def other(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-x\r\n\r\n")

    for answer, error in ((silent, "within 0.5 s"), (drip, "within 0.5 s"), (endless, "HTTP"), (other, "HTTP")):
        began = time.monotonic()
        async with listening(answer) as port:
            found = await WebhookSender(local(), time.time, limit_s=0.5).send(hook(port), MESSAGE)
        assert found.state == "retry" and error in found.error and time.monotonic() - began < 2.0, answer
    found = await WebhookSender(local(), time.time).send(hook(port), MESSAGE)  # nobody listens
    assert found.state == "retry" and "127.0.0.1" not in found.error


async def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    network = Network(frozenset(), lambda *_: next(answers))
    connected: list[tuple[str, str | None]] = []

    async def connect(host: str, _: int, ssl: object, server_hostname: str | None) -> Any:
        connected.append((host, server_hostname))
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio, "open_connection", connect)
    channel = replace(hook(0), address="https://rebind.example/")
    sender = WebhookSender(network, time.time)
    assert (await sender.send(channel, MESSAGE)).state == "retry"
    assert (await sender.send(channel, MESSAGE)).state == "refused"  # it means another address now
    assert connected == [("93.184.216.34", "rebind.example")]


async def test_a_look_up_that_hangs_costs_its_thread_alone() -> None:
    release = threading.Event()

    def hang(*_: object) -> list[str]:
        release.wait(10)
        return ["127.0.0.1"]

    network = local(hang)
    found = await WebhookSender(network, time.time, limit_s=0.1).send(hook(1), MESSAGE)
    assert (found.state, found.error) == ("retry", "no answer within 0.1 s") and network.threads.live() == {"c1"}
    release.set()
    await until(lambda: not network.threads.live())


def mailbox(port: int, tls: str) -> Channel:
    options = {"host": "bot.test", "port": str(port), "tls": tls, "user": "me", "sender": "me@bot.test"}
    return Channel("c2", "mail", "email", "you@bot.test", SECRET, options)


@pytest.mark.parametrize("tls", ["tls", "starttls"])
async def test_mail_is_sent_encrypted_with_its_key_as_message_id(ca: Authority, tls: str) -> None:
    async with smtp(ca.server, tls == "tls") as receiver:
        sender = MailSender(local(tls=lambda: ca.client))
        assert (await sender.send(mailbox(receiver.port, tls), MESSAGE)).state == "sent"
        untrusting = await MailSender(local()).send(mailbox(receiver.port, tls), MESSAGE)
    (mail,) = receiver.mails
    assert "Subject: warning: far" in mail and f"Message-ID: <{'k' * 32}@bot.test>" in mail and "z is far" in mail
    assert untrusting.state == "retry" and len(receiver.logins) == 1
    assert all(line.upper().split()[0] in ("EHLO", "STARTTLS") for line in receiver.plain_lines)


@pytest.mark.parametrize(("answer", "state"), [("550 no such user", "refused"), ("450 later", "retry")])
async def test_a_mail_server_that_refuses_is_believed(ca: Authority, answer: str, state: str) -> None:
    async with smtp(ca.server, True, answer) as receiver:
        found = await MailSender(local(tls=lambda: ca.client)).send(mailbox(receiver.port, "tls"), MESSAGE)
    assert found.state == state and found.error == f"answered {answer[:3]} to the receivers" and receiver.mails == []


async def test_a_mail_server_that_hangs_or_is_inside_sends_nothing() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    network = local()
    async with listening(silent) as port:
        found = await MailSender(network, limit_s=0.3).send(mailbox(port, "starttls"), MESSAGE)
        assert (found.state, found.error) == ("retry", "no answer within 0.3 s")
        await until(lambda: not network.threads.live())  # its connection was cut, so the thread ends
    inside = Network(frozenset(), lambda *_: ["10.0.0.1"])
    assert (await MailSender(inside).send(mailbox(port, "tls"), MESSAGE)).state == "refused"


def shaped(values: dict[str, float | None], subject: str = ALERT["subject"], **options: str) -> dict[str, Any]:
    message = replace(MESSAGE, payload={**ALERT, "values": values, "subject": subject})
    found: dict[str, Any] = json.loads(body_of(hook(1, **options), message))
    return found


def test_the_shapes_of_two_bots() -> None:
    threecommas = {"shape": "3commas", "bot_secret": "s", "bot_uuid": "u", "action": "by_z"}
    assert shaped({"z": 2.5, "price_y": 3_000.5}, **threecommas, leg="y") == {
        "secret": "s", "bot_uuid": "u", "max_lag": "300", "timestamp": "2023-11-14T22:13:20Z",
        "trigger_price": "3000.5", "tv_exchange": "BINANCE", "tv_instrument": "ETHUSDT", "action": "enter_short",
    }  # fmt: skip
    freqtrade = {"shape": "freqtrade", "action": "by_z"}
    assert shaped({"z": -2.5}, **freqtrade, leg="y") == {
        "pair": "ETH/USDT:USDT", "side": "long", "entry_tag": "pairbridge-kkkkkkkkkkkk", "signal": "enter",
    }  # fmt: skip
    assert shaped({"z": -2.5}, "pair|spot|A|BTCUSDT", **freqtrade, leg="x")["pair"] == "BTC/USDT"
    sides = [shaped({"z": z, "beta": b}, **freqtrade, leg="x")["side"] for z in (2.5, -2.5) for b in (None, 1.0, -1.0)]
    assert sides == ["long", "long", "short", "short", "short", "long"]
    assert shaped({}, shape="freqtrade", action="exit_long", leg="x")["signal"] == "exit"
    for values in ({}, {"z": None}):
        with pytest.raises(SettingsError, match="does not read z"):
            shaped(values, **freqtrade, leg="y")
    with pytest.raises(SettingsError, match="the quote of ABC is not known"):
        shaped({"z": 1.0}, "pair|spot|ABC|X", **freqtrade, leg="y")


ADDRESSES = {
    "telegram": "tgram://123456789:ABCdefghijklmnopqrstuvwxyz012345678/12315544/",
    "slack": "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
    "discord": "https://discord.com/api/webhooks/4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
    "ntfy": "ntfy://my-topic", "pagerduty": f"pagerduty://{'a' * 32}@{'b' * 20}", "opsgenie": f"opsgenie://{'a' * 20}",
    "signl4": "signl4://secret12", "pushover": f"pover://{'u' * 30}@{'t' * 30}", "pushbullet": f"pbul://{'a' * 32}",
    "simplepush": f"spush://{'a' * 10}", "prowl": f"prowl://{'a' * 40}", "webex": f"wxteams://{'a' * 80}",
    "google-chat": "gchat://workspace/key/token", "sendgrid": "sendgrid://abcd123:me@example.org/you@example.org",
    "twilio": f"twilio://AC{'a' * 32}:{'b' * 32}@15551233456/15551233457",
    "vonage": f"vonage://{'a' * 8}:{'b' * 16}@15551233456/15551233457",
    "clicksend": "clicksend://user:password@15551233456",
    "messagebird": f"msgbird://{'a' * 25}/15551233456/15551233457",
    "plivo": f"plivo://{'a' * 25}@{'b' * 40}/15551233456/15551233457",
}  # fmt: skip


@pytest.mark.parametrize("kind", SERVICES)
def test_every_service_of_apprise_takes_its_address_and_no_other(kind: str) -> None:
    assert plugin_of(kind, ADDRESSES[kind]) is not None
    for wrong in ("json://127.0.0.1/", "ntfys://my.host/topic", "https://localhost/", "", "tgram://no", "a b"):
        with pytest.raises(SettingsError) as refused:
            plugin_of(kind, wrong)
        assert "127.0.0.1" not in str(refused.value) and "my.host" not in str(refused.value)


PARAMETERS = [
    "?verify=no", "?mode=private", "?redirect=yes", "?template=/etc/passwd", "?attach=x", "?priority=1;verify=no",
    "?thread=1;verify=no", "?thread=1&redirect=yes", "?silent=yes;redirect=yes", "?VERIFY=no", "?%76erify=no",
    "#?template=http://127.0.0.1:9/x", "#?verify=no&template=/etc/passwd", "/#?template=/etc/hostname&verify=no",
]  # fmt: skip


@pytest.mark.parametrize("extra", PARAMETERS)
@pytest.mark.parametrize("kind", [*SERVICES, "own discord"])
def test_no_parameter_names_a_host_or_a_file(kind: str, extra: str) -> None:
    """However it is written: apprise reads an address by its own rules."""
    address = ADDRESSES.get(kind, "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js")
    with pytest.raises(SettingsError, match=r"address (of .* has parameters other than|is not of)|kind webhook"):
        plugin_of(kind.removeprefix("own "), address + extra)


@pytest.mark.parametrize(
    ("kind", "extra"),
    [
        ("telegram", "?silent=yes&topic=5"),
        ("discord", "?thread=12"),
        ("ntfy", "?priority=high"),
        ("prowl", "?priority=1"),
    ],
)
def test_harmless_parameters_are_taken(kind: str, extra: str) -> None:
    assert plugin_of(kind, ADDRESSES[kind] + extra) is not None


async def test_apprise_sends_what_its_service_takes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:  # fmt: skip
    sent: list[tuple[str, dict[str, Any]]] = []

    class Answer:
        status_code, content, headers = 200, b"{}", {}  # type: ignore[var-annotated]

    def post(url: str, **how: Any) -> Answer:
        sent.append((url, how))
        return Answer()

    monkeypatch.setattr("requests.post", post)
    channel = Channel("c3", "phone", "discord", ADDRESSES["discord"])
    assert (await PushSender(Network()).send(channel, MESSAGE)).state == "sent"
    (url, how) = sent[0]
    assert url.startswith("https://discord.com/api/webhooks/") and "z is far" in str(how)
    assert how["allow_redirects"] is False and how["verify"] is True
    Answer.status_code = 500
    found = await PushSender(Network()).send(channel, MESSAGE)
    assert (found.state, found.error) == ("retry", "discord refused it: it answered 500")

    def unreachable(url: str, **_: Any) -> Answer:
        raise requests.ConnectionError(url)

    monkeypatch.setattr("requests.post", unreachable)
    with caplog.at_level(logging.DEBUG):
        found = await PushSender(Network()).send(channel, MESSAGE)
    assert found.state == "retry" and found.error.startswith("discord cannot be reached: ")
    assert "JHMHI8" not in found.error + caplog.text


async def test_failures_through_apprise_at_once_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each thread hears its own."""
    together = threading.Barrier(2, timeout=10)

    def post(url: str, **_: Any) -> Any:
        together.wait()
        if "ntfy" in url:
            raise requests.ConnectionError(url)
        return SimpleNamespace(status_code=403, content=b"{}", headers={})

    monkeypatch.setattr("requests.post", post)
    sender = PushSender(Network())
    kinds = ("discord", "ntfy")
    found = await asyncio.gather(*(sender.send(Channel(kind, kind, kind, ADDRESSES[kind]), MESSAGE) for kind in kinds))
    assert found[0].error == "discord refused it: it answered 403"
    assert found[1].error.startswith("ntfy cannot be reached: ")
