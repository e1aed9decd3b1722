"""A tiny encoder, a tiny corpus, and a world without a network: what every test may lean on."""

import ipaddress
import os
import shutil
import socket
import string
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"  # read by huggingface_hub when it is imported, so before anything else
os.environ["TOKENIZERS_PARALLELISM"] = "false"
# A model so small is slower on several threads, a hundred times so where other processes want the same cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

PEOPLE = ("anna", "ben", "clara", "david", "emma", "felix", "greta", "hugo", "ida", "jonas")
PLACES = ("berlin", "paris", "oslo", "rome", "vienna", "lisbon", "prague", "dublin", "cairo", "lima")
# {p} is a person and {l} a place; every second name gets a second word, so that entities have an inside.
PATTERNS = (
    "{p} lives in {l} .",
    "yesterday {p} went to {l} .",
    "in {l} it rains a lot .",
    "we saw {p} at the old station .",
    "does {p} like {l} ?",
    "nothing new here today .",
)
COMMON = (
    "the a of in to and is it he she we you they at on for with from by not this that was are be has had do does did "
    "lives went saw like old new here today yesterday nothing lot rains station city north south east west street "
    "good bad big small day night time home work people name place"
)


@pytest.fixture(autouse=True)
def runs_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has its own, empty folder of runs, and LABKIT_RUNS names it."""
    folder = tmp_path / "runs"
    monkeypatch.setenv("LABKIT_RUNS", str(folder))
    return folder


@pytest.fixture(autouse=True, scope="session")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What is kept between runs is kept between tests, but apart from the user's."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABKIT_CACHE", str(folder))
        yield folder


@pytest.fixture(autouse=True, scope="session")
def server_folder() -> Iterator[str]:
    """Fork servers are the tests' own, so that ending them ends no user's."""
    from labkit.jobs import fork_client

    folder = tempfile.mkdtemp(prefix="labkit-")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)
        yield folder
        fork_client.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Connecting to anything but this machine raises ConnectionRefusedError."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", _guarded(socket.socket.connect))
        patch.setattr(socket.socket, "connect_ex", _guarded(socket.socket.connect_ex))
        yield


def _guarded(connect: Any) -> Any:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            raise ConnectionRefusedError(f"tests have no network: {address!r}")
        return connect(self, address)

    return guarded


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a random BERT with 2 layers of 32 values: config, safetensors weights, fast tokenizer."""
    import torch
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("tiny-encoder")
    tokenizer = _tiny_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = BertModel(
            BertConfig(
                vocab_size=len(tokenizer),
                hidden_size=32,
                num_hidden_layers=2,
                num_attention_heads=2,
                intermediate_size=64,
                max_position_embeddings=128,
            )
        )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tiny_tokenizer() -> Any:
    """WordPiece over single characters, the common words and half of the names; the other half comes in pieces."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [*string.ascii_lowercase, *string.digits]
    words = [*COMMON.split(), *PEOPLE[::2], *PLACES[::2]]
    vocabulary = [*special, *letters, *("##" + letter for letter in letters), *".,?!-'\"()@#:", *words]
    vocabulary = list(dict.fromkeys(vocabulary))
    tokenizer = Tokenizer(models.WordPiece({token: i for i, token in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=128,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train.txt (40 sentences), dev.txt (10) and test.txt (10), CoNLL columns, entities PER and LOC."""
    folder = tmp_path_factory.mktemp("tiny-corpus")
    sentences = [_sentence(number) for number in range(60)]
    for name, part in (("train", sentences[:40]), ("dev", sentences[40:50]), ("test", sentences[50:])):
        (folder / f"{name}.txt").write_text("\n".join(part), encoding="utf-8")
    return folder


def _sentence(number: int) -> str:
    """Lines `word TAB tag` of one sentence, an empty line after them."""
    person, place = PEOPLE[number * 7 % 10], PLACES[number * 3 % 10]
    entities = {
        "{p}": [(person, "B-PER")] + ([("smith", "I-PER")] if number % 2 else []),
        "{l}": [(place, "B-LOC")] + ([("city", "I-LOC")] if number % 3 == 0 else []),
    }
    lines = []
    for word in PATTERNS[number % len(PATTERNS)].split():
        lines += [f"{text}\t{tag}\n" for text, tag in entities.get(word, [(word, "O")])]
    return "".join(lines)
