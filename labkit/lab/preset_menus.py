"""Menus of starter pairs and presets, which set many settings at once."""

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets

from labkit.config import PROPER_NAMES, run_settings
from labkit.i18n.translation import tr
from labkit.lab.page_widgets import css_classes
from labkit.messages import N_
from labkit.presets import PRESETS, STARTER_PAIRS, preset_overrides, preset_values
from labkit.settings import format_value

CUSTOM = "custom"
LABELS = {
    "chinese": N_("Chinese news ({corpus})"),
    "english": N_("English tweets ({corpus})"),
    "labkit": N_("defaults"),
    "article": N_("2020 article (BiLSTM)"),
    "article IDCNN": N_("2020 article (IDCNN)"),
    "one rate": N_("same rate for both"),
    "head first": N_("head first"),
    CUSTOM: N_("changed by hand"),
}


class PresetMenus:
    """Two menus: `pair` (starter pairs) and `preset`.

    They show the pair and the preset of the current settings; without a matching one, `changed by hand`.
    """

    def __init__(self, apply_pair: Callable[[str], None], apply_preset: Callable[[str], None]):
        self.pair = widgets.Dropdown(**css_classes("labkit-pair", "labkit-help-pair"))
        self.preset = widgets.Dropdown(**css_classes("labkit-preset", "labkit-help-preset"))
        self._is_updating = False
        for menu, apply in ((self.pair, apply_pair), (self.preset, apply_preset)):
            menu.observe(lambda change, apply=apply: self._on_choice(change.new, apply), names="value")

    def update(self, values: Mapping[str, Any]) -> None:
        """Show what matches these settings, in the current language."""
        self.pair.description, self.preset.description = tr("Start from"), tr("Presets")
        matches = (self.pair, STARTER_PAIRS, match_pair(values)), (self.preset, PRESETS, match_preset(values))
        self._is_updating = True
        try:
            for menu, names, chosen in matches:
                offered = (*names, CUSTOM) if chosen == CUSTOM else tuple(names)
                options = tuple((_label(name), name) for name in offered)
                if menu.options != options:
                    menu.options = options
                menu.value = chosen
        finally:
            self._is_updating = False

    def _on_choice(self, name: str | None, apply: Callable[[str], None]) -> None:
        if not self._is_updating and name not in (None, CUSTOM):
            apply(str(name))


def match_pair(values: Mapping[str, Any]) -> str:
    """Name of the pair with this corpus and encoder, or `custom`."""
    chosen = values["corpus"], values["encoder"]
    return next((name for name, pair in STARTER_PAIRS.items() if (pair.corpus, pair.encoder) == chosen), CUSTOM)


def match_preset(values: Mapping[str, Any]) -> str:
    """Name of the preset with these values, or `custom`."""
    encoder = values["encoder"]
    return next((name for name in PRESETS if preset_values(name, encoder).items() <= values.items()), CUSTOM)


def describe_presets(encoder: str) -> str:
    """What each preset changes, a line each."""
    settings = run_settings()
    lines = []
    for preset in PRESETS:
        changes = [
            f"{tr(settings[key].label)} {PROPER_NAMES.get(value, tr(format_value(settings[key], value)))}"
            for key, value in preset_overrides(preset, encoder).items()
        ]
        lines.append(f"{_label(preset)}: {', '.join(changes) or tr('the defaults')}")
    return "\n".join(lines)


def _label(name: str) -> str:
    corpus = STARTER_PAIRS[name].corpus if name in STARTER_PAIRS else ""
    return tr(LABELS[name], corpus=corpus)
