"""Services with fixed hosts, through apprise, which makes its own requests: only plugins that we have looked at, no
parameter that names a host or a file, no redirects, and nothing of theirs in a log."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

from engine.errors import SettingsError
from services.delivery.channels import Channel
from services.delivery.message import SENT, Message, Outcome
from services.delivery.network import Network

SILENCED = ("apprise", "urllib3", "requests_oauthlib", "oauthlib")  # they log URLs, and these hold keys
TYPES = {"info": "info", "warning": "warning", "critical": "failure"}


@dataclass(frozen=True, slots=True)
class Service:
    """A plugin of apprise by module, and the parameters that its address may have."""

    module: str
    plugin: str
    example: str
    parameters: frozenset[str] = frozenset()


SERVICES = {
    "telegram": Service("telegram", "NotifyTelegram", "tgram://BOT_TOKEN/CHAT_ID", frozenset({"silent", "topic"})),
    "slack": Service("slack", "NotifySlack", "https://hooks.slack.com/services/A/B/C"),
    "discord": Service("discord", "NotifyDiscord", "https://discord.com/api/webhooks/ID/TOKEN", frozenset({"thread"})),
    "ntfy": Service("ntfy", "NotifyNtfy", "ntfy://TOPIC", frozenset({"priority", "mode"})),
    "pagerduty": Service("pagerduty", "NotifyPagerDuty", "pagerduty://INTEGRATION_KEY@API_KEY", frozenset({"region"})),
    "opsgenie": Service("opsgenie", "NotifyOpsgenie", "opsgenie://API_KEY", frozenset({"region", "priority"})),
    "signl4": Service("signl4", "NotifySIGNL4", "signl4://SECRET"),
    "pushover": Service("pushover", "NotifyPushover", "pover://USER_KEY@TOKEN", frozenset({"priority", "sound"})),
    "pushbullet": Service("pushbullet", "NotifyPushBullet", "pbul://ACCESS_TOKEN"),
    "simplepush": Service("simplepush", "NotifySimplePush", "spush://API_KEY"),
    "prowl": Service("prowl", "NotifyProwl", "prowl://API_KEY", frozenset({"priority"})),
    "webex": Service("webexteams", "NotifyWebexTeams", "wxteams://TOKEN"),
    "google-chat": Service("google_chat", "NotifyGoogleChat", "gchat://WORKSPACE/KEY/TOKEN"),
    "sendgrid": Service("sendgrid", "NotifySendGrid", "sendgrid://API_KEY:FROM@EXAMPLE.ORG/TO@EXAMPLE.ORG"),
    "twilio": Service("twilio", "NotifyTwilio", "twilio://ACCOUNT_SID:AUTH_TOKEN@FROM/TO"),
    "vonage": Service("vonage", "NotifyVonage", "vonage://KEY:SECRET@FROM/TO"),
    "clicksend": Service("clicksend", "NotifyClickSend", "clicksend://USER:PASSWORD@TO"),
    "messagebird": Service("messagebird", "NotifyMessageBird", "msgbird://KEY/FROM/TO"),
    "plivo": Service("plivo", "NotifyPlivo", "plivo://AUTH_ID@TOKEN/FROM/TO"),
}


def plugin_of(kind: str, address: str) -> Any:
    """The plugin of an address. Raises SettingsError, without the address.

    apprise is imported here: it is needed by those who have such a channel only.
    """
    for name in SILENCED:
        logging.getLogger(name).setLevel(logging.WARNING if name == "apprise" else logging.CRITICAL + 1)
        logging.getLogger(name).propagate = False
    logging.getLogger("apprise").addHandler(_HEARD)  # its only one, which keeps none of the text
    service = SERVICES[kind]
    expected = f"expected one such as {service.example}"
    if any(ord(each) <= 32 for each in address):
        raise SettingsError(f"the address of {kind} has spaces; {expected}")
    parts = _parts(service, address)
    if parts and set(parts["qsd"]) - service.parameters:
        known = ", ".join(sorted(service.parameters)) or "none"
        raise SettingsError(f"the address of {kind} has parameters other than {known}; {expected}")
    plugin = _made(service, parts) if parts else None
    if plugin is None:
        raise SettingsError(f"the address is not of {kind}; {expected}")
    if kind == "ntfy" and getattr(plugin, "mode", "") != "cloud":
        raise SettingsError(f"a server of one's own is a channel of the kind webhook; {expected}")
    return plugin


def _plugin_class(service: Service) -> Any:
    """Out of its own module alone: apprise would load all 130 to look one up."""
    return getattr(import_module(f"apprise.plugins.{service.module}"), service.plugin)


def _parts(service: Service, address: str) -> dict[str, Any] | None:
    """What apprise itself reads in an address, None for one of another service. Its parameters are ``qsd``: no parser
    but its own says what they are, since it takes ``;`` between them, and a query after ``#`` too."""
    plugin = _plugin_class(service)
    schemes = {each for name in ("protocol", "secure_protocol") for each in _names(getattr(plugin, name, None))}
    is_own = address.partition("://")[0].lower() in schemes
    found: dict[str, Any] | None = plugin.parse_url(address) if is_own else plugin.parse_native_url(address)
    return found or None


def _made(service: Service, parts: dict[str, Any]) -> Any | None:
    """The plugin; None if the parts are wrong."""
    from apprise import AppriseAsset

    try:
        return _plugin_class(service)(**parts, asset=AppriseAsset(http_redirects=False, secure_logging=True))
    except TypeError:  # its way to say so; the text may hold a key
        return None


def _names(found: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (found,) if isinstance(found, str) else found or ()


class PushSender:
    """Sends messages through apprise. It tells only whether it worked, and has no idempotency keys."""

    def __init__(self, network: Network) -> None:
        self._network = network

    async def send(self, channel: Channel, message: Message) -> Outcome:
        """See Outcome."""
        try:
            return await self._network.threads.run(channel.channel_id, partial(_notify, channel, message))
        except SettingsError as error:
            return Outcome("refused", str(error))


def _notify(channel: Channel, message: Message) -> Outcome:
    plugin = plugin_of(channel.kind, channel.address)
    with _HEARD.listening() as reasons:
        is_sent = plugin.notify(
            body=message.body, title=message.title, notify_type=TYPES[message.severity], body_format="text"
        )
    if is_sent:
        return SENT
    return Outcome("retry", f"{channel.kind} {reasons[-1] if reasons else 'did not take it, or cannot be reached'}")


class _Heard(logging.Handler):
    """What apprise logs of a failure is all that it says of one. Of its texts, which hold addresses, only the kind of
    failure is kept, for the thread that sends."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._reasons: dict[int, list[str]] = {}  # by thread

    @contextmanager
    def listening(self) -> Iterator[list[str]]:
        """The failures of this thread meanwhile."""
        thread = threading.get_ident()
        reasons = self._reasons[thread] = []
        try:
            yield reasons
        finally:
            del self._reasons[thread]

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the kind of failure."""
        reasons, text = self._reasons.get(threading.get_ident()), record.getMessage()
        answered = _ANSWERED.search(text)
        if reasons is None:
            return
        if answered:
            reasons.append(f"refused it: it answered {answered[1]}")
        elif "onnection error" in text:
            reasons.append("cannot be reached: no connection from this machine, or no answer in time")


_ANSWERED = re.compile(r"error=([1-5][0-9]{2})\b")
_HEARD = _Heard()
