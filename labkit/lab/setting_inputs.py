"""Controls by kind of setting: number with slider, choice, menu, text, flag."""

import html
from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets

from labkit.config import PROPER_NAMES, RunConfig, field_types, run_settings
from labkit.i18n.translation import tr
from labkit.lab.page_widgets import css_classes
from labkit.lab.setting_control import SettingControl, Transaction, format_stop
from labkit.lab.slider_stops import find_nearest_stop, make_slider_stops, parse_number
from labkit.messages import N_
from labkit.settings import Setting, format_value

OTHER = N_("other…")


class NumberControl(SettingControl):
    """Exact number field, with a slider if the setting has a scale.

    The slider holds the label. `settings_form.css` lays label, slider and field out as a grid.
    """

    def __init__(self, name: str, value: Any, transaction: Transaction):
        super().__init__(name, value, transaction)
        kind, optional = field_types()[self.name]
        self._recommended_bar: widgets.HTML | None = None
        self._recommended_values: Sequence[float] = self.setting.marks
        self.stops = make_slider_stops(self.setting, kind, getattr(RunConfig(), self.name))
        self._options = ((None,) if optional else ()) + self.stops
        self._whole = kind is int

    def _make_input(self) -> widgets.Widget:
        self.field = self._make_field()
        if not self.stops:
            return self.field
        self.slider = widgets.SelectionSlider(
            options=[format_stop(self.setting, stop) for stop in self._options],
            index=self._slider_index(),
            continuous_update=False,
            **self._label_traits(),
        )
        self.slider.observe(lambda change: self._on_input(lambda: self._options[change.new]), names="index")
        return self.slider

    def _make_field(self) -> widgets.Widget:
        # Not an IntText: it drops a dot, and shows 25 for a pasted `2.5` while its value is 2. Its arrow keys are
        # added by settings_form.js.
        traits: dict[str, Any] = {} if self.stops else self._label_traits()
        kind = ("labkit-whole",) if self._whole else ()
        traits |= css_classes(*traits.get("_dom_classes", ()), f"labkit-{self.name}-exact", *kind)
        field = widgets.Text(format_value(self.setting, self._value, tr), continuous_update=False, **traits)
        field.observe(lambda change: self._on_input(lambda: self._read(change.new)), names="value")
        return field

    def _make_rows(self) -> list[widgets.Widget]:
        if not self.stops:
            return [self.field]
        parts = [self.slider, self.field]
        if self.setting.marks and not set(self.setting.marks) >= set(self.stops):
            self._recommended_bar = widgets.HTML()
            self._update_recommended_bar(self._recommended_bar)
            parts.append(self._recommended_bar)
        return [widgets.HBox(parts, **css_classes("labkit-number"))]

    def _update_texts(self) -> None:
        if self.stops:
            self.slider.options = [format_stop(self.setting, stop) for stop in self._options]
            self.slider.index = self._slider_index()
        if not self._value and not self._error_message:
            self.field.value = format_value(self.setting, self._value, tr)
        if self._recommended_bar:
            self._update_recommended_bar(self._recommended_bar)
        super()._update_texts()

    def set_recommended(self, values: Sequence[float]) -> None:
        """Mark other values as usual.

        They must be stops of the slider. Without marks of the setting nothing happens.
        """
        if self._recommended_values and self._recommended_values != tuple(values):
            self._recommended_values = tuple(values)
            if self._recommended_bar:
                self._update_recommended_bar(self._recommended_bar)

    def _update_recommended_bar(self, widget: widgets.HTML) -> None:
        """Set the words beside the label, and the bar under the usual values of the slider."""
        ends = min(self._recommended_values), max(self._recommended_values)
        first, last = (self._options.index(end) / (len(self._options) - 1) * 100 for end in ends)
        text = tr(
            "usual {low}–{high}",
            low=format_value(self.setting, ends[0], tr),
            high=format_value(self.setting, ends[1], tr),
        )
        bar = f'<div class="labkit-bar" style="left:{first:.2f}%;width:{last - first:.2f}%"></div>'
        widget.value = f'<div class="labkit-words">{html.escape(text)}</div><div class="labkit-usual">{bar}</div>'

    def _show_value(self) -> None:
        self.field.value = format_value(self.setting, self._value, tr)
        if self.stops:
            self.slider.index = self._slider_index()

    def _slider_index(self) -> int:
        """Index of the option nearest to the value."""
        offset = len(self._options) - len(self.stops)  # of None, which comes first
        return 0 if self._value is None else offset + find_nearest_stop(self.stops, self._value)

    def _read(self, entered: str) -> Any:
        return read_number(self.setting, entered, self._whole)


