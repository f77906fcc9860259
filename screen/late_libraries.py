"""Libraries whose scripts are large and not for every page.

Dash puts the scripts of every library into the document. Here those of ``LATE`` become blocks of data, which name them
and run nothing; ``assets/late.js`` loads them before a page that may use them is mounted. Those of ``UNUSED`` are left
out.
"""

from __future__ import annotations

import re
from typing import Any

from dash import Dash

LATE = "/dash_ag_grid/"
UNUSED = "/dash_table/"
_SCRIPT = re.compile(r'<script src="([^"]*)"></script>')


class PagesDash(Dash):
    """Dash, whose document loads what every page uses."""

    light_pages: tuple[str, ...] = ()  # addresses of the pages that have no grid

    def interpolate_index(self, *parts: str, **named: str) -> str:
        """The document, from the parts that Dash made."""
        of_dash: Any = super().interpolate_index  # untyped
        named["scripts"] = _SCRIPT.sub(self._placed, named["scripts"])
        document: str = of_dash(*parts, **named)
        return document

    def _placed(self, script: re.Match[str]) -> str:
        address = script[1]
        if UNUSED in address:
            return ""
        if LATE in address:
            return f'<script type="text/plain" data-not-for="{" ".join(self.light_pages)}" src="{address}"></script>'
        return script[0]
