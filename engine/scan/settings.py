"""Settings of a scan."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

from engine.errors import SettingsError

LEAST_BARS = 100  # of the selection: with fewer, the Hurst exponent is meaningless and tests have no power


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """Shares from 0 to 1, volumes in the unit of the volumes given (usually quote currency)."""

    lags: str = "bic"  # of the Dickey-Fuller regressions: bic, aic or a number
    holdout: float = 0.3  # the newest share of the bars, excluded from the selection; 0: none
    false_share: float = 0.05  # the allowed share of noise among the pairs found: the q-value of a discovery
    control: str = "bh"  # of that share: by Benjamini-Hochberg, or "by": Yekutieli's bound under any dependence
    least_bars: int = 300  # of a symbol, from its first price on
    most_filled: float = 0.05  # share of a symbol's bars that may be missing and are carried
    least_moving: float = 0.1  # share of the bars in which the price has to change
    least_volume: float = 0.0  # median volume a bar, where volumes are given

    def __post_init__(self) -> None:
        """Raises SettingsError with the field, the value and the expected range."""
        shares = {name: getattr(self, name) for name in ("most_filled", "least_moving")}
        rules = (
            (self.lags in ("bic", "aic") or self.lags.isdecimal(), "lags", "bic, aic or a number"),
            (0 <= self.holdout <= 0.8, "holdout", "0 to 0.8"),
            (0 < self.false_share < 1, "false_share", "above 0 and below 1"),
            (self.control in ("bh", "by"), "control", "bh or by"),
            (self.least_bars >= LEAST_BARS, "least_bars", f"at least {LEAST_BARS}"),
            (self.least_volume >= 0, "least_volume", "0 or more"),
            *((0 <= share <= 1, name, "0 to 1") for name, share in shares.items()),
        )
        for holds, name, expected in rules:
            if not holds:
                raise SettingsError(f"{name} is {getattr(self, name)!r}; expected {expected}")

    def to_json(self) -> str:
        """The canonical text: equal settings give equal texts."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, separators=(",", ":"))