def read_number(setting: Setting, entered: str, whole: bool) -> float | None:
    """Number that the user entered, or what the setting's words for None and 0 mean."""
    if setting.none_text and entered.strip() in ("", setting.none_text, tr(setting.none_text)):
        return None
    if setting.zero_text and entered.strip() in (setting.zero_text, tr(setting.zero_text)):
        return 0
    return parse_number(entered, whole)


class ChoiceControl(SettingControl):
    """Drop-down menu of the only possible values."""

    def _make_input(self) -> widgets.Widget:
        menu = widgets.Dropdown(options=self._choices(), **self._label_traits())
        menu.observe(lambda change: self._on_input(lambda: change.new), names="value")
        return menu

    def _choices(self) -> list[tuple[str, str]]:
        return [(PROPER_NAMES.get(choice, tr(choice)), choice) for choice in self.setting.choices]

    def _update_texts(self) -> None:
        super()._update_texts()
        self._input.options = self._choices()
        self._show_value()

    def _show_value(self) -> None:
        self._input.value = self._value


class MenuControl(SettingControl):
    """Drop-down menu of known values, with a text field for any other.

    The last option opens the field for a name or path. A Combobox would need only one widget, but browsers filter its
    list by the name already in it, so that a filled-in menu shows only that name.
    """

    def __init__(self, name: str, value: Any, transaction: Transaction):
        super().__init__(name, value, transaction)
        self._known: tuple[Any, ...] = self.setting.stops

    def _make_input(self) -> widgets.Widget:
        self.other = widgets.Text(
            placeholder=self._placeholder(),
            continuous_update=False,
            layout=widgets.Layout(display="none"),
            **css_classes(f"labkit-{self.name}-exact", "labkit-popover"),
        )
        self.other.observe(lambda change: self._on_input(lambda: self._read_other(change.new)), names="value")
        menu = widgets.Dropdown(options=[tr(OTHER)], **self._label_traits())
        menu.observe(lambda change: self._on_choice(change.new), names="value")
        return menu

    def set_options(self, values: Sequence[Any]) -> None:
        """Replace the values in the menu; the setting's own stays."""
        with self._transaction():
            self._known = tuple(values)
            self._redraw()

    def _make_rows(self) -> list[widgets.Widget]:
        return [self._input, self.other]

    def _update_texts(self) -> None:
        super()._update_texts()
        self._fill()
        self.other.placeholder = self._placeholder()

    def _fill(self) -> None:
        values = self._known if self._value in self._known else (*self._known, self._value)
        options = (*map(self._format, values), tr(OTHER))
        if self._input.options != options:
            self._input.options = options
            self._input.value = self._format(self._value) if self.other.layout.display == "none" else tr(OTHER)

    def _show_value(self) -> None:
        self._fill()
        self._input.value = self._format(self._value)
        self.other.value = ""
        self.other.layout.display = "none"

    def _on_choice(self, text: str) -> None:
        with self._transaction():
            if self._is_redrawing or text != tr(OTHER):
                self._on_input(lambda: self._read(text))
            else:
                self.other.layout.display = ""
                self.other.focus()

    def _read_other(self, entered: str) -> Any:
        return self._read(entered.strip()) if entered.strip() else self._value

    def _placeholder(self) -> str:
        return tr("a name or path, then Enter")

    def _format(self, value: Any) -> str:
        return str(value)

    def _read(self, text: str) -> Any:
        return text


class NumberMenuControl(MenuControl):
    """Drop-down menu of usual numbers, with a text field for any other."""

    def _placeholder(self) -> str:
        return tr("a number, then Enter")

    def _format(self, value: Any) -> str:
        return format_value(self.setting, value, tr)

    def _read(self, text: str) -> Any:
        return read_number(self.setting, text, whole=True)


class TextControl(SettingControl):
    """Text field for one line."""

    def _make_input(self) -> widgets.Widget:
        text = widgets.Text(continuous_update=False, **self._label_traits())
        text.observe(lambda change: self._on_input(lambda: change.new.strip()), names="value")
        return text

    def _show_value(self) -> None:
        self._input.value = self._value


class FlagControl(SettingControl):
    """Check box."""

    def _make_input(self) -> widgets.Widget:
        flag = widgets.Checkbox(**self._label_traits())
        flag.observe(lambda change: self._on_input(lambda: change.new), names="value")
        return flag

    def _show_value(self) -> None:
        self._input.value = self._value


def pick_control_class(name: str, has_menu: bool) -> type[SettingControl]:
    """Class of the control for a field of RunConfig."""
    kind, _ = field_types()[name]
    if run_settings()[name].choices:
        return ChoiceControl
    if run_settings()[name].stops:
        return NumberMenuControl
    if has_menu:
        return MenuControl
    return {bool: FlagControl, str: TextControl}.get(kind, NumberControl)
