"""The help dialog: a short guide to the screen."""

from __future__ import annotations

import dash_bootstrap_components as dbc
from dash import dcc, html

from screen.components import ids
from screen.components.addresses import GLOSSARY

_TEXT = """
**What this is.** Two symbols form a pair: Y against a multiple of X. The rule enters when the spread is far from its
mean, and exits when it reverts. Nothing is traded here; the signal log shows the rule's decisions: made at a bar's
close, to be executed on the next bar.

**What to trust.** An unknown number is shown as –, never as 0. Bars that overlap a gap in the data give no entry
(`TAINTED_GAP`). The hedge line is that of the previous bar. The gate tests one fixed line with Engle-Granger values:
on unrelated symbols a single test still opens in 5 of 100 cases, in 7 to 24 if the variance changes and the gate is not
the robust one, and a rolling gate is open about a tenth of the time. So consider the share of time and the number of
tests; one opening is no proof.

**Evidence.** Below the charts, the evidence panel shows how reliable the figures are: the power of the test, the
values on noise, whether the filter absorbs the spread, whether the reversion is bid-ask bounce, and the share of real
bars in each window. Point at a line, tap it, or reach it with Tab, for its meaning.

**Settings.** The key `s` opens the drawer; `?` beside a field says what it is. *What would have changed?* runs the
settings in force and the draft through the stored bars of the last day (for wide bars up to a week), with all costs. A
draft that did better on that day was chosen on it, so it counts as a trial: the DSR of a backtest knows.

**Colours.** Green and red are profit, loss and direction alone; amber is what may not be trusted. Grey figures with
*as of* are not of now: the bridge is away, or the run waits.

**Pages.** Overview has every symbol and every watched pair; a row opens its pair. Signals is the journal of all pairs,
Data what is stored and missing. An address can be reloaded and shared; back and forward work.

**Alerts.** A rule is a sentence: conditions, for whom, how often, when. `armed` fires as soon as nothing is missing;
`fired` has to become false first. *Find the level* sets a level for so many alerts a day, counted over the stored
bars; *What would it have done?* replays the rule over them. A snoozed rule keeps its alerts in the history.

**Universe scan.** Tests every pair of a market at once, says how many were asked, and looks at what it found again on
bars that the selection has not seen. Of pairs that share nothing, 5 in 100 pass a single test. A symbol is in one find
at most: a leg with noise of its own passes tests against anything, so weaker pairs are `explained by` its strongest.
`survived` means that the spread also comes back on the held-out bars, that the hedge is not luck there, and that the
variance of the legs does not explain the find.

**Why no entry?** `WARMUP` not enough bars · `GATE_CLOSED` · `TAINTED_GAP` a gap in the data · `STALE_LEG` one leg has
not traded for a while · `FILLED_BAR` no trade in this bar · `BELOW_COST` it would not pay its fees · `NOT_EXECUTABLE`
|z| at the quotes is below the entry · `HEDGE_RANGE` the hedge asks for too little, too much, or the same side of X ·
`OFF_CENTRE` the spread's mean is significantly off zero ·
`BREAK` the relation was just seen to break, and the run ends · `COOLDOWN` · `MAX_Z` too far out · `IN_POSITION` ·
`BRIDGE_DOWN`.

**Chart.** The wheel or two fingers zoom, a drag or a swipe to the side moves, the left edge loads older bars; *now*, a
double click or a double tap follows the market again. The legend has the values of the bar under the cross-hair, and
only that bar's decision; a click or tap on a name hides its line. Times are UTC or local, as chosen at the top; exports
are always UTC. *Layout* above it hides and orders panes, and hides parts of the page.

**Under names.** *Layout* and *Watch lists* save what is shown and what is watched, in this browser, and exchange it
with other browsers as a file. Loading a watch list first says which pairs it adds and removes; pairs in both stay as
they are.

**Keys.** `g` and a page's letter (`o` overview, `p` pair, `s` scan, `b` backtest, `j` signals, `a` alerts, `d` data,
`h` glossary) · `/` go to a pair · `j` `k` next and previous row, or pair on a pair's page · `Enter` opens the row · `i`
explains what has the focus, as a tap does what it touches · `s` settings of the pair (Enter applies, Esc closes) ·
`f` follow now · `e` export the log · `?` this help.

*No investment advice. Noise easily produces an apparent profit.*
"""


def _to_glossary() -> html.P:
    link = html.A("glossary", href=GLOSSARY)
    return html.P(["Every term and statistic of the screens, with its trap: the ", link, "."])


def help_dialog() -> dbc.Modal:
    """Opened by the button in the header or the key ``?``."""
    return dbc.Modal(
        [
            dbc.ModalHeader(dbc.ModalTitle("How to read this screen", id=ids.HELP_TITLE)),
            dbc.ModalBody([_to_glossary(), dcc.Markdown(_TEXT)]),
        ],
        id=ids.HELP,
        labelledby=ids.HELP_TITLE,
        size="lg",
        is_open=False,
        scrollable=True,
    )
