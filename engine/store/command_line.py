"""The option with which every command finds the data folder."""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def add_data_dir_option(parser: argparse.ArgumentParser, note: str = "") -> None:
    """``--data-dir``, as ``options.data_dir``; ``note`` goes to the end of its help."""
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=Path(os.environ.get("PAIRBRIDGE_DATA_DIR") or "data"),
        help=f"the data folder (default: PAIRBRIDGE_DATA_DIR, else ./data){note}",
    )
