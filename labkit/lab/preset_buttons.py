"""The buttons that set many settings at once: a pair of encoder and corpus for each language, and the presets."""

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets

from labkit.config import run_settings
from labkit.i18n.translation import tr
from labkit.lab.page_widgets import css_classes
from labkit.presets import PRESETS, STARTER_PAIRS, preset_overrides, preset_values
from labkit.settings import format_value

CUSTOM = "custom"


class PresetButtons:
    """Two rows of buttons, `rows`; what holds is underlined, and `custom` is said where no preset does."""

    def __init__(self, apply_pair: Callable[[str], None], apply_preset: Callable[[str], None]):
        self.pair_buttons = {name: _button(f"pair-{name}", apply_pair, name) for name in STARTER_PAIRS}
        self.preset_buttons = {
            name: _button(f"preset-{name.replace(' ', '-')}", apply_preset, name) for name in PRESETS
        }
        self.custom_label = widgets.Label(**css_classes("labkit-preset-custom", f"labkit-help-{CUSTOM}"))
        choices = [*self.pair_buttons.values()], [*self.preset_buttons.values(), self.custom_label]
        self.rows = [
            widgets.HBox(each, layout={"flex_flow": "row wrap"}, **css_classes("labkit-presets")) for each in choices
        ]

    def retranslate(self) -> None:
        """Says its names in the language of the lab; `show` must follow, as what presets set goes with the encoder."""
        self.custom_label.value = tr(CUSTOM)
        for name, button in self.pair_buttons.items():
            button.description, button.tooltip = _pair_words(name), _pair_help(name)
        for name, button in self.preset_buttons.items():
            button.description = tr(name)

    def update(self, values: Mapping[str, Any]) -> None:
        """Underlines the pair and the preset whose values these are, and tells what each preset would set."""
        chosen = match_pair(values), match_preset(values)
        for name, button in (*self.pair_buttons.items(), *self.preset_buttons.items()):
            (button.add_class if name in chosen else button.remove_class)("labkit-chosen")
        for name, button in self.preset_buttons.items():
            button.tooltip = _preset_help(name, values["encoder"])
        self.custom_label.layout.visibility = "visible" if chosen[1] == CUSTOM else "hidden"


def match_pair(values: Mapping[str, Any]) -> str:
    """The pair whose corpus and encoder these settings have, or `custom`."""
    chosen = values["corpus"], values["encoder"]
    return next((name for name, pair in STARTER_PAIRS.items() if (pair.corpus, pair.encoder) == chosen), CUSTOM)


def match_preset(values: Mapping[str, Any]) -> str:
    """The preset whose values these settings have, or `custom`."""
    encoder = values["encoder"]
    return next((name for name in PRESETS if preset_values(name, encoder).items() <= values.items()), CUSTOM)


def _button(kind: str, apply: Callable[[str], None], name: str) -> widgets.Button:
    button = widgets.Button(layout=widgets.Layout(width="auto"), **css_classes(f"labkit-{kind}"))
    button.on_click(lambda _: apply(name))
    return button


def _pair_words(name: str) -> str:
    corpus = STARTER_PAIRS[name].corpus
    return tr("Chinese: {corpus}", corpus=corpus) if name == "chinese" else tr("English: {corpus}", corpus=corpus)


def _pair_help(name: str) -> str:
    return tr(
        "sets corpus, sentences, encoder ({encoder}), and both rates to what suits them",
        encoder=STARTER_PAIRS[name].encoder,
    )


def _preset_help(name: str, encoder: str) -> str:
    """What a preset sets."""
    known = run_settings()
    told = [
        f"{tr(known[key].label)} {tr(format_value(known[key], value))}"
        for key, value in preset_overrides(name, encoder).items()
    ]
    return ", ".join(told) or tr("the defaults")
