"""One control for each kind of setting: slider with exact field, menu, choice, text, flag."""

import html
from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets

from labkit.config import RunConfig, field_types, run_settings
from labkit.i18n.translation import tr
from labkit.lab.page_widgets import classes
from labkit.lab.setting_control import Control, Settling, show, stop_text
from labkit.lab.slider_stops import nearest, read_number, slider_stops
from labkit.plots.text_width import cells

OTHER = "other…"


class NumberControl(Control):
    """A field that takes any exact value, and, where the knob has a scale, a slider over the usual ones."""

    def __init__(self, name: str, value: Any, settling: Settling, label_width: str):
        super().__init__(name, value, settling, label_width)
        kind, optional = field_types()[self.name]
        self._usual: widgets.HTML | None = None
        self._marks: Sequence[float] = self.knob.marks
        self.stops = slider_stops(self.knob, kind, getattr(RunConfig(), self.name))
        self._offered = ((None,) if optional else ()) + self.stops
        self._whole = kind is int

    def _build(self) -> widgets.Widget:
        self.field = self._make_field()
        if not self.stops:
            return self.field
        self.slider = widgets.SelectionSlider(
            options=[stop_text(self.knob, stop) for stop in self._offered],
            index=self._stop(),
            continuous_update=False,
            layout=widgets.Layout(width="auto", flex="1 1 auto", min_width="0"),
            **self._named(),
        )
        self.slider.observe(lambda change: self._picked(lambda: self._offered[change.new]), names="index")
        return self.slider

    def _make_field(self) -> widgets.Widget:
        # An IntText swallows a dot, and after `2.5` was pasted shows 25 where 2 holds; the page adds its arrow keys.
        named: dict[str, Any] = {} if self.stops else self._named()
        kind = ("labkit-whole",) if self._whole else ()
        named |= classes(*named.get("_dom_classes", ()), f"labkit-{self.name}-exact", *kind)
        layout = widgets.Layout(width=self._field_width() if self.stops else "auto", flex="0 0 auto", min_width="0")
        field = widgets.Text(show(self.knob, self._value), continuous_update=False, layout=layout, **named)
        field.observe(lambda change: self._picked(lambda: self._read(change.new)), names="value")
        return field

    def _field_width(self) -> str:
        """Room for `2.55e-5`, and for what None reads as."""
        return f"calc({max(8, cells(tr(self.knob.none_text)))}ch + 24px)"

    def _rows(self) -> list[widgets.Widget]:
        if not self.stops:
            return [self.field]
        layout = widgets.Layout(align_items="center", overflow="visible")
        row = widgets.HBox([self.slider, self.field], layout=layout, **classes("labkit-number"))
        if not self.knob.marks or set(self.knob.marks) >= set(self.stops):
            return [row]
        self._usual = widgets.HTML()
        self._say_usual(self._usual)
        return [row, self._usual]

    def _say(self) -> None:
        if self.stops:
            self.slider.options = [stop_text(self.knob, stop) for stop in self._offered]
            self.slider.index = self._stop()
            self.field.layout.width = self._field_width()
        if not self._value and not self._problem:
            self.field.value = show(self.knob, self._value)
        if self._usual:
            self._say_usual(self._usual)
        super()._say()

    def mark(self, values: Sequence[float]) -> None:
        """Says that other values are the usual ones; they must be stops of the slider, and the knob must have marks."""
        if self._marks and self._marks != tuple(values):
            self._marks = tuple(values)
            if self._usual:
                self._say_usual(self._usual)

    def _say_usual(self, usual: widgets.HTML) -> None:
        """A bar under the part of the slider where the usual values lie."""
        ends = min(self._marks), max(self._marks)
        first, last = (self._offered.index(end) / (len(self._offered) - 1) * 100 for end in ends)
        text = tr("{low} to {high} usual", low=show(self.knob, ends[0]), high=show(self.knob, ends[1]))
        bar = f'<div class="labkit-bar" style="left:{first:.2f}%;width:{last - first:.2f}%"></div>'
        words = f'<div class="labkit-words" style="left:{(first + last) / 2:.2f}%">{html.escape(text)}</div>'
        margin = f"-6px calc({self._field_width()} + 12px) 0 calc({self._label_width} + 14px)"
        usual.value = f'<div class="labkit-usual">{bar}{words}</div>'
        usual.layout.margin = margin

    def _draw(self) -> None:
        self.field.value = show(self.knob, self._value)
        if self.stops:
            self.slider.index = self._stop()

    def _stop(self) -> int:
        """Where the slider stands."""
        skipped = len(self._offered) - len(self.stops)
        return 0 if self._value is None else skipped + nearest(self.stops, self._value)

    def _read(self, entered: str) -> Any:
        if self.knob.none_text and entered.strip() in ("", self.knob.none_text, tr(self.knob.none_text)):
            return None
        if self.knob.zero_text and entered.strip() in (self.knob.zero_text, tr(self.knob.zero_text)):
            return 0
        return read_number(entered, self._whole)


