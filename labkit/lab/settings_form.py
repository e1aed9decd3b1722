"""Settings form: one control for each field of RunConfig.

A setting declared there appears here by itself.
"""

import html
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as widgets
import traitlets

from labkit.config import PROPER_NAMES, RunConfig, run_settings
from labkit.i18n.translation import tr
from labkit.lab.corpus_control import CorpusControl
from labkit.lab.page_widgets import close_all, css_classes, make_column, make_html, make_row, set_visible
from labkit.lab.preset_menus import CUSTOM, PresetMenus, describe_presets, match_pair, match_preset
from labkit.lab.setting_control import SettingControl
from labkit.lab.setting_inputs import MenuControl, NumberControl, pick_control_class
from labkit.presets import (
    STARTER_PAIRS,
    preset_values,
    recommended_head_range,
    recommended_rate_range,
    recommended_rates,
)
from labkit.settings import SETTING_GROUPS, Setting, format_rate


class FormAssets(anywidget.AnyWidget):
    """Invisible widget with the form's style sheet and script.

    The script keeps JupyterLab's shortcuts from the keys of the controls, shows `helps[key]` as the tooltip of elements
    with the CSS class `labkit-help-<key>`, and tells screen readers what sliders and Advanced say.
    """

    # As texts: given a path, anywidget would keep every widget alive.
    _esm = Path(__file__).with_name("settings_form.js").read_text(encoding="utf-8")
    _css = Path(__file__).with_name("settings_form.css").read_text(encoding="utf-8")

    helps = traitlets.Dict().tag(sync=True)


