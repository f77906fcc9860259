"""The help dialog: what is on the screen, in a minute's reading."""

from __future__ import annotations

import dash_bootstrap_components as dbc
from dash import dcc

from screen.components import ids

_TEXT = """
**What this is.** Two symbols are followed as a pair: Y against a multiple of X. When the spread is far from its mean
the rule would enter, when it comes back it would leave. Nothing is traded here; the signal log says what the rule
would do, on the bar that gave it, to be done on the next.

**What to trust.** A number that is not known is shown as –, never as 0. Bars that touch a gap in the data give no
entry (`TAINTED_GAP`). The hedge line is the one known a bar before. The gate tests one fixed line with Engle-Granger
values: on unrelated symbols a single test still opens in 5 of 100 cases, in 7 to 24 where the variance moves unless the
gate is the robust one, and a rolling gate is open about a tenth of the time. So read the share of time and the number
of tests, and never take one opening for proof.

**Evidence.** Under the charts stands what the figures are worth: what the test could see at all, what noise would
show, whether the filter eats the spread, whether the reversion is bounce between bid and ask, how much of a window is
real. Point at a line, or reach it with Tab, for its meaning.

**Universe scan.** Tests every pair of a market at once, says how many were asked, and looks at what it found again on
bars that the selection has not seen. Of pairs that share nothing, 5 in 100 pass a single test.

**Why no entry?** `WARMUP` not enough bars · `GATE_CLOSED` · `TAINTED_GAP` a gap in the data · `STALE_LEG` one leg has
not traded for a while · `FILLED_BAR` no trade in this bar · `BELOW_COST` it would not pay its fees · `HEDGE_RANGE` the
hedge asks for too little, too much, or the same side of X · `COOLDOWN` · `MAX_Z` too far out · `IN_POSITION` ·
`BRIDGE_DOWN`.

**Charts.** Drag to zoom, double-click to follow now again. All times are UTC.

**Keys.** `j` `k` next and previous pair · `f` follow now in all charts · `e` export the log · `?` this help.

*No investment advice. A back-of-the-envelope profit is the easiest thing to manufacture from noise.*
"""


def help_dialog() -> dbc.Modal:
    """Opened by the button in the header or the key ``?``."""
    return dbc.Modal(
        [dbc.ModalHeader(dbc.ModalTitle("How to read this screen")), dbc.ModalBody(dcc.Markdown(_TEXT))],
        id=ids.HELP,
        size="lg",
        is_open=False,
        scrollable=True,
    )