class ChoiceControl(Control):
    """A drop-down of the only possible values."""

    def _build(self) -> widgets.Widget:
        choices = widgets.Dropdown(options=self._choices(), layout=widgets.Layout(width="auto"), **self._named())
        choices.observe(lambda change: self._picked(lambda: change.new), names="value")
        return choices

    def _choices(self) -> list[tuple[str, str]]:
        return [(tr(choice), choice) for choice in self.knob.choices]

    def _say(self) -> None:
        super()._say()
        self._input.options = self._choices()
        self._draw()

    def _draw(self) -> None:
        self._input.value = self._value


class MenuControl(Control):
    """A drop-down of known names; its last line opens a field for any other name or path.

    A Combobox would do with one widget, but browsers filter its list by the name already in it, so that a filled-in
    menu shows nothing but itself.
    """

    def __init__(self, name: str, value: Any, settling: Settling, label_width: str):
        super().__init__(name, value, settling, label_width)
        self._names: tuple[str, ...] = ()

    def _build(self) -> widgets.Widget:
        self.other = widgets.Text(
            placeholder=tr("a name or path, then Enter"),
            continuous_update=False,
            style={"description_width": self._label_width},
            description=" ",
            layout=widgets.Layout(width="auto", display="none"),
            **classes(f"labkit-{self.name}-exact"),
        )
        self.other.observe(lambda change: self._picked(lambda: change.new.strip() or self._value), names="value")
        menu = widgets.Dropdown(options=[tr(OTHER)], layout=widgets.Layout(width="auto"), **self._named())
        menu.observe(lambda change: self._chosen(change.new), names="value")
        return menu

    def offer(self, names: Sequence[str]) -> None:
        """Put these names into the menu, in place of those before; the value stays."""
        with self._settling():
            self._names = tuple(names)
            self._redraw()

    def _rows(self) -> list[widgets.Widget]:
        return [self._input, self.other]

    def _say(self) -> None:
        super()._say()
        self._fill()
        self.other.placeholder = tr("a name or path, then Enter")
        self.other.style.description_width = self._label_width

    def _fill(self) -> None:
        known = self._names if self._value in self._names else (*self._names, self._value)
        if self._input.options != (*known, tr(OTHER)):
            self._input.options = (*known, tr(OTHER))
            self._input.value = self._value if self.other.layout.display == "none" else tr(OTHER)

    def _draw(self) -> None:
        self._fill()
        self._input.value = self._value
        self.other.value = ""
        self.other.layout.display = "none"

    def _chosen(self, name: str) -> None:
        with self._settling():
            if self._drawing or name != tr(OTHER):
                self._picked(lambda: name)
            else:
                self.other.layout.display = ""
                self.other.focus()


class TextControl(Control):
    """A line of any text."""

    def _build(self) -> widgets.Widget:
        text = widgets.Text(continuous_update=False, layout=widgets.Layout(width="auto"), **self._named())
        text.observe(lambda change: self._picked(lambda: change.new.strip()), names="value")
        return text

    def _draw(self) -> None:
        self._input.value = self._value


class FlagControl(Control):
    """Yes or no."""

    def _build(self) -> widgets.Widget:
        flag = widgets.Checkbox(layout=widgets.Layout(width="auto"), **self._named())
        flag.observe(lambda change: self._picked(lambda: change.new), names="value")
        return flag

    def _draw(self) -> None:
        self._input.value = self._value


def control_class(name: str, menu: bool) -> type[Control]:
    """Which control a field of RunConfig gets."""
    kind, _ = field_types()[name]
    if run_settings()[name].choices:
        return ChoiceControl
    if menu:
        return MenuControl
    return {bool: FlagControl, str: TextControl}.get(kind, NumberControl)
