"""The plain widgets that the page of the lab is made of, and how they are changed: only where something is new."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from labkit.i18n.translation import LANGUAGES, get_language
from labkit.lab import entity_html, time_bar_html


def css_classes(*names: str) -> dict[str, tuple[str, ...]]:
    """CSS classes as an argument to any widget; `add_class` afterwards would be one more message to the page."""
    return {"_dom_classes": names}


def make_button(icon: str, name: str, on_press: Any, style: str = "", width: str = "auto") -> widgets.Button:
    layout = {"width": width, "min_width": "110px"}
    made = widgets.Button(icon=icon, button_style=style, layout=layout, **css_classes(name))
    made.on_click(lambda _: on_press())
    keep_responsive(made)
    return made


def make_html(*names: str) -> widgets.HTML:
    return widgets.HTML(**css_classes(*names))


def make_row(name: str, *children: widgets.Widget) -> widgets.HBox:
    return widgets.HBox(children, **css_classes(name))


def make_column(name: str, *children: widgets.Widget) -> widgets.VBox:
    return widgets.VBox(children, **css_classes(name))


def make_card(*children: widgets.Widget) -> widgets.VBox:
    return make_column("labkit-card", *children)


def make_style_sheet() -> widgets.HTML:
    """How all looks but the table and the controls, which bring their own sheets; takes no room."""
    sheets = (
        Path(__file__).with_name(f"{name}.css").read_text(encoding="utf-8") for name in ("tuning_lab", "error_browser")
    )
    colours = time_bar_html.build_css() + entity_html.build_css()
    return widgets.HTML(f"<style>{''.join(sheets)}{colours}</style>", layout={"display": "none"})


def make_language_switch(on_choice: Callable[[str], None]) -> widgets.ToggleButtons:
    """`English | 中文`; `chosen` hears which."""
    options = [(name, key) for key, name in LANGUAGES.items()]
    switch = widgets.ToggleButtons(options=options, value=get_language(), style={"button_width": "auto"})
    switch.add_class("labkit-language")
    switch.observe(lambda change: on_choice(change.new), names="value")
    return switch


def set_text(widget: widgets.HTML, text: str) -> None:
    if widget.value != text:
        widget.value = text
    set_visible(widget, bool(text))


def set_if_changed(button: widgets.Button, name: str, value: Any) -> None:
    """`name` is what is set on the button: its `description` or `tooltip`, or whether it is `disabled`."""
    if getattr(button, name) != value:
        setattr(button, name, value)
        keep_responsive(button)


def set_visible(widget: widgets.Widget, visible: bool) -> None:
    wanted = None if visible else "none"
    if widget.layout.display != wanted:
        widget.layout.display = wanted


def close_all(widget: widgets.Widget) -> None:
    """Takes a widget and all that it holds off the page and out of ipywidgets' registry, so that it can be freed.

    Layouts and styles are widgets, too: what observes one of them would be held for as long as the kernel lives.
    """
    for inner in (*getattr(widget, "children", ()), getattr(widget, "layout", None), getattr(widget, "style", None)):
        if isinstance(inner, widgets.Widget):
            close_all(inner)
    widget.close()


def keep_responsive(*buttons: Any) -> None:
    """To be called after a button was made, and after each change of one from a cell.

    Touches a private name of ipykernel; where that is gone, nothing happens, and a browser test tells.
    """
    for button in buttons:
        comm = getattr(button, "comm", None)
        if comm is not None:
            comm.__dict__.pop("_reply_subshell_id", None)