class SettingsForm:
    """Form of all settings: `controls.<field>.value` is one, `config()` all of them.

    `row`, `sliders` and `advanced` are the widgets to display; `advanced_button` shows and hides the last one. Safe to
    use from several threads.
    """

    def __init__(
        self,
        config: RunConfig | None = None,
        corpora: Sequence[str] = (RunConfig().corpus,),
        encoders: Sequence[str] = (RunConfig().encoder,),
    ):
        self._lock = threading.RLock()
        self._depth = 0
        self._callbacks: list[Callable[[RunConfig], None]] = []
        self._fields = self._make_controls(config or RunConfig(), {"corpus": corpora, "encoder": encoders})
        self._ratio = make_html("labkit-ratio", "labkit-help-ratio")
        self._assets = FormAssets(layout=widgets.Layout(display="none"))
        self._preset_menus = PresetMenus(self.apply_pair, self.apply_preset)
        self.advanced_button = widgets.ToggleButton(**css_classes("labkit-advanced-button"))
        self.row = make_row(
            "labkit-row",
            self._assets,
            *self._get_widgets("row"),
            self._preset_menus.pair,
            self._preset_menus.preset,
            self.advanced_button,
        )
        self.sliders = make_column("labkit-sliders", *self._get_widgets("slider"), self._ratio)
        self.advanced = self._make_advanced()
        self._update_texts()
        self._update_derived()

    def __getattr__(self, name: str) -> SettingControl:
        fields: dict[str, SettingControl] = self.__dict__.get("_fields", {})
        if name not in fields:
            raise AttributeError(f"no setting {name!r}; there are {', '.join(fields)}")
        return fields[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._fields]

    def config(self) -> RunConfig:
        """Current settings."""
        with self._lock:
            return RunConfig(**{name: control.value for name, control in self._fields.items()})

    def load(self, config: RunConfig) -> None:
        """Set all settings; callbacks are called once."""
        self._set(config.as_dict())

    def apply_preset(self, name: str) -> None:
        """Set the settings of a preset; the others stay.

        Callbacks are called once. Raises ValueError for an unknown name.
        """
        self._set(preset_values(name, self.encoder.value))

    def apply_pair(self, name: str) -> None:
        """Set corpus, encoder and suitable rates of a starter pair.

        The rates are those of the current preset. Callbacks are called once. Raises KeyError for an unknown name.
        """
        with self._transaction(adapt_rates=False):
            chosen = self.preset
            self._set(STARTER_PAIRS[name].settings())
            encoder = STARTER_PAIRS[name].encoder
            self._set(recommended_rates(encoder) if chosen == CUSTOM else preset_values(chosen, encoder))

    def retranslate(self) -> None:
        """Set all texts in the current language; settings and typed text stay."""
        with self._transaction():
            for control in self._fields.values():
                control.retranslate()
            for group, title in self._group_titles.items():
                title.value = _render_title(group)
            self._update_texts()
            self._update_derived()

    def _update_texts(self) -> None:
        self._assets.helps = {
            **{name: control.help for name, control in self._fields.items()},
            "ratio": tr("head rate over encoder rate; 5 to 1000 are usual with a fresh head"),
            "pair": tr("sets corpus, sentences, encoder, and both rates to what suits them"),
        }

    @property
    def preset(self) -> str:
        """Name of the preset with the current values, or `custom`."""
        with self._lock:
            return match_preset(self._values())

    @property
    def pair(self) -> str:
        """Name of the pair with the current encoder and corpus, or `custom`."""
        with self._lock:
            return match_pair(self._values())

    def close(self) -> None:
        """Close the widgets of all controls, also those never displayed."""
        for control in self._fields.values():
            if control.has_widget:
                close_all(control.widget)

    def on_change(self, callback: Callable[[RunConfig], None]) -> None:
        """Call back with the new settings after each change.

        A preset, a pair or `load` is one change.
        """
        self._callbacks.append(callback)

    def _make_controls(self, config: RunConfig, menus: dict[str, Sequence[str]]) -> dict[str, SettingControl]:
        fields = {}
        for name in run_settings():
            assert not hasattr(type(self), name), f"the field {name} would hide a method of SettingsForm"
            control_class = CorpusControl if name == "corpus" else pick_control_class(name, name in menus)
            control = control_class(name, getattr(config, name), self._transaction)
            if isinstance(control, MenuControl) and name in menus:
                control.set_options(menus[name])
            fields[name] = control
        return fields

    def _set(self, values: dict[str, Any]) -> None:
        with self._transaction(adapt_rates=False):
            for name, value in values.items():
                self._fields[name].value = value

    @contextmanager
    def _transaction(self, adapt_rates: bool = True) -> Iterator[None]:
        """Hold the lock; notify once after it is released, however nested.

        If only the encoder changed and `adapt_rates`, a preset's rates become those for the new encoder.
        """
        with self._lock:
            before = self._values() if self._depth == 0 else {}
            self._depth += 1
            try:
                yield
                if adapt_rates and self._depth == 1:
                    self._adapt_rates(before)
            finally:
                self._depth -= 1
            after = self._values() if self._depth == 0 else {}
            changed = [name for name in after if after[name] != before[name]]
            if changed:
                self._update_derived()
        if changed:
            self._notify(changed, RunConfig(**after))

    def _adapt_rates(self, before: dict[str, Any]) -> None:
        """Adapt a preset's rates if only the encoder differs from `before`.

        `before` is empty while the controls are being made.
        """
        after = self._values()
        chosen = match_preset(before) if before else CUSTOM
        if chosen != CUSTOM and before | {"encoder": after["encoder"]} == after != before:
            for name, value in preset_values(chosen, after["encoder"]).items():
                self._fields[name].value = value

    def _notify(self, changed: list[str], config: RunConfig) -> None:
        for name in changed:
            for observer in self._fields[name].observers:
                observer(getattr(config, name))
        for callback in self._callbacks:
            callback(config)

    def _values(self) -> dict[str, Any]:
        return {name: control.value for name, control in self.__dict__.get("_fields", {}).items()}

    def _update_derived(self) -> None:
        """Update what follows from several settings: ratio, menus, usual rates, and what Advanced shows."""
        config = self.config()
        structure = PROPER_NAMES.get(config.downstream), PROPER_NAMES.get(config.decoder, tr(config.decoder))
        head = tr("head = {parts}", parts=" + ".join(filter(None, structure)))
        self._ratio.value = f"<div>{html.escape(describe_rate_ratio(config))}</div><div>{html.escape(head)}</div>"
        self._preset_menus.update(self._values())
        if self._assets.helps.get("preset") != (presets := describe_presets(config.encoder)):
            self._assets.helps = {**self._assets.helps, "preset": presets}
        ranges = {
            "encoder_rate": recommended_rate_range(config.encoder),
            "head_rate": recommended_head_range(config),
        }
        for name, ends in ranges.items():
            if isinstance(rate := self._fields[name], NumberControl):
                rate.set_recommended(ends)
        self._update_advanced(config)

    def _update_advanced(self, config: RunConfig) -> None:
        """Count the changed settings on the button, and hide those that have no effect and their default."""
        defaults = RunConfig()
        settings = _settings_at("advanced")
        changed = [name for name in settings if getattr(config, name) != getattr(defaults, name)]
        title = tr("Advanced ({count} changed)", count=len(changed)) if changed else tr("Advanced")
        if self.advanced_button.description != title:
            self.advanced_button.description = title
        for name, setting in settings.items():
            if self._fields[name].has_widget:
                used = any(getattr(config, other) == value for other, value in setting.used_with)
                set_visible(self._fields[name].widget, used or not setting.used_with or name in changed)

    def _make_advanced(self) -> widgets.VBox:
        """Panel whose controls are made when it is first opened.

        With them the lab would take half as long again to appear.
        """
        self._group_titles: dict[str, widgets.HTML] = {}
        panel = make_column("labkit-advanced")
        set_visible(panel, False)

        def toggle(change: Any) -> None:
            with self._transaction():
                if not panel.children:
                    self._group_titles = {group: widgets.HTML(_render_title(group)) for group in SETTING_GROUPS}
                    panel.children = [self._make_group(group) for group in SETTING_GROUPS]
                    self._update_advanced(self.config())
            set_visible(panel, change.new)

        self.advanced_button.observe(toggle, names="value")
        return panel

    def _make_group(self, group: str) -> widgets.VBox:
        names = [name for name, setting in _settings_at("advanced").items() if setting.group == group]
        return make_column("labkit-group", self._group_titles[group], *(self._fields[name].widget for name in names))

    def _get_widgets(self, place: str) -> list[widgets.Widget]:
        return [self._fields[name].widget for name in _settings_at(place)]


def _settings_at(place: str) -> dict[str, Setting]:
    return {name: setting for name, setting in run_settings().items() if setting.place == place}


def _render_title(group: str) -> str:
    return f'<div class="labkit-title">{html.escape(tr(SETTING_GROUPS[group]))}</div>'


def describe_rate_ratio(config: RunConfig) -> str:
    """Ratio of head to encoder rate, and the CRF's own rate."""
    ratio, crf = _describe_two_rates(config), config.group_rates.get("crf")
    if crf is None:
        return ratio
    return tr("{told}, CRF {rate}", told=ratio, rate=format_rate(crf)) if crf else tr("{told}, CRF frozen", told=ratio)


def _describe_two_rates(config: RunConfig) -> str:
    if config.encoder_rate == 0 or config.head_rate == 0:
        if config.encoder_rate == config.head_rate:
            return tr("encoder and head frozen")
        return tr("encoder frozen") if config.encoder_rate == 0 else tr("head frozen")
    ratio = config.rate_ratio
    digits = max(0, 2 - math.floor(math.log10(ratio)))
    text = f"{ratio:,.{digits}f}"
    return tr("head rate = {ratio} × encoder rate", ratio=text.rstrip("0").rstrip(".") if digits else text)
