"""Plain widgets of the lab's page, and setters that send only changes."""

import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from labkit.i18n.translation import LANGUAGES, get_language, language_name
from labkit.lab import entity_html, time_bar_html


def css_classes(*names: str) -> dict[str, tuple[str, ...]]:
    """Keyword arguments that give a new widget these CSS classes.

    `add_class` afterwards would be one more message to the page.
    """
    return {"_dom_classes": names}


def make_button(icon: str, name: str, on_press: Any, style: str = "", width: str = "auto") -> widgets.Button:
    layout = {"width": width, "min_width": "110px"}
    button = widgets.Button(icon=icon, button_style=style, layout=layout, **css_classes(name))
    button.on_click(lambda _: on_press())
    keep_responsive(button)
    return button


def make_html(*names: str) -> widgets.HTML:
    return widgets.HTML(**css_classes(*names))


def make_row(name: str, *children: widgets.Widget) -> widgets.HBox:
    return widgets.HBox(children, **css_classes(name))


def make_column(name: str, *children: widgets.Widget) -> widgets.VBox:
    return widgets.VBox(children, **css_classes(name))


def make_card(*children: widgets.Widget) -> widgets.VBox:
    return make_column("labkit-card", *children)


def make_style_sheet(*more: str) -> widgets.HTML:
    """Invisible widget with the lab's style sheets, and `more` of them.

    The table and the settings form bring their own.
    """
    sheets = (
        Path(__file__).with_name(f"{name}.css").read_text(encoding="utf-8") for name in ("tuning_lab", "error_browser")
    )
    colours = time_bar_html.build_css() + entity_html.build_css()
    return widgets.HTML(f"<style>{''.join((*sheets, *more))}{colours}</style>", layout={"display": "none"})


def make_language_switch(on_choice: Callable[[str], None]) -> widgets.ToggleButtons:
    """Buttons `English | 中文`; `on_choice` is called with the language."""
    options = [(language_name(language), language) for language in LANGUAGES]
    switch = widgets.ToggleButtons(options=options, value=get_language(), style={"button_width": "auto"})
    switch.add_class("labkit-language")
    switch.observe(lambda change: on_choice(change.new), names="value")
    return switch


def set_text(widget: widgets.HTML, text: str) -> None:
    """Set a widget's HTML if it changed; an empty text hides it."""
    if widget.value != text:
        widget.value = text
    set_visible(widget, bool(text))


def set_picture(widget: widgets.Image, png: bytes) -> None:
    """Set a widget's picture if it is another object; to compare bytes takes longer."""
    if widget.value.obj is not png:
        widget.value = png


def set_if_changed(button: widgets.Button, name: str, value: Any) -> None:
    """Set a trait of a button (`description`, `tooltip`, `disabled`) if it changed."""
    if getattr(button, name) != value:
        setattr(button, name, value)
        keep_responsive(button)


def set_visible(widget: widgets.Widget, visible: bool) -> None:
    display = None if visible else "none"
    if widget.layout.display != display:
        widget.layout.display = display


def plain_text(widget: widgets.Widget) -> str:
    """Plain text of a widget and its children; empty if hidden.

    >>> plain_text(make_row("row", widgets.HTML("<b>6 steps</b>, R&amp;D"), widgets.HTML("<p>done</p>")))
    '6 steps, R&D done'
    """
    if widget.layout.display == "none":
        return ""
    if isinstance(widget, widgets.HTML):
        inline_removed = re.sub(r"</?(?:b|i|em|u|code)\b[^>]*>", "", widget.value)
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", inline_removed)).split())
    return " ".join(filter(None, map(plain_text, getattr(widget, "children", ()))))


def close_all(widget: widgets.Widget) -> None:
    """Close a widget and all widgets in it, to free them.

    They leave the page and ipywidgets' registry. Layouts and styles are widgets, too: an observer of one of them would
    stay in memory as long as the kernel lives.
    """
    for inner in (*getattr(widget, "children", ()), getattr(widget, "layout", None), getattr(widget, "style", None)):
        if isinstance(inner, widgets.Widget):
            close_all(inner)
    widget.close()


def keep_responsive(*buttons: Any) -> None:
    """Let buttons answer while a cell runs.

    Must be called after a button was made, and after each change of one from a cell. It uses a private name of
    ipykernel: without that name nothing happens, and a browser test fails.
    """
    for button in buttons:
        comm = getattr(button, "comm", None)
        if comm is not None:
            comm.__dict__.pop("_reply_subshell_id", None)
