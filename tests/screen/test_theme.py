"""The colours of both themes: contrast of text and marks on every ground, and profit against loss for every eye."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from screen.components import theme

ASSETS = Path(theme.__file__).parents[1] / "assets"
TEXT, MARK = 4.5, 3.0  # WCAG 2.2, 1.4.3 (AA) and 1.4.11
GROUNDS = ("bg", "raised", "field", "head", "pop", "grid", "stripe")
INKS = ("ink", "muted", "cyan", "violet", "green", "red", "amber")
# Machado, Oliveira and Fernandes 2009: what an eye without one kind of cone sees, in linear light.
WITHOUT = {
    "red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}


def colours(name: str) -> dict[str, str]:
    """The hexadecimal custom properties of a theme."""
    text = (ASSETS / "colours.css").read_text()
    block = re.search(rf'data-bs-theme="{name}"\] {{(.*?)\n}}', text, re.S)
    assert block is not None
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block[1]))


def linear(colour: str) -> np.ndarray:
    share = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def lab(light: np.ndarray) -> np.ndarray:
    """OKLab of linear light (Ottosson 2020)."""
    cones = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                      [0.0883024619, 0.2817188376, 0.6299787005]]) @ light  # fmt: skip
    return np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                     [0.0259040371, 0.7827717662, -0.8086757660]]) @ np.cbrt(cones)  # fmt: skip


def apart(one: str, other: str, without: str) -> float:
    seen = [lab(np.clip(WITHOUT[without] @ linear(each), 0, 1)) for each in (one, other)]
    return float(np.linalg.norm(seen[0] - seen[1]))


@pytest.mark.parametrize("name", ["dark", "light"])
def test_text_can_be_read_on_every_ground(name: str) -> None:
    of = colours(name)
    found = {(ink, ground): contrast(of[ink], of[ground]) for ink, ground in itertools.product(INKS, GROUNDS)}
    assert {pair: ratio for pair, ratio in found.items() if ratio < TEXT} == {}
    assert contrast(of["on-alarm"], of["alarm"]) >= TEXT
    assert all(contrast(of["on"], of[ink]) >= TEXT for ink in INKS)


@pytest.mark.parametrize("name", ["dark", "light"])
@pytest.mark.parametrize("without", WITHOUT)
def test_profit_and_loss_differ_for_colour_blind_eyes(name: str, without: str) -> None:
    of = colours(name)
    for profit, loss in ((of["green"], of["red"]), (theme.GREEN, theme.RED)):
        assert apart(profit, loss, without) >= 0.08  # 0.02 is a just noticeable difference


@pytest.mark.parametrize("name", ["dark", "light"])
def test_lines_of_plots_can_be_told_from_the_grounds_of_both_themes(name: str) -> None:
    of = colours(name)
    lines = (theme.CYAN, theme.GREEN, theme.RED, theme.AMBER, theme.VIOLET, theme.MUTED)
    assert all(contrast(line, of[ground]) >= MARK for line in lines for ground in ("raised", "grid"))


def test_styles_name_colours_and_texts_grow_with_the_root_from_12_px_on() -> None:
    for style in ASSETS.glob("*.css"):
        text = style.read_text()
        assert re.findall(r"font(?:-size)?: (?:\d+ )?[\d.]+px", text) == [], style.name
        sizes = [float(size) * 16 for size in re.findall(r"font(?:-size)?: (?:\d+ )?([\d.]+)rem", text)]
        assert all(size >= 12 for size in sizes), style.name
        if style.name != "colours.css":
            assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[;, )])|rgba?\(", text) == [], style.name
