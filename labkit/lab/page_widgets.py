"""The plain widgets that the page of the lab is made of, and how they are changed: only where something is new."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from labkit.i18n.translation import LANGUAGES, get_language
from labkit.lab import entity_html, time_bar_html


def classes(*names: str) -> dict[str, tuple[str, ...]]:
    """CSS classes as an argument to any widget; `add_class` afterwards would be one more message to the page."""
    return {"_dom_classes": names}


def button(icon: str, name: str, pressed: Any, style: str = "", width: str = "auto") -> widgets.Button:
    layout = {"width": width, "min_width": "110px"}
    made = widgets.Button(icon=icon, button_style=style, layout=layout, **classes(name))
    made.on_click(lambda _: pressed())
    answer_at_once(made)
    return made


def line(*names: str) -> widgets.HTML:
    return widgets.HTML(**classes(*names))


def row(name: str, *children: widgets.Widget) -> widgets.HBox:
    return widgets.HBox(children, **classes(name))


def column(name: str, *children: widgets.Widget) -> widgets.VBox:
    return widgets.VBox(children, **classes(name))


def card(*children: widgets.Widget) -> widgets.VBox:
    return column("labkit-card", *children)


def style_sheet() -> widgets.HTML:
    """How all looks but the table and the controls, which bring their own sheets; takes no room."""
    sheets = (
        Path(__file__).with_name(f"{name}.css").read_text(encoding="utf-8") for name in ("tuning_lab", "error_browser")
    )
    colours = time_bar_html.style() + entity_html.style()
    return widgets.HTML(f"<style>{''.join(sheets)}{colours}</style>", layout={"display": "none"})


def language_switch(chosen: Callable[[str], None]) -> widgets.ToggleButtons:
    """`English | 中文`; `chosen` hears which."""
    options = [(name, key) for key, name in LANGUAGES.items()]
    switch = widgets.ToggleButtons(options=options, value=get_language(), style={"button_width": "auto"})
    switch.add_class("labkit-language")
    switch.observe(lambda change: chosen(change.new), names="value")
    return switch


def set_text(widget: widgets.HTML, text: str) -> None:
    if widget.value != text:
        widget.value = text
    set_shown(widget, bool(text))


def set_on(button: widgets.Button, name: str, value: Any) -> None:
    """`name` is what is set on the button: its `description` or `tooltip`, or whether it is `disabled`."""
    if getattr(button, name) != value:
        setattr(button, name, value)
        answer_at_once(button)


def set_shown(widget: widgets.Widget, shown: bool) -> None:
    wanted = None if shown else "none"
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


def answer_at_once(*buttons: Any) -> None:
    """To be called after a button was made, and after each change of one from a cell.

    Touches a private name of ipykernel; where that is gone, nothing happens, and a browser test tells.
    """
    for button in buttons:
        comm = getattr(button, "comm", None)
        if comm is not None:
            comm.__dict__.pop("_reply_subshell_id", None)
