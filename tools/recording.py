"""Recording of the lab for the README: `python -m tools.recording` writes docs/pictures/lab.gif.

In a real JupyterLab the head's slider is moved, Train pressed, and the run watched to its end. Everything is found by
its role, its label or the name of its setting, so that a change of the layout needs no change here.
"""

import io
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright

from labkit.runs.store import RunStore
from tests.browser.jupyter import FLAGS, Notebook, find_chromium, jupyterlab
from tests.waiting import until

TARGET = Path(__file__).resolve().parent.parent / "docs" / "pictures" / "lab.gif"
LARGEST_MB = 2.0
WINDOW = {"width": 1280, "height": 800}
START = {"head_rate": 3e-4, "train_limit": 1000}  # the encoder's rate: the slider has a way to go
HEAD_RATE = 1e-2
FRAMES = 50  # of training
PLAYED_MS, HOLD_MS, LAST_MS = 120, 900, 3000
WARM_S = 15.0  # until the first run's process would start at once
POINTER = """() => {
    const pointer = document.createElement("div");
    pointer.id = "recorded-pointer";
    pointer.style = "position: fixed; z-index: 9999; pointer-events: none; filter: drop-shadow(0 1px 1px #0006)";
    const arrow = '<path d="M2 1v19l5-4 3 8 4-2-3-7h7z" fill="#111" stroke="#fff"/>';
    pointer.innerHTML = `<svg width="22" height="26">${arrow}</svg>`;
    document.body.append(pointer);
}"""
Frame = tuple[bytes, int]  # a PNG, and milliseconds for which it is shown


def record(page: Page, notebook: Notebook, runs: Path) -> Iterator[Frame]:
    """Frames from the lab's first appearance to the end of its first run."""
    lab = page.locator(".labkit-lab")
    train = lab.get_by_role("button", name="Train").first
    slider = lab.locator(".labkit-head_rate").get_by_role("slider")
    page.evaluate(POINTER)

    def frame(milliseconds: int = PLAYED_MS) -> Frame:
        box = lab.bounding_box()
        assert box
        clip = {**box, "height": min(box["height"], WINDOW["height"] - box["y"])}
        return page.screenshot(clip=clip), milliseconds

    yield from (frame() for _ in _move(page, train, slider))
    slider.focus()
    while notebook.ask("lab.controls.head_rate.value") < HEAD_RATE:
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(600)  # the handle slides
        _point_at(page, _middle(slider))
        yield frame(2 * PLAYED_MS)
    yield frame(HOLD_MS)
    yield from (frame() for _ in _move(page, slider, train))
    train.click()
    yield frame(HOLD_MS)
    run = until(lambda: next(iter(RunStore(runs).runs()), None), 60, "a run")
    shown = 0
    while not run.is_final:
        if run.plan and run.progress().step * FRAMES // run.plan.steps > shown:
            shown += 1
            yield frame()
        page.wait_for_timeout(300)
        run.refresh()
    page.wait_for_timeout(3000)  # drawn by the next look
    yield frame(LAST_MS)
    assert run.state == "completed", run.finished


def _move(page: Page, start: Locator, end: Locator, frames: int = 6) -> Iterator[None]:
    """Moves the pointer from one control to another."""
    (x0, y0), (x1, y1) = _middle(start), _middle(end)
    for number in range(frames):
        share = number / (frames - 1)
        _point_at(page, (x0 + share * (x1 - x0), y0 + share * (y1 - y0)))
        yield


def _middle(control: Locator) -> tuple[float, float]:
    box = control.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def _point_at(page: Page, place: tuple[float, float]) -> None:
    left, top = (f"{pixel}px" for pixel in place)
    page.locator("#recorded-pointer").evaluate(
        "(pointer, at) => Object.assign(pointer.style, at)", {"left": left, "top": top}
    )


def write_gif(frames: list[Frame], path: Path) -> None:
    """Frames as a looping GIF of one palette, so that only what changes is stored."""
    pictures = [Image.open(io.BytesIO(png)).convert("RGB") for png, _ in frames]
    size = max(picture.width for picture in pictures), max(picture.height for picture in pictures)
    pictures = [_on_white(picture, size) for picture in pictures]
    palette = pictures[-1].quantize(128)  # the last one has all curves
    first, *others = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    durations = [milliseconds for _, milliseconds in frames]
    first.save(path, save_all=True, append_images=others, duration=durations, loop=0, optimize=False)


def _on_white(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    whole = Image.new("RGB", size, "white")
    whole.paste(picture)
    return whole


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="labkit-recording-") as place, sync_playwright() as play:
        home, notebooks, runs = (Path(place) / name for name in ("home", "notebooks", "runs"))
        home.mkdir()
        notebooks.mkdir()
        cell = nbformat.v4.new_code_cell("import labkit\n\nlab = labkit.TuningLab()\nlab")
        kernel: dict[str, Any] = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
        nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=kernel), notebooks / "lab.ipynb")
        environment = {"LABKIT_RUNS": str(runs), "LABKIT_DEFAULTS": json.dumps(START), "LABKIT_LANGUAGE": "en"}
        with jupyterlab(notebooks, home, environment) as address:
            browser = play.chromium.launch(executable_path=find_chromium(), args=FLAGS)
            page = browser.new_page(viewport=WINDOW)
            notebook = Notebook(page, address, "lab.ipynb")
            for bar in ("application:toggle-left-area", "statusbar:toggle"):
                page.evaluate("bar => jupyterapp.commands.execute(bar)", bar)
            notebook.run_cell(0)
            page.wait_for_selector(".labkit-lab")
            time.sleep(WARM_S)
            frames = list(record(page, notebook, runs))
            notebook.execute("from labkit.jobs import launch\nlaunch.shutdown_server()")
            browser.close()
    write_gif(frames, TARGET)
    size_mb = TARGET.stat().st_size / 1e6
    print(f"{TARGET}: {len(frames)} frames, {size_mb:.2f} MB")
    assert size_mb < LARGEST_MB, "too large for a front page"


if __name__ == "__main__":
    main()
