"""Base class of a setting's control: value, label, help, validation and error message.

A control's value is held in Python; its widgets only show it. User input is validated by RunConfig: for an invalid
value a message appears under the field, and the last valid one stays. Widget callbacks may come on a second thread
(jupyterlab#17363), so every change goes through `transaction`, which holds the lock of all controls.
"""

import html
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import ipywidgets as widgets

from labkit.config import RunConfig, run_settings
from labkit.i18n.translation import tr
from labkit.lab.page_widgets import css_classes
from labkit.messages import Message, message_of
from labkit.settings import NO_LIMIT, Setting, format_value

Transaction = Callable[[], AbstractContextManager[None]]


class SettingControl:
    """Control of one field of RunConfig: `value` is the setting, `widget` the row.

    `input` is the widget that the user operates; it has the CSS class `labkit-<field>`. Widgets are made on the first
    access to `widget` or `input`: all settings together need 400 of them, and most are folded away.
    """

    def __init__(self, name: str, value: Any, transaction: Transaction):
        self.name = name
        self.setting: Setting = run_settings()[name]
        self.observers: list[Callable[[Any], None]] = []
        self._value = value
        self._transaction = transaction
        self._is_redrawing = False
        self._error_message = Message("")
        self._widget: widgets.VBox | None = None
        self._error: widgets.HTML | None = None  # until the first invalid input

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
        """True if the widgets were made."""
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
        """Value of the setting, in the field's own type.

        Setting an invalid value raises ValueError with RunConfig's message.
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
        """Meaning, range, unit and source of the setting, in the current language."""
        setting = self.setting
        text = tr(setting.help)
        if setting.zero_text:
            text += tr(". 0 = {word}", word=tr(setting.zero_text))
        if setting.low is not None and setting.high is not None and setting.high < NO_LIMIT:
            unit = f" {tr(setting.unit)}" if setting.unit else ""
            text += tr(". From {low} to {high}", low=f"{setting.low:g}", high=f"{setting.high:g}") + unit
        return text + (f" ({setting.source})" if setting.source else "")

    def observe(self, callback: Callable[[Any], None]) -> None:
        """Call back with the new value after each completed change."""
        self.observers.append(callback)

    def retranslate(self) -> None:
        """Set all texts in the current language."""
        with self._transaction():
            if self._widget is None:
                return
            self._is_redrawing = True
            try:
                self._update_texts()
            finally:
                self._is_redrawing = False
            if self._error_message:
                self._show_error(self._error_message)

    def _label_traits(self) -> dict[str, Any]:
        """Arguments of the input widget: CSS class and label."""
        return {**css_classes(f"labkit-{self.name}"), "description": tr(self.setting.label)}

    def _update_texts(self) -> None:
        """Set the texts of the widgets in the current language."""
        self._input.description = tr(self.setting.label)

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
            self._error_message = Message("")
            if self._error:
                self._error.layout.display = "none"
        finally:
            self._is_redrawing = False

    def _on_input(self, read: Callable[[], Any]) -> None:
        """Set the value from user input.

        If it is invalid, show why and keep the last one.
        """
        with self._transaction():
            if self._is_redrawing:
                return  # changed by a redraw, not by the user
            try:
                self.value = read()
            except ValueError as problem:
                self._show_error(message_of(problem))

    def _show_error(self, problem: Message) -> None:
        self._error_message = problem
        label = {"name": Message(self.setting.label)} if "name" in problem.values else {}
        named = Message(problem.template, **{**problem.values, **label})
        text = tr("{problem}. Still {value}.", problem=named, value=format_value(self.setting, self._value, tr))
        message = f'<div class="labkit-error" role="alert">{html.escape(text)}</div>'
        if self._error is None:
            self._error = widgets.HTML(message, **css_classes("labkit-popover"))
            self.widget.children += (self._error,)
        else:
            self._error.value, self._error.layout.display = message, ""


def format_stop(setting: Setting, value: Any) -> str:
    """Text of a slider at one of its stops."""
    return tr("0 (frozen)") if setting.scale == "log" and value == 0 else format_value(setting, value, tr)
