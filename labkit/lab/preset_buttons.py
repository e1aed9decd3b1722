"""Buttons for starter pairs and presets, which set many settings at once."""

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets

from labkit.config import run_settings
from labkit.i18n.translation import tr
from labkit.lab.page_widgets import css_classes
from labkit.messages import N_
from labkit.presets import PRESETS, STARTER_PAIRS, preset_overrides, preset_values
from labkit.settings import format_value

CUSTOM = N_("custom")


class PresetButtons:
    """Two rows of buttons (`rows`): starter pairs and presets.

    The pair and the preset of the current settings are underlined; without a matching preset `custom` is shown.
    """

    def __init__(self, apply_pair: Callable[[str], None], apply_preset: Callable[[str], None]):
        self.pair_buttons = {name: _button(f"pair-{name}", apply_pair, name) for name in STARTER_PAIRS}
        self.preset_buttons = {
            name: _button(f"preset-{name.replace(' ', '-')}", apply_preset, name) for name in PRESETS
        }
        self.custom_label = widgets.Label(**css_classes("labkit-preset-custom", f"labkit-help-{CUSTOM}"))
        rows = [*self.pair_buttons.values()], [*self.preset_buttons.values(), self.custom_label]
        self.rows = [
            widgets.HBox(row, layout={"flex_flow": "row wrap"}, **css_classes("labkit-presets")) for row in rows
        ]

    def retranslate(self) -> None:
        """Set all names in the current language.

        Call `update` after it: the presets' tooltips depend on the encoder.
        """
        self.custom_label.value = tr(CUSTOM)
        for name, button in self.pair_buttons.items():
            pair = STARTER_PAIRS[name]
            if name == "chinese":
                button.description = tr("Chinese: {corpus}", corpus=pair.corpus)
            else:
                button.description = tr("English: {corpus}", corpus=pair.corpus)
            button.tooltip = tr(
                "sets corpus, sentences, encoder ({encoder}), and both rates to what suits them", encoder=pair.encoder
            )
        for name, button in self.preset_buttons.items():
            button.description = tr(name)

    def update(self, values: Mapping[str, Any]) -> None:
        """Underline the matching pair and preset; set the presets' tooltips."""
        chosen = match_pair(values), match_preset(values)
        for name, button in (*self.pair_buttons.items(), *self.preset_buttons.items()):
            (button.add_class if name in chosen else button.remove_class)("labkit-chosen")
        for name, button in self.preset_buttons.items():
            button.tooltip = _preset_help(name, values["encoder"])
        self.custom_label.layout.visibility = "visible" if chosen[1] == CUSTOM else "hidden"


def match_pair(values: Mapping[str, Any]) -> str:
    """Name of the pair with this corpus and encoder, or `custom`."""
    chosen = values["corpus"], values["encoder"]
    return next((name for name, pair in STARTER_PAIRS.items() if (pair.corpus, pair.encoder) == chosen), CUSTOM)


def match_preset(values: Mapping[str, Any]) -> str:
    """Name of the preset with these values, or `custom`."""
    encoder = values["encoder"]
    return next((name for name in PRESETS if preset_values(name, encoder).items() <= values.items()), CUSTOM)


def _button(kind: str, apply: Callable[[str], None], name: str) -> widgets.Button:
    button = widgets.Button(layout=widgets.Layout(width="auto"), **css_classes(f"labkit-{kind}"))
    button.on_click(lambda _: apply(name))
    return button


def _preset_help(name: str, encoder: str) -> str:
    """Settings that a preset changes, with their values."""
    settings = run_settings()
    changes = [
        f"{tr(settings[key].label)} {tr(format_value(settings[key], value))}"
        for key, value in preset_overrides(name, encoder).items()
    ]
    return ", ".join(changes) or tr("the defaults")
