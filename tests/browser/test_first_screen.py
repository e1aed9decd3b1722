"""The first screen: what is needed to set, start and follow a run, visible at once in windows of any usual size."""

from pathlib import Path
from typing import Any

import pytest

from tests.browser.lab import LIVE, LabPage
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

NEEDED = ["button.labkit-train", "button.labkit-stop", ".labkit-status", ".labkit-line"]
NEEDED += [f".labkit-{name} .noUi-handle" for name in ("epochs", "batch_size", "encoder_rate", "head_rate")]
NEEDED += [f".labkit-{name}-exact" for name in ("epochs", "batch_size", "encoder_rate", "head_rate")]
# Widths of the lab, and the height that is left below JupyterLab's bars, a line of text and the cell: 816 and 976 are
# windows of 1280 × 800 and 1440 × 900 with the file browser open, 1456 is one of 1920 × 1080.
SIZES = {700: 560, 816: 510, 960: 600, 976: 600, 1456: 760, 2560: 760}
HEADING_PX = 22

# The boxes of selectors, from the lab's left and top edges; where text does not fit; the size of the picture as shown
# and as drawn, and its first plots.
MEASURE = """([selectors, live]) => {
  const lab = document.querySelector(".labkit-lab"), { left, top, width } = lab.getBoundingClientRect();
  const box = (node) => {
    const found = node.getBoundingClientRect();
    return [found.left - left, found.top - top, found.right - left, found.bottom - top];
  };
  const first = document.querySelector(".labkit-first");
  const fits = (node) => node.scrollWidth <= node.clientWidth + 1;
  const texts = [...first.querySelectorAll("label, button, select, .labkit-words, .labkit-ratio div, .labkit-plan")];
  const picture = document.querySelector(live);
  return {
    width,
    boxes: Object.fromEntries(selectors.map((name) => [name, box(document.querySelector(name))])),
    cut: texts.filter((node) => node.offsetParent && !fits(node)).map((node) => node.outerHTML.slice(0, 200)),
    wide: lab.scrollWidth - lab.clientWidth,
    picture: box(picture),
    shown: [picture.clientWidth, picture.clientHeight],
    drawn: [picture.naturalWidth, picture.naturalHeight],
  };
}"""


def measure(lab: LabPage) -> dict[str, Any]:
    found: dict[str, Any] = lab.page.evaluate(MEASURE, [NEEDED, LIVE])
    return found


def widen(lab: LabPage, width: int) -> dict[str, Any]:
    """Makes the window so wide that the cell's output has this width."""
    output = "document.querySelector('.labkit-lab').parentElement.clientWidth"
    around = lab.page.viewport_size["width"] - lab.page.evaluate(output)
    lab.page.set_viewport_size({"width": width + around, "height": 900})
    until(lambda: lab.page.evaluate(output) == width, 20, f"an output of {width} px")
    return measure(lab)


@pytest.mark.parametrize(("language", "widths"), [("en", list(SIZES)), ("zh", [700, 816])])
def test_all_that_is_needed_is_seen_at_once_in_any_window(
    lab: LabPage, one_run: Path, language: str, widths: list[int]
) -> None:
    try:
        lab.notebook.execute(f"from labkit.i18n.translation import set_language\nset_language({language!r})")
        lab.show()
        for width in widths:
            height = SIZES[width]
            found = widen(lab, width)
            assert found["width"] == min(width, 1540)
            assert (found["cut"], found["wide"]) == ([], 0), width
            left, top, right, _ = found["picture"]
            seen = top + HEADING_PX + (found["shown"][1] - HEADING_PX) / 3  # the first two of six plots
            assert seen <= height, f"loss and F1 end at {seen} of {height} px in a lab {width} px wide"
            for name, box in found["boxes"].items():
                assert box[0] >= 0, (width, name)
                assert box[2] <= found["width"], (width, name)
                assert 0 <= box[1] < box[3] <= height, (width, name)
            assert right - left > 0.55 * found["width"]
        until(lambda: (now := measure(lab))["drawn"] == now["shown"], 20, "a picture drawn for this width")
    finally:
        lab.notebook.execute("from labkit.i18n.translation import set_language\nset_language('en')")


def test_sliders_and_pictures_have_names_for_those_who_do_not_see_them(lab: LabPage, one_run: Path) -> None:
    lab.show(encoder_rate=5e-5)
    handle = lab.page.get_by_role("slider", name="Encoder rate")
    assert handle.get_attribute("aria-valuetext") == "5e-5"
    handle.focus()
    lab.page.keyboard.press("ArrowRight")
    until(lambda: handle.get_attribute("aria-valuetext") == "1e-4", what="the next value, in words")
    assert lab.page.get_by_role("textbox", name="Encoder rate").is_visible()
    assert "loss per word" in (lab.page.locator(LIVE).get_attribute("alt") or "")
