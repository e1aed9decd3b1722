"""Plain widgets of the lab's page."""

import ipywidgets as widgets

from labkit.lab.page_widgets import make_column, make_row, plain_text, set_text


def test_plain_text_has_no_tags_and_no_hidden_widgets() -> None:
    shown, hidden = widgets.HTML("<p>about <b>6 steps</b>, R&amp;D</p><p>&lt;b&gt;</p>"), widgets.HTML()
    set_text(hidden, "")
    hidden.value = "never shown"
    page = make_column("page", shown, make_row("row", hidden, widgets.Button(description="Train"), widgets.HTML("end")))
    assert plain_text(page) == "about 6 steps, R&D <b> end"
    page.layout.display = "none"
    assert plain_text(page) == ""
