"""Settings form: one control for each field of RunConfig.

A setting declared there appears here by itself.
"""

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as widgets
import traitlets

from labkit.config import RunConfig, run_settings
from labkit.i18n.translation import tr
from labkit.lab.page_widgets import close_all, css_classes, make_html
from labkit.lab.preset_buttons import CUSTOM, PresetButtons, match_pair, match_preset
from labkit.lab.setting_control import SettingControl
from labkit.lab.setting_inputs import MenuControl, NumberControl, pick_control_class
from labkit.plots.text_width import display_width
from labkit.presets import STARTER_PAIRS, preset_values, recommended_rate_range, recommended_rates
from labkit.settings import format_rate

# As many columns as fit, none narrower than 300 px unless the form is.
GRID_COLUMNS = "repeat(auto-fit, minmax(min(100%, 300px), 1fr))"


class FormAssets(anywidget.AnyWidget):
    """Invisible widget with the form's style sheet and script.

    The script keeps JupyterLab's shortcuts from the keys of the controls, and shows `helps[key]` as the tooltip of
    elements with the CSS class `labkit-help-<key>`.
    """

    # As texts: given a path, anywidget would keep every widget alive.
    _esm = Path(__file__).with_name("settings_form.js").read_text(encoding="utf-8")
    _css = Path(__file__).with_name("settings_form.css").read_text(encoding="utf-8")

    helps = traitlets.Dict().tag(sync=True)


class SettingsForm:
    """Form of all settings: `controls.<field>.value` is one, `config()` all of them.

    `main` and `advanced` are the widgets to display. Safe to use from several threads.
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
        self._preset_buttons = PresetButtons(self.apply_pair, self.apply_preset)
        self.main: widgets.Widget = self._main()
        self.advanced: widgets.Accordion = self._advanced()
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
            for name, control in self._fields.items():
                control.retranslate(_label_width(run_settings()[name].group))
            self._update_texts()
            self._update_derived()

    def _update_texts(self) -> None:
        self._assets.helps = {
            **{name: control.help for name, control in self._fields.items()},
            "ratio": tr("head rate over encoder rate; 5 to 1000 are usual with a fresh head"),
            CUSTOM: tr("the settings are those of no preset"),
        }
        self._ratio.layout.margin = f"0 0 0 calc({_label_width('main')} + 14px)"
        self._preset_buttons.retranslate()

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
        for name, setting in run_settings().items():
            assert not hasattr(type(self), name), f"the field {name} would hide a method of SettingsForm"
            control_class = pick_control_class(name, name in menus)
            control = control_class(name, getattr(config, name), self._transaction, _label_width(setting.group))
            if isinstance(control, MenuControl):
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
        """Update ratio, chosen preset, usual rates and the title of Advanced."""
        self._ratio.value = describe_rate_ratio(self.config())
        self._preset_buttons.update(self._values())
        if isinstance(rate := self._fields["encoder_rate"], NumberControl):
            rate.set_recommended(recommended_rate_range(self.encoder.value))
        defaults = RunConfig()
        changed = [name for name in self._group("advanced") if self._fields[name].value != getattr(defaults, name)]
        title = tr("Advanced ({count} changed)", count=len(changed)) if changed else tr("Advanced")
        if self.advanced.titles != (title,):
            self.advanced.titles = (title,)

    def _main(self) -> widgets.Widget:
        rows = [self._fields[name].widget for name in self._group("main")]
        grid = widgets.Box([*rows, self._ratio], layout=_grid())
        layout = widgets.Layout(min_width="0", overflow="visible")
        return widgets.VBox(
            [self._assets, *self._preset_buttons.rows, grid], layout=layout, **css_classes("labkit-controls")
        )

    def _advanced(self) -> widgets.Accordion:
        """Accordion whose controls are made when it is first opened.

        With them the lab would take half as long again to appear.
        """
        rows = widgets.Box(layout=_grid())
        titles = (tr("Advanced"),)
        folded = widgets.Accordion([rows], titles=titles, selected_index=None, **css_classes("labkit-advanced"))

        def fill(_: Any) -> None:
            rows.children = rows.children or [self._fields[name].widget for name in self._group("advanced")]

        folded.observe(fill, names="selected_index")
        return folded

    def _group(self, group: str) -> list[str]:
        return [name for name, setting in run_settings().items() if setting.group == group]


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
    return tr("head = {ratio} × encoder", ratio=text.rstrip("0").rstrip(".") if digits else text)


def _grid() -> widgets.Layout:
    return widgets.Layout(
        display="grid",
        grid_template_columns=GRID_COLUMNS,
        grid_gap="2px 24px",
        align_items="flex-start",
        overflow="visible",
    )


def _label_width(group: str) -> str:
    """CSS width of the longest label of a group.

    A `ch` is the width of a 0, which is wider than most letters.
    """
    labels = (tr(setting.label) for setting in run_settings().values() if setting.group == group)
    return f"{max(map(display_width, labels))}ch"
