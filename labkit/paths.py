"""Where runs, corpora and encoders lie."""

import os
from pathlib import Path


def home() -> Path:
    """The folder that holds `data/` and `runs/`.

    `LABKIT_HOME` where it is set; else the checkout that this package lies in, so that notebooks and terminals see
    the same runs whatever folder they were started in; else, for an installed package, the current folder.
    """
    if named := os.environ.get("LABKIT_HOME"):
        return Path(named).expanduser().resolve()
    checkout = Path(__file__).resolve().parent.parent
    return checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()


def runs() -> Path:
    """The folder of run folders; `LABKIT_RUNS` moves it."""
    named = os.environ.get("LABKIT_RUNS")
    return Path(named).expanduser().resolve() if named else home() / "runs"


def cache() -> Path:
    """The folder of what can be made anew at any time; `LABKIT_CACHE` moves it."""
    named = os.environ.get("LABKIT_CACHE")
    return Path(named).expanduser().resolve() if named else home() / "cache"


def data() -> Path:
    """The folder whose sub-folders are the corpora of the menu; fetched encoders lie in its `encoders/`."""
    return home() / "data"


def require_dir(folder: Path) -> None:
    """For what writes into a folder in use: made anew, it would lack all else. Raises FileNotFoundError in words."""
    if not folder.is_dir():
        raise FileNotFoundError(f"the folder {folder} is gone; it was deleted or renamed while it was in use")
