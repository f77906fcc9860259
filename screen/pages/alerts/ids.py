"""Component ids of the page."""

from __future__ import annotations

from typing import Any

NEWS = "alerts-news"  # the version of rules and alerts; assets/alerts.js sets it
MESSAGE = "alerts-message"
UNDO, UNDO_STORE = "alerts-undo", "alerts-undo-store"
PRESSED = "alerts-pressed"  # the button of a row
CHANGED = "alerts-changed"  # counts what was done on this page
RULES = "alerts-rules"
RULES_SEEN = "alerts-rules-seen"  # what of the rules is drawn
NEW = "alerts-new"
NOTICES_SAID = "alerts-notices-said"  # what keeps this browser from telling alerts

EDITOR = "alerts-editor"
TITLE = "alerts-title"
SENTENCE = "alerts-sentence"
TREE = "alerts-tree"
SHAPE = "alerts-shape"  # of the tree that is drawn
EDITED = "alerts-edited"  # the rule's id, and the rule that the form was filled from
ERRORS = "alerts-errors"
SAVE, CANCEL = "alerts-save", "alerts-cancel"
SAVE_SAID = "alerts-save-said"
BUDGET, BUDGET_LEAF, BUDGET_PART = "alerts-budget", "alerts-budget-leaf", "alerts-budget-part"
SOLVE, SOLVED = "alerts-solve", "alerts-solved"
PREVIEW, PREVIEWED = "alerts-preview", "alerts-previewed"
CHANNELS = "alerts-channel-list"
NO_CHANNEL = "alerts-no-channel"  # what stands for the choice where there is none

CHANNELS_SHOWN = "alerts-channels"
CHANNELS_CHANGED = "alerts-channels-changed"
CHANNEL_KIND, CHANNEL_NAME, CHANNEL_ADDRESS = "alerts-channel-kind", "alerts-channel-name", "alerts-channel-address"
CHANNEL_SECRET, CHANNEL_SECRET_PART = "alerts-channel-secret", "alerts-channel-secret-part"
CHANNEL_HINT, CHANNEL_SECRET_HINT = "alerts-channel-hint", "alerts-channel-secret-hint"
CHANNEL_MAIL, CHANNEL_HOST, CHANNEL_PORT = "alerts-channel-mail", "alerts-channel-host", "alerts-channel-port"
CHANNEL_USER, CHANNEL_SENDER, CHANNEL_TLS = "alerts-channel-user", "alerts-channel-sender", "alerts-channel-tls"
CHANNEL_ADD, CHANNEL_FAULT, CHANNEL_SAID = "alerts-channel-add", "alerts-channel-fault", "alerts-channel-said"
CHANNEL_PRESSED = "alerts-channel-pressed"  # the button of a row
CHANNEL_UNDO, CHANNEL_REMOVED = "alerts-channel-undo", "alerts-channel-removed"

HISTORY = "alerts-history"
FILTER_RULE, FILTER_SEVERITY = "alerts-filter-rule", "alerts-filter-severity"
SENT_LOOK, SENT_SEEN = "alerts-sent-look", "alerts-sent-seen"  # how far messages are, as it is drawn
NEWEST, OLDER, OLDER_PLACE, RANGE = "alerts-newest", "alerts-older", "alerts-older-place", "alerts-range"


def of(name: str) -> str:
    """The control of one term of a rule."""
    return f"alerts-{name.replace('_', '-')}"


def pick(part: Any, path: Any) -> dict[str, Any]:
    """A choice in the tree of conditions; ``path``: of its box or condition, or a wildcard."""
    return {"type": "alerts-pick", "part": part, "path": path}


def number(part: Any, path: Any) -> dict[str, Any]:
    """A number in the tree of conditions."""
    return {"type": "alerts-number", "part": part, "path": path}


def fault(part: Any, path: Any) -> dict[str, Any]:
    """What is wrong with a part of the tree."""
    return {"type": "alerts-fault", "part": part, "path": path}


def change(what: Any, path: Any) -> dict[str, Any]:
    """A button that adds a condition or a box, or removes one."""
    return {"type": "alerts-change", "what": what, "path": path}


def template(name: Any) -> dict[str, Any]:
    """The button of a template."""
    return {"type": "alerts-template", "name": name}


def act(what: Any, rule: Any) -> dict[str, Any]:
    """A button of a rule: edit, enable, delete, or for how many hours it is snoozed."""
    return {"type": "alerts-act", "what": what, "rule": rule}


def channel(what: Any, channel_id: Any) -> dict[str, Any]:
    """A button of a channel: test or delete."""
    return {"type": "alerts-channel", "what": what, "channel": channel_id}


def seen(alert: Any) -> dict[str, Any]:
    """The button that acknowledges an alert."""
    return {"type": "alerts-seen", "alert": alert}


def snooze(alert: Any, rule: Any) -> dict[str, Any]:
    """The button of an alert that snoozes its rule."""
    return {"type": "alerts-snooze", "alert": alert, "rule": rule}
