"""Control of the corpus: a menu, and under “other…” a path or an upload."""

import threading

import ipywidgets as widgets

from labkit.data.corpora import list_corpora
from labkit.data.uploads import UploadedFile, store_upload
from labkit.i18n.translation import tr
from labkit.lab.page_widgets import css_classes
from labkit.lab.setting_inputs import MenuControl
from labkit.lab.upload_button import MAX_BYTES, UploadButton
from labkit.messages import N_, Message, message_of

TOO_LARGE = N_(
    "{size} MB are more than the {limit} MB that can be uploaded here: upload them by JupyterLab's file browser, and "
    "enter their path here"
)


class CorpusControl(MenuControl):
    """Corpus menu that takes uploads: they become a corpus in `data/`, which is chosen at once."""

    def _make_input(self) -> widgets.Widget:
        menu = super()._make_input()
        self.upload_button = UploadButton(
            self._on_files,
            self._on_too_large,
            description=tr("Upload files or a .zip…"),
            layout=self.other.layout,  # shown and hidden with the field for a path
            **css_classes("labkit-upload", "labkit-popover"),
        )
        return menu

    def _make_rows(self) -> list[widgets.Widget]:
        return [*super()._make_rows(), self.upload_button]

    def _update_texts(self) -> None:
        super()._update_texts()
        self.upload_button.description = tr("Upload files or a .zip…")

    def _on_files(self, files: list[UploadedFile]) -> None:
        """Store the files in a thread, as reading them may take seconds."""
        self.upload_button.disabled = True
        threading.Thread(target=self._store, args=(files,), name="labkit-upload", daemon=True).start()

    def _store(self, files: list[UploadedFile]) -> None:
        try:
            name = store_upload(files)
        except (ValueError, OSError) as problem:
            with self._transaction():
                self._show_error(message_of(problem))
        else:
            with self._transaction():
                self.set_options(list_corpora())
                self.value = name
        finally:
            self.upload_button.disabled = False

    def _on_too_large(self, size: int) -> None:
        with self._transaction():
            self._show_error(Message(TOO_LARGE, size=-(-size // 2**20), limit=MAX_BYTES // 2**20))
