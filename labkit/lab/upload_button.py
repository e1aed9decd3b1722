"""Upload button: sends files from the user's browser to the kernel (anywidget)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from labkit.data.uploads import UploadedFile

# A message above 10 MiB, unless the server is configured otherwise, closes the page's connection to the kernel: that is
# tornado's default `websocket_max_message_size`, which jupyter-server leaves as it is.
MAX_BYTES = 9 * 2**20


class UploadButton(anywidget.AnyWidget):
    """Button that opens the browser's choice of files, and sends these in one message.

    Files above `max_bytes` together are not sent: only their size is. `disabled` greys it out.
    """

    _esm = Path(__file__).with_name("upload_button.js").read_text(encoding="utf-8")

    description = traitlets.Unicode().tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)
    max_bytes = traitlets.Int(MAX_BYTES).tag(sync=True)

    def __init__(
        self, on_files: Callable[[list[UploadedFile]], None], on_too_large: Callable[[int], None], **traits: Any
    ):
        """
        Args:
            on_files: called with the files.
            on_too_large: called with the bytes of files that were not sent.
        """
        self._on_files, self._on_too_large = on_files, on_too_large
        super().__init__(**traits)
        self.on_msg(self._on_message)

    def _on_message(self, _widget: Any, message: Any, buffers: Any) -> None:
        if message.get("kind") == "too large":
            self._on_too_large(message["bytes"])
        elif message.get("kind") == "files":
            contents = map(bytes, buffers)
            self._on_files([UploadedFile(*file) for file in zip(message["names"], contents, strict=True)])
