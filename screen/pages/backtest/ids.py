"""Ids of the backtest's page. Those of the form's fields are ``of(name of the setting)``."""

from __future__ import annotations

ADDRESS = "backtest-address"  # dcc.Location of the page's own: the result in ``?result=N``
MOUNTED = "backtest-mounted"

SOURCE = "backtest-source"  # stored or files
STORED_PART, FILES_PART = "backtest-stored-part", "backtest-files-part"
WATCHED, MARKET, Y, X = "backtest-watched", "backtest-market", "backtest-y", "backtest-x"
SPAN, FROM, TO, STORED = "backtest-span", "backtest-from", "backtest-to", "backtest-stored"
STORED_SAID = "backtest-stored-said"
DROP, CHOOSE, SENT = "backtest-drop", "backtest-choose", "backtest-sent"
UPLOAD, UPLOAD_POLL, UPLOAD_SEEN = "backtest-upload", "backtest-upload-poll", "backtest-upload-seen"
UPLOAD_STAGE, PREVIEW, DISCARD_FILES = "backtest-upload-stage", "backtest-preview", "backtest-discard-files"
FILE_Y, FILE_X, TOLD_INTERVAL, TOLD_ZONE = (
    "backtest-file-y", "backtest-file-x", "backtest-told-interval", "backtest-told-zone",
)  # fmt: skip
LOOK = "backtest-look"

PRESET = "backtest-preset"
KIND = "backtest-kind"  # one, grid or random
SEARCH_PART = "backtest-search-part"
AXES = tuple((f"backtest-axis-{n}", f"backtest-axis-values-{n}") for n in (1, 2, 3))
CELLS = "backtest-cells"

START, CANCEL = "backtest-start", "backtest-cancel"
BAR, STAGE, SAID = "backtest-bar", "backtest-stage", "backtest-said"
INTERRUPTED, INTERRUPTED_SAID = "backtest-interrupted", "backtest-interrupted-said"
CONTINUE, FORGET = "backtest-continue", "backtest-forget"
POLL, SEEN, NEWEST = "backtest-poll", "backtest-seen", "backtest-newest"

CHOSEN, USE, RESULT = "backtest-chosen", "backtest-use", "backtest-result"
AUDIT, AUDIT_SAID, AUDIT_TICK = "backtest-audit", "backtest-audit-said", "backtest-audit-tick"
SHOWN = "backtest-shown"  # the result on the page
OFFER_POLL = "backtest-offer-poll"
PORTFOLIO, PORTFOLIO_PARTS = "backtest-portfolio", "backtest-portfolio-parts"
PORTFOLIO_FORM, PORTFOLIO_NONE = "backtest-portfolio-form", "backtest-portfolio-none"
COMBINE, COMBINE_SAID, COMBINED = "backtest-combine", "backtest-combine-said", "backtest-combined"


def of(name: str) -> str:
    """The id of a setting's control."""
    return f"backtest-{name.replace('_', '-')}"


def group(name: str) -> str:
    """The id of a question's fold."""
    return f"backtest-group-{name}"
