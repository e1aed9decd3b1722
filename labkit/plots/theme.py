"""Colour themes of the plots, for light and dark JupyterLab."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from labkit.messages import Message
from labkit.runs.run import Run

Dashes = Literal["-"] | tuple[float, tuple[float, ...]]


@dataclass(frozen=True)
class Theme:
    """Colours of a plot; `runs` are given to runs in that order.

    They are the colour-blind safe colours of Okabe and Ito (jfly.uni-koeln.de/color), made darker or lighter until
    each has a contrast of at least 3:1 with the background (WCAG 2.1, 1.4.11).
    """

    name: str
    background: str  # JupyterLab's own, so that a plot has no visible edge
    text: str
    muted: str
    grid: str
    faint: float  # opacity of the unsmoothed curve behind a curve of the same colour
    runs: tuple[str, ...]

    @property
    def train(self) -> str:
        return self.runs[0]

    @property
    def dev(self) -> str:
        return self.runs[1]

    @property
    def score(self) -> str:
        return self.runs[2]

    def group(self, name: str) -> str:
        """Colour of a parameter group's learning-rate curve."""
        return {"encoder": self.runs[0], "head": self.runs[1]}.get(name, self.runs[2])

    @property
    def device(self) -> str:
        return self.runs[3]


THEMES: dict[str, Theme] = {
    "light": Theme(
        "light",
        background="#ffffff",
        text="#212121",
        muted="#616161",
        grid="#e6e6e6",
        faint=0.35,
        # blue, vermillion, bluish green, reddish purple, orange, sky blue, yellow, grey
        runs=("#0072b2", "#d55e00", "#00916a", "#b8568f", "#b07a00", "#2b94d1", "#857b00", "#4d4d4d"),
    ),
    "dark": Theme(
        "dark",
        background="#111111",
        text="#ececec",
        muted="#a8a8a8",
        grid="#2c2c2c",
        faint=0.5,
        runs=("#3d9be0", "#f0762b", "#1fb78c", "#d98bb8", "#e69f00", "#8fd0f5", "#f0e442", "#c4c4c4"),
    ),
}
COLOURS: tuple[str, ...] = THEMES["light"].runs
DASHES: tuple[Dashes, ...] = ("-", (0, (5, 1.6)), (0, (1.4, 1.4)), (0, (6, 1.6, 1.4, 1.6)))
MARKS = ("o", "s", "^", "D")  # matplotlib markers


def theme_named(name: str) -> Theme:
    """Return the theme of that name. Raises ValueError if it is not in THEMES."""
    if name not in THEMES:
        raise ValueError(Message("theme must be one of {themes}, not {theme!r}", themes=", ".join(THEMES), theme=name))
    return THEMES[name]


def css_variables(format_variables: Callable[[Theme], str]) -> str:
    """CSS variables of the lab's page for JupyterLab's light and dark theme.

    Args:
        format_variables: returns all variables of a theme, each as `--name: value;`.
    """
    light, dark = format_variables(THEMES["light"]), format_variables(THEMES["dark"])
    return f'.labkit-lab {{{light}}}\n[data-jp-theme-light="false"] .labkit-lab {{{dark}}}\n'


def colour_of(run: Run, theme: str = "light") -> str:
    """Permanent colour of a run, as `#rrggbb`.

    Runs eight apart share it, and differ in line style and marker.
    """
    colours = theme_named(theme).runs
    return colours[run.colour % len(colours)]


def dashes_of(run: Run) -> Dashes:
    """Permanent line style of a run, as matplotlib takes it."""
    return DASHES[run.line_style % len(DASHES)]


def mark_of(run: Run) -> str:
    """Permanent marker of a run's points, for curves of one point."""
    return MARKS[run.line_style % len(MARKS)]
