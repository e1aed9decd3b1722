"""Buttons that answer while a cell runs.

JupyterLab sends a widget's messages to a subshell, a second thread of the kernel (jupyterlab#17363). ipykernel 7.4
however routes them back to the shell that last published on the widget, so that a button whose state changed from a
cell waits for the next cell to end. Forgetting that shell sends its messages to the subshell again.
"""

from typing import Any


def answer_at_once(*buttons: Any) -> None:
    """To be called after a button was made, and after each change of one from a cell.

    Touches a private name of ipykernel; where that is gone, nothing happens, and a browser test tells.
    """
    for button in buttons:
        comm = getattr(button, "comm", None)
        if comm is not None:
            comm.__dict__.pop("_reply_subshell_id", None)
