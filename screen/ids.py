"""Names of components: the layout makes them, callbacks and the asset scripts use them."""

from __future__ import annotations

BANNER = "bridge-banner"
WATCH = "watch-id"  # the pair on the screen
UNDO = "undo-store"
FRAME = "frame-store"  # a polled frame, when the live connection is down
POLL = "poll"
OPTIONS = "options-poll"
LEADERS = "watch-list"
LOG = "signal-log"
LOG_FILTER = "log-filter"
EXPORT = "export-log"

EVIDENCE = "evidence"

PRICE = "price-chart"
LEGS = "legs-chart"
SPREAD = "spread-chart"
Z = "z-chart"
BETA = "beta-chart"
GATE = "gate-chart"
CHARTS = (PRICE, LEGS, SPREAD, Z, BETA, GATE)
PRICE_LEG = "price-leg"

MARKET = "pick-market"
Y = "pick-y"
X = "pick-x"
ADD = "add-pair"
REMOVE = "remove-pair"
PRESET = "set-preset"
INTERVAL = "set-interval"
PRICES = "set-price"
ESTIMATOR = "set-estimator"
Z_WINDOW = "set-z-window"
BETA_WINDOW = "set-beta-window"
MEMORY = "set-memory"
TEST_WINDOW = "set-test-window"
ENTRY = "set-entry"
EXIT = "set-exit"
STOP = "set-stop"
GATE_LEVEL = "set-gate"
FEE = "set-fee"
COST_FILTER = "set-cost-filter"
NOTIONAL = "set-notional"
APPLY = "apply"
MESSAGE = "message"
UNDO_BUTTON = "undo"
HELP = "help"
HELP_OPEN = "help-open"


def live(name: str) -> str:
    """The element whose text is the live value ``name``."""
    return f"live-{name}"


def note(chart: str) -> str:
    """The sentence that stands over an empty chart."""
    return f"{chart}-note"
