"""The tuning lab on a page: what a person sees of it and does with it."""

import base64
import io
import json
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Error
from playwright.sync_api import TimeoutError as TooLate

from labkit.runs.store import Run, RunStore
from tests.browser.jupyter import PATIENCE_MS, Notebook
from tests.waiting import until

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "01_tuning_lab.ipynb"
PICTURES = NOTEBOOK.parents[1] / "docs" / "pictures"
LIVE, COMPARISON = ".labkit-live-picture img", ".labkit-compare img"
SMALL = {"train_limit": 96, "dev_limit": 24, "epochs": 2}  # of the real corpus, with the real encoder
BLOCKING_S = 60.0
SLOW_S = 120.0  # for what takes a few seconds where nobody else wants the cores
WATCH = Path(__file__).with_name("watch.js").read_text(encoding="utf-8")
READ_PICTURE = """async image => {
    if (image.hidden) return "";
    const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer());
    return btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(""));
}"""


def copy_notebook(folder: Path) -> int:
    """The shipped notebook into `folder/notebooks`, a cell that blocks the kernel put after that of the lab.

    Returns the place of the lab's cell.
    """
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    cells = notebook["cells"]
    code = [place for place, cell in enumerate(cells) if cell["cell_type"] == "code"]
    lab = next(place for place in code if "TuningLab(" in "".join(cells[place]["source"]))
    source = f"import time\n\ntime.sleep({BLOCKING_S})"
    block: dict[str, Any] = {"cell_type": "code", "id": "block", "metadata": {}, "execution_count": None, "outputs": []}
    cells.insert(lab + 1, {**block, "source": source})
    (folder / "notebooks").mkdir()
    (folder / "notebooks" / NOTEBOOK.name).write_text(json.dumps(notebook), encoding="utf-8")
    (folder / "docs" / "pictures").mkdir(parents=True)
    for picture in PICTURES.glob("*.png"):  # the notebook shows them
        (folder / "docs" / "pictures" / picture.name).write_bytes(picture.read_bytes())
    return lab


class LabPage:
    """The lab in a notebook, its runs in a folder of their own."""

    def __init__(self, notebook: Notebook, cell: int, runs: Path):
        self.notebook, self.page, self.cell = notebook, notebook.page, cell
        self.store = RunStore(runs)

    def show(self, **defaults: Any) -> None:
        """Runs the cell of the lab and waits for it; `defaults` are the settings that it starts with, SMALL if none."""
        variables = {"LABKIT_RUNS": str(self.store.folder), "LABKIT_DEFAULTS": json.dumps(defaults or SMALL)}
        self.notebook.execute(f"import os\nos.environ.update({variables!r})")
        self.notebook.run_cell(self.cell)
        try:
            self.page.wait_for_selector(".labkit-lab .labkit-train", timeout=PATIENCE_MS)
            if self.store.runs():
                drawn = "selector => document.querySelector(selector)?.naturalWidth > 1"
                self.page.wait_for_function(drawn, arg=LIVE, timeout=PATIENCE_MS)
        except TooLate:
            raise AssertionError(f"the lab did not come up: {self.notebook.account(self.cell)}") from None

    def text(self, name: str) -> str:
        """What the part of the lab of that class says; empty where it is not there."""
        part = self.page.locator(f".labkit-lab .labkit-{name}")
        return " ".join(part.all_inner_texts()).strip()

    @property
    def status(self) -> str:
        return self.text("status")

    def upload(self, name: str, content: bytes) -> None:
        """Chooses *other…* in the corpus menu, presses the button below it, and gives the browser this file."""
        menu = self.page.locator(".labkit-lab select").filter(has_text="msra").first
        menu.select_option(label="other…")
        with self.page.expect_file_chooser() as chooser:
            self.page.locator(".labkit-upload button").click()
        chooser.value.set_files([{"name": name, "mimeType": "application/octet-stream", "buffer": content}])

    def train(self, **how: Any) -> None:
        self.page.locator("button.labkit-train").click(**how)

    def stop(self) -> None:
        self.page.locator("button.labkit-stop:enabled").click()

    def run(self, number: int) -> Run:
        return self.store.get(number)

    def until_status(self, *words: str, timeout_s: float = SLOW_S) -> str:
        """The status, as soon as it holds all these words."""

        def said() -> str:
            status = self.status
            return status if all(word in status for word in words) else ""

        try:
            found: str = until(said, timeout_s)
        except AssertionError:
            raise AssertionError(f"the status did not come to say {words}, but {self.status!r}") from None
        return found

    def until_steps(self, number: int, more_than: int = 0) -> int:
        """The steps of a live run, as soon as there are more than so many of them."""

        def steps() -> int:
            if number not in [run.number for run in self.store.runs()]:
                return 0
            run = self.run(number)
            done = run.progress().step
            assert run.state in ("queued", "starting", "running"), f"{run.state} at step {done}: {run.finished}"
            return done if done > more_than else 0

        found: int = until(steps, SLOW_S, f"more than {more_than} steps")
        return found

    def rows(self) -> list[str]:
        """The ids of the runs in the table, from top to bottom."""
        found: list[str] = self.page.eval_on_selector_all(
            ".labkit-runs tr[data-id]", "rows => rows.map(row => row.dataset.id)"
        )
        return found

    def row(self, run: Run) -> Any:
        return self.page.locator(f".labkit-runs tr[data-id='{run.folder.name}']")

    def figures(self, run: Run) -> dict[str, str]:
        """What the table says of a run, by column."""
        keys = self.page.eval_on_selector_all(
            ".labkit-runs th[data-key]", "heads => heads.map(head => head.dataset.key)"
        )
        return dict(zip(keys, self.row(run).locator("td").all_inner_texts()[1:], strict=True))

    def picture(self, selector: str) -> Image.Image:
        """The picture that an image shows at this moment."""
        data: str = until(lambda: self._read(selector), 30, f"a picture in {selector}")
        return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")

    def _read(self, selector: str) -> str:
        try:
            found: str = self.page.locator(selector).evaluate(READ_PICTURE)
        except Error:  # replaced by the next one before it was read
            return ""
        return found

    def watch(self, selectors: list[str], image: str = LIVE) -> None:
        """From now on see what moves and which pictures are shown, until `watched`."""
        begin = f"([selectors, image]) => {{ window.watched = ({WATCH})(selectors, image); }}"
        self.page.evaluate(begin, [selectors, image])

    def watched(self, end: bool = False) -> dict[str, Any]:
        """`{frames, hidden, moved: {selector: px}, pictures}` since `watch`."""
        found: dict[str, Any] = self.page.evaluate("end => window.watched(end)", end)
        return found

    def is_hacked(self) -> bool:
        """Whether anything that a test typed was run by the browser."""
        hacked: bool = self.page.evaluate("window.hacked !== undefined || !!document.querySelector('img[src=x]')")
        return hacked
