"""Downloads by the real pip from archives made here, without a network; encoder lookup."""

import dataclasses
import hashlib
import io
import json
import os
import platform
import shutil
import sys
import tarfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from labkit import paths
from labkit.data import downloads, encoders, pip_download
from labkit.data.corpora import list_corpora, read_corpus
from labkit.data.downloads import (
    CORPORA,
    ENCODERS,
    PRETRAINING_TEXTS,
    Asset,
    AssetError,
    AssetFile,
    fetch,
    is_present,
    locate_encoder,
    verify,
)
from labkit.file_lock import hold_lock

TRAIN = b"EU\tB-ORG\nrejects\tO\n\nso\tO\n\nit\tO\n\nis\tO\n"
BOMB = "import pathlib, os\npathlib.Path(os.environ['WAS_EXECUTED']).touch()\n"


@pytest.fixture
def index_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Only index of pip; labkit's home is empty."""
    place = tmp_path / "index"
    place.mkdir()
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(place))
    monkeypatch.setenv("WAS_EXECUTED", str(tmp_path / "executed"))
    return place


def a_wheel(index_dir: Path, files: dict[str, bytes]) -> Path:
    archive = index_dir / "toy_corpus-1.0-py3-none-any.whl"
    with zipfile.ZipFile(archive, "w") as zipped:
        for path, data in files.items():
            zipped.writestr(path, data)
        zipped.writestr("toy_corpus-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: toy-corpus\nVersion: 1.0\n")
        zipped.writestr(
            "toy_corpus-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        zipped.writestr("toy_corpus-1.0.dist-info/RECORD", "")
    return archive


def an_sdist(index_dir: Path, files: dict[str, bytes]) -> Path:
    archive = index_dir / "toy-corpus-1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for path, data in files.items():
            entry = tarfile.TarInfo(f"toy-corpus-1.0/{path}")
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return archive


def pinned(archive: Path, monkeypatch: pytest.MonkeyPatch, path: str = "toy/ner.txt", data: bytes = TRAIN) -> Asset:
    asset = Asset(
        name="toy",
        kind="corpus",
        requirement="toy-corpus==1.0",
        archive="wheel" if archive.suffix == ".whl" else "sdist",
        size=archive.stat().st_size,
        sha256=sha256(archive.read_bytes()),
        members=(AssetFile(path, "train.txt", len(data), sha256(data)),),
        about="",
        licence="",
        source="",
    )
    return registered(asset, monkeypatch)


def registered(asset: Asset, monkeypatch: pytest.MonkeyPatch) -> Asset:
    monkeypatch.setitem(CORPORA, asset.name, asset)
    return asset


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def everything_in_data() -> list[str]:
    return sorted(str(path.relative_to(paths.data())) for path in paths.data().rglob("*"))


def test_a_corpus_comes_out_of_a_wheel_and_reads(index_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pinned(a_wheel(index_dir, {"toy/ner.txt": TRAIN, "toy/__init__.py": BOMB.encode()}), monkeypatch)
    calls: list[tuple[str, int, int]] = []
    assert not is_present("toy")
    place = fetch("toy", lambda *progress: calls.append(progress))
    assert (place / "train.txt").read_bytes() == TRAIN
    assert everything_in_data() == ["toy", "toy/train.txt"]
    assert is_present("toy")
    assert verify("toy") == place
    assert "toy" in list_corpora()
    assert len(read_corpus("toy").train) == 3
    size = CORPORA["toy"].size
    assert calls[-1] == ("toy", size, size)
    assert [done for _, done, _ in calls] == sorted(done for _, done, _ in calls)


def test_a_corpus_comes_out_of_a_source_archive_whose_setup_is_never_run(
    index_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = BOMB + "from setuptools import setup\nsetup(name='toy-corpus', version='1.0')\n"
    files = {"setup.py": setup.encode(), "PKG-INFO": b"Metadata-Version: 2.1\nName: toy-corpus\nVersion: 1.0\n"}
    archive = an_sdist(index_dir, {**files, "toy/ner.txt": TRAIN})
    pinned(archive, monkeypatch, path="toy-corpus-1.0/toy/ner.txt")
    assert (fetch("toy") / "train.txt").read_bytes() == TRAIN
    assert not (tmp_path / "executed").exists()


def test_what_is_there_is_not_downloaded_again(index_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = a_wheel(index_dir, {"toy/ner.txt": TRAIN})
    pinned(archive, monkeypatch)
    place = fetch("toy")
    archive.unlink()
    assert fetch("toy") == place


def test_a_damaged_file_is_noticed_and_replaced_and_the_users_own_files_stay(
    index_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned(a_wheel(index_dir, {"toy/ner.txt": TRAIN}), monkeypatch)
    place = fetch("toy")
    (place / "dev.txt").write_text("mine O\n")
    (place / "train.txt").write_bytes(TRAIN[:-2] + b"X\n")
    assert is_present("toy")  # the size is right
    with pytest.raises(AssetError, match="instead of"):
        verify("toy")
    fetch("toy")
    assert verify("toy").joinpath("train.txt").read_bytes() == TRAIN
    assert everything_in_data() == ["toy", "toy/dev.txt", "toy/train.txt"]


FAULTS: dict[str, tuple[Callable[[Asset], Asset], str]] = {
    "another archive": (lambda asset: dataclasses.replace(asset, sha256="0" * 64), r"instead of 0{64}.*purge"),
    "another member": (
        lambda asset: dataclasses.replace(asset, members=(dataclasses.replace(asset.members[0], sha256="0" * 64),)),
        r"toy/ner\.txt in toy_corpus.*instead of 0{64}",
    ),
    "a missing member": (
        lambda asset: dataclasses.replace(asset, members=(dataclasses.replace(asset.members[0], path="toy/no.txt"),)),
        r"has no file toy/no\.txt",
    ),
    "an unknown package": (
        lambda asset: dataclasses.replace(asset, requirement="no-such-toy==1.0"),
        r"pip says: No matching distribution found for no-such-toy==1\.0; check the network",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_sentence_and_leaves_nothing_behind(
    index_dir: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    change, words = FAULTS[fault]
    registered(change(pinned(a_wheel(index_dir, {"toy/ner.txt": TRAIN}), monkeypatch)), monkeypatch)
    with pytest.raises(AssetError, match=words) as raised:
        fetch("toy")
    assert "\n" not in str(raised.value)
    assert everything_in_data() == []


def test_an_archive_that_is_cut_short_is_refused(index_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = an_sdist(index_dir, {"toy/ner.txt": TRAIN})
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    asset = pinned(archive, monkeypatch, path="toy-corpus-1.0/toy/ner.txt")  # even where the pin itself is of a stump
    monkeypatch.setattr(downloads, "download", lambda asset, scratch, progress: archive)
    with pytest.raises(AssetError, match="cannot be unpacked"):
        fetch(asset.name)
    assert everything_in_data() == []


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_download_ends_pip_and_leaves_nothing_behind(
    index_dir: Path, monkeypatch: pytest.MonkeyPatch, interrupt: type[BaseException]
) -> None:
    pinned(a_wheel(index_dir, {"toy/ner.txt": TRAIN}), monkeypatch)
    started: list[pip_download.subprocess.Popen[bytes]] = []
    real = pip_download.subprocess.Popen

    def remembered(*args: object, **kwargs: object) -> object:
        started.append(real(*args, **kwargs))  # type: ignore[call-overload]
        return started[-1]

    def progress(name: str, done: int, total: int) -> None:
        raise interrupt

    monkeypatch.setattr(pip_download.subprocess, "Popen", remembered)
    with pytest.raises(interrupt):
        fetch("toy", progress)
    assert [process.poll() is not None for process in started] == [True]
    assert everything_in_data() == []


def test_an_interruption_while_unpacking_leaves_nothing_behind(
    index_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = a_wheel(index_dir, {"toy/ner.txt": TRAIN})
    pinned(archive, monkeypatch)

    def interrupted(source: IO[bytes], target: IO[bytes], length: int) -> None:
        target.write(source.read())
        raise KeyboardInterrupt

    monkeypatch.setattr(downloads, "download", lambda asset, scratch, progress: archive)
    monkeypatch.setattr(shutil, "copyfileobj", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch("toy")
    assert everything_in_data() == []


def test_two_fetches_at_once_both_end_with_the_verified_folder(
    index_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = a_wheel(index_dir, {"toy/ner.txt": TRAIN})
    pinned(archive, monkeypatch)
    meet = threading.Barrier(4)
    ends: list[object] = []

    def download(asset: Asset, scratch: Path, progress: downloads.ProgressCallback) -> Path:
        meet.wait(30)  # all have found nothing there, and go on together
        return archive

    def fetching() -> None:
        try:
            ends.append(fetch("toy"))
        except Exception as error:
            ends.append(error)

    monkeypatch.setattr(downloads, "download", download)
    threads = [threading.Thread(target=fetching) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert ends == [paths.data() / "toy"] * 4
    assert verify("toy")
    assert everything_in_data() == ["toy", "toy/train.txt"]


def test_what_a_killed_download_left_is_swept_away_but_not_what_another_is_busy_with(
    index_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned(a_wheel(index_dir, {"toy/ner.txt": TRAIN}), monkeypatch)
    here = platform.node()
    names = [f"{here}-dead", f"{here}-busy", "elsewhere-far", "old"]
    dead, busy, far, old = (paths.data() / f".fetching-{name}" for name in names)
    for folder in (dead, busy, far, old):
        folder.mkdir(parents=True)
        (folder / ".lock").touch()
    os.utime(old, (0, 0))
    with hold_lock(busy / ".lock"):
        fetch("toy")
    assert [folder.exists() for folder in (dead, busy, far, old)] == [False, True, True, False]


@pytest.fixture
def without_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


@pytest.mark.usefixtures("without_pip")
def test_without_pip_a_corpus_comes_from_the_index_of_uv(index_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = a_wheel(index_dir, {"toy/ner.txt": TRAIN})
    pinned(archive, monkeypatch)
    (index_dir / "simple" / "toy-corpus").mkdir(parents=True)
    (index_dir / "simple" / "toy-corpus" / "index.html").write_text(f'<a href="{archive.as_uri()}">{archive.name}</a>')
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("UV_DEFAULT_INDEX", (index_dir / "simple").as_uri())
    assert (fetch("toy") / "train.txt").read_bytes() == TRAIN
    assert everything_in_data() == ["toy", "toy/train.txt"]


@pytest.mark.usefixtures("without_pip")
def test_without_pip_and_without_ensurepip_it_says_what_to_install(
    index_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned(a_wheel(index_dir, {"toy/ner.txt": TRAIN}), monkeypatch)
    python = tmp_path / "python3"
    python.write_text("#!/bin/sh\necho 'ensurepip is not available' >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(AssetError, match="uv pip install pip"):
        fetch("toy")
    assert everything_in_data() == []


def test_an_unknown_name_lists_what_can_be_fetched() -> None:
    for ask in (fetch, is_present, verify):
        with pytest.raises(AssetError, match="unknown asset 'no-such-thing': not one of minilm, wnut16, msra"):
            ask("no-such-thing")


def test_the_pins_are_well_formed_and_their_names_differ() -> None:
    every = [*ENCODERS.values(), *CORPORA.values(), *PRETRAINING_TEXTS.values()]
    assert len({asset.name for asset in every}) == len(every)
    assert set(downloads.DEFAULT_ASSETS) <= {asset.name for asset in every}
    for asset in every:
        assert "==" in asset.requirement
        assert all(len(found.sha256) == 64 and found.size > 0 for found in (asset, *asset.members))
        assert all(Path(member.target).name == member.target for member in asset.members)
        assert asset.licence
        assert asset.source.startswith("https://")


def test_a_text_to_pretrain_on_is_no_corpus_of_the_menu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    for text in PRETRAINING_TEXTS.values():
        for member in text.members:
            text.folder.mkdir(parents=True, exist_ok=True)
            (text.folder / member.target).touch()
    assert not {*PRETRAINING_TEXTS, "texts"} & set(list_corpora())


def test_the_defaults_are_fetched_and_whole() -> None:
    assert verify("minilm") == locate_encoder("minilm")
    assert verify("wnut16").name == "wnut16"
    assert verify("msra").name == "msra"


# --- locating encoders


def an_encoder(folder: Path, *files: str, model_type: str = "bert") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in files or ("model.safetensors", "tokenizer.json"):
        (folder / name).write_bytes(name.encode())
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    return folder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty cache of the hub, which cannot be reached."""
    import huggingface_hub.constants

    cache = tmp_path / "hub"
    cache.mkdir()
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return cache


def in_cache(hub: Path, name: str, *files: str, model_type: str = "bert") -> Path:
    repository = hub / f"models--{name.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("c0ffee")
    return an_encoder(repository / "snapshots" / "c0ffee", *files, model_type=model_type)


def test_a_folder_is_an_encoder_by_path_and_in_data_by_name(hub: Path) -> None:
    place = an_encoder(paths.data() / "encoders" / "mine")
    assert locate_encoder("mine") == locate_encoder(str(place)) == place
    assert encoders.list_encoders() == ["minilm", "mine", "tiny-zh"]


@pytest.mark.parametrize(
    ("config", "longest"),
    [
        ({"model_type": "bert", "max_position_embeddings": 512}, 512),
        ({"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1}, 512),
        ({"model_type": "roberta", "max_position_embeddings": 514}, 512),
        ({"model_type": "funnel"}, None),
        ({"model_type": "bert", "max_position_embeddings": "many"}, None),
        ([], None),
    ],
)
def test_how_long_a_window_may_be_is_known_of_whatever_is_here_without_a_network(
    hub: Path, config: object, longest: int | None
) -> None:
    for place in (in_cache(hub, "some/one"), an_encoder(paths.data() / "encoders" / "mine")):
        (place / "config.json").write_text(json.dumps(config))
    assert encoders.read_max_sequence_length("some/one") == encoders.read_max_sequence_length("mine") == longest
    for nowhere in ("some/other", "minilm", "../x", "a b"):
        assert encoders.read_max_sequence_length(nowhere) is None


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (("tokenizer.json",), r"no weights; expected model\.safetensors or pytorch_model\.bin"),
        (("tf_model.h5", "vocab.txt"), "no weights"),
        (("model.safetensors",), "no tokenizer"),
        (("adapter_model.safetensors", "tokenizer.json"), "no weights"),
    ],
)
def test_an_incomplete_folder_says_what_it_lacks(hub: Path, tmp_path: Path, files: tuple[str, ...], words: str) -> None:
    place = an_encoder(tmp_path / "some" / "encoder", *files)
    with pytest.raises(AssetError, match=words):
        locate_encoder(str(place))


@pytest.mark.parametrize("config", [None, "{", "[]", '{"model_type": 7}', "\xff"])
def test_a_folder_without_a_usable_config_is_told(hub: Path, tmp_path: Path, config: str | None) -> None:
    place = an_encoder(tmp_path / "encoder")
    (place / "config.json").unlink()
    if config is not None:
        (place / "config.json").write_text(config, encoding="latin-1")
    with pytest.raises(AssetError, match=r"config\.json"):
        locate_encoder(str(place))


@pytest.mark.parametrize("weights", ["model.safetensors", "pytorch_model.bin"])
def test_weights_in_several_files_are_all_asked_for(hub: Path, tmp_path: Path, weights: str) -> None:
    place = an_encoder(tmp_path / "encoder", "one", "vocab.txt")
    index = {"weight_map": {"a": "one", "b": "two"}}
    (place / f"{weights}.index.json").write_text(json.dumps(index))
    with pytest.raises(AssetError, match=rf"lacks two, which its {weights}\.index"):
        locate_encoder(str(place))
    (place / "two").touch()
    assert locate_encoder(str(place)) == place


def test_a_pinned_encoder_that_is_not_fetched_says_how_to_fetch_it(hub: Path) -> None:
    with pytest.raises(AssetError, match=r"labkit fetch.*84 MB"):
        locate_encoder("minilm")


def test_a_cached_hub_name_needs_no_network_and_is_in_the_menu(hub: Path) -> None:
    place = in_cache(hub, "someone/small-bert")
    in_cache(hub, "someone/writer", model_type="gpt2")
    in_cache(hub, "someone/half", "tokenizer.json")
    assert locate_encoder("someone/small-bert") == place
    assert encoders.list_encoders() == ["minilm", "tiny-zh", "someone/small-bert"]


@pytest.mark.parametrize("name", ["someone/else", "bert-base-uncased"])
def test_a_hub_name_without_network_and_cache_is_one_sentence_with_ways_out(hub: Path, name: str) -> None:
    with pytest.raises(
        AssetError, match=rf"'{name}' is not on this machine.*HF_ENDPOINT.*local folder.*minilm"
    ) as raised:
        locate_encoder(name)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "name", ["", " ", "/no/such/folder", "../up", "a b", "~nobody-here/x", "x" * 5000, "a/b/c", "a--b"]
)
def test_a_name_that_is_neither_folder_nor_hub_name_is_told(hub: Path, name: str) -> None:
    with pytest.raises(AssetError, match="minilm"):
        locate_encoder(name)


def the_hub_has(monkeypatch: pytest.MonkeyPatch, place: Path, files: list[str]) -> list[list[str]]:
    """Fakes a hub with one repository; returns the requested files of each download."""
    import huggingface_hub
    from huggingface_hub.utils import filter_repo_objects

    asked: list[list[str]] = []

    def snapshot_download(name: str, *, local_files_only: bool = False, **patterns: list[str]) -> str:
        if local_files_only:
            raise huggingface_hub.errors.LocalEntryNotFoundError("not cached")
        asked.append(list(filter_repo_objects(files, **patterns)))
        return str(an_encoder(place, *asked[-1]))

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return asked


def test_the_hub_is_asked_for_safetensors_and_text_only(
    hub: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wanted = ["config.json", "model.safetensors", "tokenizer.json", "spm.model", "vocab.txt"]
    others = ["pytorch_model.bin", "tf_model.h5", "modeling_own.py", "onnx/model.onnx", "coreml/weights.safetensors"]
    asked = the_hub_has(monkeypatch, tmp_path / "here", [*wanted, *others])
    assert locate_encoder("someone/else") == tmp_path / "here"
    assert asked == [wanted]


def test_the_hub_is_asked_for_torchs_weights_where_it_has_no_safetensors(
    hub: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As of hfl/chinese-roberta-wwm-ext."""
    text = ["config.json", "vocab.txt"]
    others = ["flax_model.msgpack", "tf_model.h5", "training_args.bin"]
    asked = the_hub_has(monkeypatch, tmp_path / "here", [*text, "pytorch_model.bin", *others])
    assert locate_encoder("someone/old") == tmp_path / "here"
    assert asked == [text, [*text, "pytorch_model.bin"]]


def test_a_hub_repository_without_weights_is_told(hub: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    the_hub_has(monkeypatch, tmp_path / "here", ["config.json", "vocab.txt", "tf_model.h5"])
    with pytest.raises(AssetError, match=r"'someone/old' from the hub has no weights"):
        locate_encoder("someone/old")


def test_the_hash_of_an_encoder_follows_weights_config_and_tokenizer_only(tmp_path: Path) -> None:
    place = an_encoder(tmp_path / "encoder")
    before = downloads.hash_encoder(place)
    (place / "README.md").write_text("words")
    assert downloads.hash_encoder(place) == before
    hashes = {before}
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        (place / name).write_text("changed")
        hashes.add(downloads.hash_encoder(place))
    assert len(hashes) == 4


def test_torchs_weights_decide_the_hash_where_they_are_what_is_loaded(tmp_path: Path) -> None:
    beside, alone = an_encoder(tmp_path / "beside"), an_encoder(tmp_path / "alone", "pytorch_model.bin", "vocab.txt")
    hashes = []
    for weights in ("one", "another"):
        for place in (beside, alone):
            (place / "pytorch_model.bin").write_text(weights)
            hashes.append(downloads.hash_encoder(place))
    assert hashes[0] == hashes[2]
    assert hashes[1] != hashes[3]


def hashed(place: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, int]:
    """Hash of an encoder's folder, and the number of files read for it."""
    read: list[str] = []
    whole = hashlib.file_digest
    with monkeypatch.context() as patch:
        patch.setattr(hashlib, "file_digest", lambda file, how: read.append(file.name) or whole(file, how))
        return downloads.hash_encoder(place), len(read)


def test_an_encoder_is_hashed_once_until_a_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = an_encoder(tmp_path / "encoder")
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "cache"))
    first, files = hashed(place, monkeypatch)
    assert hashed(place, monkeypatch) == (first, files)  # so new that a change might not show in its times
    monkeypatch.setattr(encoders, "_SETTLED_S", -1.0)
    assert hashed(place, monkeypatch) == (first, files)
    assert hashed(place, monkeypatch) == (first, 0)
    weights = (place / "model.safetensors").read_bytes()
    (place / "model.safetensors").write_bytes(weights[::-1] + b"changed")
    other, again = hashed(place, monkeypatch)
    assert (other != first, again) == (True, files)


@pytest.mark.parametrize("text", ["", "{", '""', "[1]"])
def test_a_damaged_note_of_an_encoders_hash_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    place = an_encoder(tmp_path / "encoder")
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(encoders, "_SETTLED_S", -1.0)
    first, files = hashed(place, monkeypatch)
    (note,) = (tmp_path / "cache" / "encoders").iterdir()
    note.write_text(text)
    assert hashed(place, monkeypatch) == (first, files)
    assert hashed(place, monkeypatch) == (first, 0)
