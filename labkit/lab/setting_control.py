"""What every control of a setting has: a value checked by RunConfig's own rules, a label, a help, a complaint.

A control's value lives in Python; its widgets only show it. What a person types or drags is checked by RunConfig's own
rules: a bad value is told in words under the field, and the last good one stays. Widget callbacks may come on a second
thread (jupyterlab#17363), so every change goes through `settling`, which holds the lock of all controls.
"""

import html
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import ipywidgets as widgets

from labkit.config import RunConfig, run_settings
from labkit.i18n.translation import tr, translate_message
from labkit.lab.page_widgets import css_classes
from labkit.settings import Setting, format_value

Transaction = Callable[[], AbstractContextManager[None]]


class SettingControl:
    """One field of RunConfig on the screen: `value` is the setting, `widget` the row to display.

    `input` is the widget a person moves; it has the CSS class `labkit-<field>`. Widgets are made when one of the two is
    first asked for: all settings together are 400 of them, and most are folded away.
    """

    def __init__(self, name: str, value: Any, transaction: Transaction, label_width: str):
        self.name = name
        self.setting: Setting = run_settings()[name]
        self.observers: list[Callable[[Any], None]] = []
        self._value = value
        self._transaction = transaction
        self._is_redrawing = False
        self._label_width = label_width
        self._error_text = ""
        self._widget: widgets.VBox | None = None
        self._error: widgets.HTML | None = None  # as long as nobody entered what cannot be

    @property
    def widget(self) -> widgets.VBox:
        if self._widget is None:
            with self._transaction():
                if self._widget is None:
                    self._widget = self._make()
                    self._redraw()
        return self._widget

    @property
    def has_widget(self) -> bool:
        """Whether there are widgets yet."""
        return self._widget is not None

    @property
    def input(self) -> widgets.Widget:
        self.widget  # noqa: B018
        return self._input

    def _make(self) -> widgets.VBox:
        self._input: widgets.Widget = self._make_input()
        layout = widgets.Layout(min_width="0", overflow="visible")
        return widgets.VBox(
            self._make_rows(), layout=layout, **css_classes("labkit-control", f"labkit-help-{self.name}")
        )

    @property
    def value(self) -> Any:
        """The setting, in the field's own type.

        Raises ValueError with RunConfig's sentence when set to what the field cannot be.
        """
        return self._value

    @value.setter
    def value(self, value: Any) -> None:
        value = getattr(RunConfig(**{self.name: value}), self.name)
        with self._transaction():
            self._value = value
            self._redraw()

    @property
    def help(self) -> str:
        """What the setting means, its range, unit and source, in the language of the lab."""
        knob = self.setting
        text = tr(knob.help)
        if knob.low is not None and knob.high is not None:
            unit = f" {tr(knob.unit)}" if knob.unit else ""
            text += tr(". From {low} to {high}", low=f"{knob.low:g}", high=f"{knob.high:g}") + unit
        return text + (f" ({knob.source})" if knob.source else "")

    def observe(self, callback: Callable[[Any], None]) -> None:
        """Call back with the new value after each settled change of this setting."""
        self.observers.append(callback)

    def retranslate(self, label_width: str) -> None:
        """Says label, help and choices in the language of the lab; the label gets so much room."""
        with self._transaction():
            self._label_width = label_width
            if self._widget is None:
                return
            self._is_redrawing = True
            try:
                self._update_texts()
            finally:
                self._is_redrawing = False
            if self._error:
                self._error.layout.margin = self._error_margin()
            if self._error_text:
                self._show_error(self._error_text)

    def _label_traits(self) -> dict[str, Any]:
        """The label in the language of the lab, and the class of what a person moves."""
        return {
            **css_classes(f"labkit-{self.name}"),
            "description": tr(self.setting.label),
            "style": {"description_width": self._label_width},
        }

    def _error_margin(self) -> str:
        return f"0 4px 4px calc({self._label_width} + 14px)"

    def _update_texts(self) -> None:
        """Says again what `_build` said first."""
        _rename(self._input, self._label_traits())

    def _make_input(self) -> widgets.Widget:
        raise NotImplementedError

    def _show_value(self) -> None:
        raise NotImplementedError

    def _make_rows(self) -> list[widgets.Widget]:
        return [self._input]

    def _redraw(self) -> None:
        if self._widget is None:
            return
        self._is_redrawing = True
        try:
            self._show_value()
            self._error_text = ""
            if self._error:
                self._error.layout.display = "none"
        finally:
            self._is_redrawing = False

    def _on_input(self, read: Callable[[], Any]) -> None:
        """Take what a person entered; when it is no good, say so and keep the last value."""
        with self._transaction():
            if self._is_redrawing:
                return  # our own redraw, not a person
            try:
                self.value = read()
            except ValueError as problem:
                self._show_error(str(problem))

    def _show_error(self, problem: str) -> None:
        self._error_text = problem
        words = translate_message(problem.replace(self.name, tr(self.setting.label), 1))
        told = tr("{problem}. Still {value}.", problem=words, value=format_value(self.setting, self._value, tr))
        shown = f'<div class="labkit-error" role="alert">{html.escape(told)}</div>'
        if self._error is None:
            self._error = widgets.HTML(shown, layout={"margin": self._error_margin()})
            self.widget.children += (self._error,)
        else:
            self._error.value, self._error.layout.display = shown, ""


def format_stop(setting: Setting, value: Any) -> str:
    """What a slider says at one of its stops."""
    return tr("0 (frozen)") if setting.scale == "log" and value == 0 else format_value(setting, value, tr)


def _rename(widget: widgets.Widget, named: dict[str, Any]) -> None:
    widget.description = named["description"]
    widget.style.description_width = named["style"]["description_width"]
