"""The corpus menu: an upload becomes a corpus and is chosen; a failed one says why and changes nothing."""

import pytest

from labkit.lab.page_widgets import plain_text
from labkit.lab.settings_form import SettingsForm
from labkit.lab.upload_button import MAX_BYTES
from tests.waiting import until

BIO = b"EU\tB-ORG\nrejects\tO\n\nPeter\tB-PER\nBlackburn\tI-PER\n\n" * 3


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    control = SettingsForm(corpora=["wnut16"]).corpus
    control.input.value = "other…"
    return control


def upload(control, **files):
    """Sends files as the page does, and waits until they are stored."""
    message = {"kind": "files", "names": list(files)}
    control.upload_button._handle_custom_msg(message, list(map(memoryview, files.values())))
    until(lambda: not control.upload_button.disabled)


def test_uploads_are_offered_where_another_corpus_is_entered(corpus):
    assert corpus.upload_button.layout.display == corpus.other.layout.display == ""
    corpus.input.value = "wnut16"
    assert corpus.upload_button.layout.display == "none"


def test_an_upload_is_chosen_at_once(corpus):
    upload(corpus, **{"mine.txt": BIO})
    assert corpus.value == "mine"
    assert "mine" in corpus.input.options
    assert corpus.upload_button.layout.display == "none"


def test_a_file_that_is_no_corpus_says_why_and_leaves_the_choice(corpus):
    upload(corpus, **{"photo.png": b"\x89PNG"})
    assert corpus.value == "wnut16"
    assert "no train file among photo.png" in plain_text(corpus.widget)


def test_a_file_too_large_for_the_connection_is_told_where_to_go(corpus):
    corpus.upload_button._handle_custom_msg({"kind": "too large", "bytes": MAX_BYTES + 1}, [])
    assert "10 MB are more than the 9 MB" in plain_text(corpus.widget)
    assert "JupyterLab's file browser" in plain_text(corpus.widget)
