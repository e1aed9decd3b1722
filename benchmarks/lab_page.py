"""The lab on a real JupyterLab page, in chromium."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kernel import OPEN

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the browser tests' harness


def can_browse() -> bool:
    try:
        import playwright.sync_api  # noqa: F401

        from tests.browser.jupyter import find_chromium
    except ImportError:
        return False
    return find_chromium() is not None


@contextmanager
def lab_page(runs: Path, settings: dict[str, Any]) -> Iterator[Any]:
    """A notebook that shows the lab, open in chromium."""
    import nbformat
    from playwright.sync_api import sync_playwright

    from tests.browser.jupyter import FLAGS, Notebook, find_chromium, jupyterlab

    home, notebooks = runs.with_name(f"{runs.name}-home"), runs.with_name(f"{runs.name}-notebooks")
    home.mkdir()
    notebooks.mkdir()
    cell = nbformat.v4.new_code_cell(OPEN.format(runs=str(runs), settings=settings))
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}  # or JupyterLab asks which, and waits
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=kernel), notebooks / "lab.ipynb")
    with jupyterlab(notebooks, home, {}) as address, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield Notebook(browser.new_page(viewport={"width": 1280, "height": 1400}), address, "lab.ipynb")
        browser.close()
