"""One JupyterLab, one browser and one kernel for all browser tests; a lab with runs of its own for each."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labkit.config import RunConfig
from labkit.jobs import launch
from labkit.runs.store import Run, RunStore
from tests.browser.jupyter import FLAGS, Notebook, find_chromium, jupyterlab
from tests.browser.lab import NOTEBOOK, LabPage, copy_notebook
from tests.waiting import until

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The system's chromium. Without one the tests are skipped, but fail where CI is set."""
    path = find_chromium()
    if path is None:
        told = (
            "no chromium found: install it (Debian and Ubuntu: apt-get install chromium), or name it in LABKIT_CHROMIUM"
        )
        if os.environ.get("CI", "").lower() in ("true", "1"):
            pytest.fail(told, pytrace=False)
        pytest.skip(told)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def cell(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """The folder that JupyterLab serves, and the place of the lab's cell in its notebook."""
    folder = tmp_path_factory.mktemp("served")
    return folder, copy_notebook(folder)


@pytest.fixture(scope="session")
def notebook(browser: Any, cell: tuple[Path, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    """The notebook in JupyterLab, in a page of 1280 px; what goes wrong in the page is in `page.problems`."""
    environment = {
        "LABKIT_RUNS": str(tmp_path_factory.mktemp("runs")),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")])),
    }
    with jupyterlab(cell[0], tmp_path_factory.mktemp("jupyter"), environment) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.problems = []
        page.on("console", lambda said: page.problems.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("dialog", lambda dialog: dialog.accept())  # "leave this page?"
        notebook = Notebook(page, address, f"notebooks/{NOTEBOOK.name}")
        yield notebook
        notebook.execute("from labkit.jobs import launch\nlaunch.shutdown_server()")
        page.close()


@pytest.fixture
def lab(notebook: Notebook, cell: tuple[Path, int], runs_folder: Path) -> Iterator[LabPage]:
    """A fresh lab, with no run yet, the small settings, on the light theme. What still trains in the end is ended."""
    notebook.page.set_viewport_size({"width": 1280, "height": 900})
    notebook.set_theme("light")
    notebook.page.problems.clear()
    lab = LabPage(notebook, cell[1], runs_folder)
    yield lab
    launch.cancel_queued(runs_folder)
    for run in lab.store.live():
        run.stop()
    until(lambda: not lab.store.live(), 60, "the test's runs ended")
    notebook.execute("try:\n    lab.close()\nexcept NameError:\n    pass")


@pytest.fixture(scope="session")
def trained(notebook: Notebook, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a short run that has ended well, its weights kept."""
    runs = tmp_path_factory.mktemp("trained")
    config = RunConfig(train_limit=64, dev_limit=16, epochs=1)
    notebook.execute(
        "from pathlib import Path\nfrom labkit.config import RunConfig\nfrom labkit.jobs import launch\n"
        f"launch.submit(RunConfig(**{config.as_dict()!r}), Path({str(runs)!r}))"
    )
    run: Run = until(lambda: next(iter(RunStore(runs).runs()), None), 60, "a run folder")
    run.wait(timeout_s=120)
    assert run.state == "completed", run.finished
    return run.folder


@pytest.fixture
def one_run(trained: Path, runs_folder: Path) -> Path:
    """The lab's folder of runs holds that run."""
    runs_folder.mkdir(parents=True, exist_ok=True)
    aside = shutil.ignore_patterns(".*")  # what the run's own process may still be writing aside
    return Path(shutil.copytree(trained, runs_folder / trained.name, ignore=aside))
