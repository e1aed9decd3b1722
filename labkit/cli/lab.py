"""`labkit lab`: JupyterLab on the tuning notebook."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from labkit import paths
from labkit.messages import N_, Message


def open_jupyterlab(folder: Path, arguments: Sequence[str]) -> None:
    """Runs JupyterLab in this process, in a folder that gets the tuning notebook.

    Raises:
        ImportError: JupyterLab is not installed.
        OSError: the notebook cannot be written.
    """
    try:
        from jupyterlab.labapp import LabApp
    except ModuleNotFoundError as error:
        text = N_("JupyterLab cannot be imported ({reason}); install it by `python -m pip install jupyterlab`")
        raise ImportError(Message(text, reason=str(error))) from error

    notebook = _put_notebook(folder).relative_to(folder).as_posix()
    as_root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    LabApp.launch_instance([f"--LabApp.default_url=/lab/tree/{notebook}", *as_root, *arguments])


def _put_notebook(folder: Path) -> Path:
    """Copies the tuning notebook into a folder unless it is there; returns its path."""
    source = paths.shipped() / "notebooks" / "01_tuning_lab.ipynb"
    if paths.is_checkout() and source.is_relative_to(folder):
        return source
    copy = folder / source.name
    with contextlib.suppress(FileExistsError), open(copy, "xb") as file:  # never over one that was edited
        file.write(source.read_bytes())
    return copy
