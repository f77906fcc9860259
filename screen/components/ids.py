"""Component ids, used by the layout, the callbacks and the asset scripts."""

from __future__ import annotations

BANNER = "bridge-banner"
VIEW_ONLY = "view-only"  # used by assets/key.js
ADDRESS = "address"  # of the page: pathname and search
ROUTE = "route"  # the address, once the page there can be mounted
PAGE = "page"  # in which the pages are mounted
PAGE_NAME = "page-name"  # of the mounted one
SEARCH = "search"
SEARCH_NAMES = "search-names"
SEARCH_SAID = "search-said"
TOASTS = "toasts"  # used by assets/jobs.js
WATCH = "watch-id"  # the pair on the screen
UNDO = "undo-store"
OPTIONS = "options-poll"
LEADERS = "watch-list"
LOG = "signal-log"
LOG_FILTER = "log-filter"
EXPORT = "export-log"

EVIDENCE = "evidence"

CHART_STACK = "chart-stack"  # these three are used by assets/draw.js
SEEK_NOTE = "seek-note"  # why a bar that the address names is not shown
CHART_CANVAS = "chart-canvas"
CHART_LEGENDS = "chart-legends"
PRICE = "price-chart"  # the panes of the stack, as in assets/draw_series.js
SPREAD = "spread-chart"
Z = "z-chart"
BETA = "beta-chart"
GATE = "gate-chart"
CHARTS = (PRICE, SPREAD, Z, BETA, GATE)
PRICE_LEG = "price-leg"

MARKET = "pick-market"
Y = "pick-y"
X = "pick-x"
ADD = "add-pair"
REMOVE = "remove-pair"
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
GATE_ON = "set-gate"
GATE_LEVEL = "set-gate-level"
FEE = "set-fee"
COST_FILTER = "set-cost-filter"
NOTIONAL = "set-notional"
SPACE = "set-space"
CALIBRATION = "set-calibration"
REFIT = "set-refit"
Z_SCALE = "set-z-scale"
MAX_Z = "set-max-z"
MAX_HOLD = "set-max-hold"
COOLDOWN = "set-cooldown"
ENTRY_MODE = "set-entry-mode"
ENTRY_AT = "set-entry-at"
SLIPPAGE = "set-slippage"
HEDGE_MIN = "set-hedge-min"
HEDGE_MAX = "set-hedge-max"
NEGATIVE_HEDGE = "set-negative-hedge"
BREAK_ALARM = "set-break-alarm"
CENTRE_LIMIT = "set-centre-limit"
GATE_EVERY = "set-gate-every"
GATE_DWELL = "set-gate-dwell"
GATE_LAGS = "set-gate-lags"
STALE = "set-stale"
LEAST_COVERAGE = "set-least-coverage"
HALF_SPREAD = "set-half-spread"
APPLY = "apply"
DRAWER = "settings-drawer"  # those up to TRIAL_RESULT are used by assets/settings.js
DRAWER_PLACE = "settings-place"
DRAWER_WANTED = "settings-wanted"  # when it was opened first, ms: only then is it made
DRAWER_OPEN = "settings-open"
DRAWER_CLOSE = "settings-close"
DRAWER_TITLE = "settings-title"
DRAWER_VIEW = "settings-view"
VIEWS = ("form", "presets", "runs")
BASE = "settings-base"  # the pair and its settings in force
FILLED = "settings-filled"  # those that the form was filled from
APPLIED = "settings-applied"  # by pair: the settings before the last change
DRAFT_NOTE = "settings-unsaved"
DRAFT_UNDO = "undo-edits"
SETTINGS_UNDO = "undo-settings"
TRIAL_RESULT = "settings-trial-result"
SETTINGS_ERRORS = "settings-errors"
SETTINGS_MESSAGE = "settings-message"
PRESET_TABLE = "preset-table"
RUNS = "settings-runs"
RETURN_TO = "return-to-run"
TRIAL = "settings-trial"
TRIAL_JOB = "settings-trial-job"
TRIAL_POLL = "settings-trial-poll"
MESSAGE = "message"
UNDO_BUTTON = "undo"
PARITY_CHECK = "parity-check"
LOCK = "lock-position"
UNLOCK = "unlock-position"
MONEY_MESSAGE = "money-message"
MONEY_UNDO = "money-undo-store"
MONEY_UNDO_BUTTON = "money-undo"
HELP = "help"
HELP_OPEN = "help-open"
HELP_TITLE = "help-title"
THEME = "theme"
ZONE = "zone"  # of times; used by assets/clock_zone.js
ZONE_NAME = "zone-name"

SCAN_PAGE = "scan-page"
SCAN_MARKET = "scan-market"
SCAN_INTERVAL = "scan-interval"
SCAN_SPAN = "scan-span"
SCAN_FETCH = "scan-fetch"  # so many symbols
SCAN_QUOTE = "scan-quote"
SCAN_USUAL = "scan-usual"  # the button that sets what a first scan needs
SCAN_LEAST_BARS = "scan-least-bars"
SCAN_MISSING = "scan-missing"
SCAN_MOVING = "scan-moving"
SCAN_VOLUME = "scan-volume"
SCAN_LAGS = "scan-lags"
SCAN_HOLDOUT = "scan-holdout"
SCAN_CONTROL = "scan-control"
SCAN_LEVEL = "scan-level"
SCAN_START = "scan-start"
SCAN_CANCEL = "scan-cancel"
SCAN_POLL = "scan-poll"
SCAN_STAGE = "scan-stage"
SCAN_SAID = "scan-said"  # the result of a click
SCAN_BAR = "scan-bar"
SCAN_NEWEST = "scan-newest"  # of the stored scans, sent with every poll
SCAN_FRESH = "scan-fresh"  # the same, sent once
SCAN_CHOSEN = "scan-chosen"
SCAN_VERDICT = "scan-verdict"
SCAN_DETAIL = "scan-detail"
SCAN_PAIRS = "scan-pairs"
SCAN_EXCLUDED = "scan-excluded"
SCAN_EXCLUDED_HEAD = "scan-excluded-head"
SCAN_WATCH = "scan-watch"
SCAN_EXPORT = "scan-export"
SCAN_MAP = "scan-map"
SCAN_MAP_KIND = "scan-map-kind"

LEGS_FOLD, LEGS = "legs-fold", "legs"  # the folds of a pair's details, and what is in them
TOGETHER_FOLD, TOGETHER = "together-fold", "together"
DETAILS_TICK = "details-tick"
TESTS_FOLD, TESTS, TESTS_RUN, TESTS_SAID, TESTS_TICK = (
    "tests-fold", "tests", "tests-run", "tests-said", "tests-tick",
)  # fmt: skip


def live(name: str) -> str:
    """The element whose text is the live value ``name``."""
    return f"live-{name}"


def view_of(name: str) -> str:
    """One of the drawer's views."""
    return f"settings-view-{name}"


def take(preset: str) -> str:
    """The button that takes a preset."""
    return f"take-{preset}"


def note(chart: str) -> str:
    """The text shown over an empty chart."""
    return f"{chart}-note"
