"""Picture view: a PNG image that knows the width at which a page shows it (anywidget)."""

from pathlib import Path

import anywidget
import traitlets


class PictureView(anywidget.AnyWidget):
    """Image widget with alternative text.

    `value` is the PNG; while it is empty, `hint` stands in its place. `width` (CSS pixels) and `pixel_ratio` (device
    pixels of each) are reported by the page, again whenever they change.
    """

    _esm = Path(__file__).with_name("picture_view.js").read_text(encoding="utf-8")

    value = traitlets.Bytes().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    hint = traitlets.Unicode().tag(sync=True)
    width = traitlets.Int(960).tag(sync=True)
    pixel_ratio = traitlets.Float(1.25).tag(sync=True)
