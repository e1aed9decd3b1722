"""Data sets of the hub: fetched by the real client from a hub of our own, or told why not."""

import hashlib
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import datasets
import pytest

from labkit.data.corpora import Corpus, read_corpus
from labkit.data.hub_datasets import fetch_dataset

Files = dict[str, bytes]
CONVERTED = "refs/convert/parquet"
BIO = "EU\tB-ORG\nrejects\tO\n\nPeter\tB-PER\nBlackburn\tI-PER\n\nno\tO\n\n"
NAMES = ["O", "B-PER", "I-PER"]


def parquet(*first_words: str) -> bytes:
    """Rows as the hub converts them: label numbers, named by the features."""
    tags = datasets.List(datasets.ClassLabel(names=NAMES))
    features = datasets.Features({"tokens": datasets.List(datasets.Value("string")), "ner_tags": tags})
    rows = {"tokens": [[word, "Lee", "won"] for word in first_words], "ner_tags": [[1, 2, 0]] * len(first_words)}
    buffer = io.BytesIO()
    datasets.Dataset.from_dict(rows, features=features).to_parquet(buffer)
    return buffer.getvalue()


class Hub(BaseHTTPRequestHandler):
    """The requests that huggingface_hub sends: list the files of a revision, and get one."""

    repositories: dict[str, dict[str, Files]]  # by name and revision
    gated: set[str]

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if path.startswith("/api/datasets/"):
            name, _, revision = path.removeprefix("/api/datasets/").partition("/tree/")
            files = self.find(name, revision)
            if files is not None:
                listed = [{"type": "file", "path": at, "size": len(data), "oid": "0"} for at, data in files.items()]
                self.answer(json.dumps(listed).encode())
        else:
            name, _, rest = path.removeprefix("/datasets/").partition("/resolve/")
            revision = next(each for each in (CONVERTED, "main", "c0ffee" * 7) if rest.startswith(f"{each}/"))
            files = self.find(name, revision)
            if files is not None:
                data = files[rest.removeprefix(f"{revision}/")]
                commit = hashlib.sha1(revision.encode()).hexdigest()
                self.answer(data, {"X-Repo-Commit": commit, "ETag": f'"{hashlib.sha256(data).hexdigest()}"'})

    do_HEAD = do_GET

    def find(self, name: str, revision: str) -> Files | None:
        """Files of a revision; answers with the error if there is none."""
        if name in self.gated:
            self.answer(b"", {"X-Error-Code": "GatedRepo"}, 403)
        elif name not in self.repositories:
            self.answer(b"", {"X-Error-Code": "RepoNotFound"}, 404)
        elif revision not in self.repositories[name]:
            self.answer(b"", {"X-Error-Code": "RevisionNotFound"}, 404)
        else:
            return self.repositories[name][revision]
        return None

    def answer(self, data: bytes, headers: dict[str, str] | None = None, status: int = 200) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    """An empty hub, and an empty folder of corpora."""
    import huggingface_hub.constants as constants

    Hub.repositories, Hub.gated = {}, set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    settings: dict[str, Any] = {"ENDPOINT": endpoint, "HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": False}
    for name, value in settings.items():
        monkeypatch.setattr(constants, name, value)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", endpoint + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    yield Hub
    server.shutdown()
    server.server_close()


def fetch(name: str = "someone/names", subset: str = "") -> Corpus:
    return read_corpus(fetch_dataset(name, subset))


def first_words(corpus: Corpus) -> list[str]:
    """First words of the splits, in their order."""
    return [" ".join(sentence.words[0] for sentence in split) for split in (corpus.train, corpus.dev, corpus.test)]


def test_what_the_hub_converts_is_fetched_in_all_its_parts(hub: type[Hub], tmp_path: Path) -> None:
    converted = {
        "default/train/0000.parquet": parquet("Ann", "Bo"),
        "default/train/0001.parquet": parquet("Cy"),
        "default/validation/0000.parquet": parquet("Di"),
        "default/test/0000.parquet": parquet("Ed"),
        "default/test_unseen/0000.parquet": parquet("Flo"),
    }
    hub.repositories = {"someone/names": {CONVERTED: converted, "main": {"names.py": b"raise SystemExit"}}}
    corpus = fetch()
    assert (corpus.name, first_words(corpus)) == ("names", ["Ann Bo Cy", "Di", "Ed"])
    assert corpus.train[0].tags == ("B-PER", "I-PER", "O")
    assert fetch_dataset("someone/names") == "names-2"
    stored = {path.relative_to(tmp_path / "home").as_posix() for path in (tmp_path / "home").rglob("*.*")}
    assert "data/names/train-0001.parquet" in stored
    assert not [path for path in stored if path.endswith(".py")]


def test_one_of_several_subsets_is_chosen(hub: type[Hub]) -> None:
    converted = {
        f"{name}/{split}/0000.parquet": parquet(name, name) for name in ("de", "en") for split in ("train", "test")
    }
    hub.repositories = {"someone/names": {CONVERTED: converted | {"fr/test/0000.parquet": parquet("fr")}}}
    corpus = fetch(subset="en")
    assert (corpus.name, corpus.train[0].words[0]) == ("names-en", "en")
    with pytest.raises(ValueError, match=r"'someone/names' has several subsets; choose one by --subset: de, en$"):
        fetch()
    with pytest.raises(ValueError, match=r"has no subset 'fr'; it has de, en$"):
        fetch(subset="fr")


@pytest.mark.parametrize("folder", ["", "data/", "data/conll/"])
def test_without_a_conversion_the_files_themselves_are_fetched(hub: type[Hub], folder: str) -> None:
    texts = {f"{folder}{name}": BIO.encode() for name in ("eng.train.txt", "eng.testa.txt", "eng.testb.txt")}
    hub.repositories = {"someone/names": {"main": {"README.md": b"# train", "names.py": b"", **texts}}}
    assert first_words(fetch()) == ["EU Peter no"] * 3


def test_a_data_set_that_no_format_reads_is_refused_and_leaves_nothing(hub: type[Hub], tmp_path: Path) -> None:
    hub.repositories = {"someone/names": {"main": {"train.csv": b"a,b\n1,2\n"}, CONVERTED: {"README.md": b""}}}
    with pytest.raises(ValueError, match=r"names/train\.csv:1: "):
        fetch()
    hub.repositories = {"someone/names": {"main": {"names.py": b"", "all.zip": b""}}}
    with pytest.raises(ValueError, match=r"no train split in a format that is read; its files: names\.py, all\.zip$"):
        fetch()
    assert not [*(tmp_path / "home" / "data").glob("*")]


def test_a_data_set_that_is_not_there_or_not_open_is_told(hub: type[Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    hub.gated = {"someone/secret"}
    with pytest.raises(ValueError, match="access to the data set 'someone/secret' must be asked for"):
        fetch("someone/secret")
    with pytest.raises(ValueError, match="the hub has no public data set 'someone/else'"):
        fetch("someone/else")
    with pytest.raises(ValueError, match="no name of a data set"):
        fetch("someone/else/too")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match=r"'someone/else' could not be fetched .*HF_ENDPOINT") as raised:
        fetch("someone/else")
    assert "\n" not in str(raised.value)


def test_a_corpus_that_may_be_on_the_hub_is_told_how_to_fetch_it() -> None:
    with pytest.raises(ValueError, match="fetched by `labkit fetch NAME`"):
        read_corpus("someone/names")
