"""Encoder that comes with labkit: whole, small, and readable by transformers alone."""

import hashlib

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from labkit import paths
from labkit.data.encoders import list_encoders, locate_encoder
from labkit.presets import STARTER_PAIRS

FOLDER = paths.data() / "encoders" / "tiny-zh"
POSITIONS = 128


def test_it_is_what_its_sums_say_and_no_more_than_12_mb() -> None:
    expected = dict(reversed(line.split("  ")) for line in (FOLDER / "SHA256SUMS").read_text().splitlines())
    files = {path.name: path for path in FOLDER.iterdir() if path.name not in ("SHA256SUMS", "README.md")}
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()} == expected
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 12e6


def test_it_is_in_the_menu_and_in_a_pair() -> None:
    assert STARTER_PAIRS["chinese"].encoder == FOLDER.name
    assert FOLDER.name in list_encoders()
    assert locate_encoder(FOLDER.name) == FOLDER


@pytest.mark.filterwarnings("ignore")
def test_transformers_loads_it_and_reads_a_character_as_a_token() -> None:
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    encoder = AutoModel.from_pretrained(FOLDER, dtype=torch.float32).eval()
    assert (encoder.config.max_position_embeddings, tokenizer.model_max_length) == (POSITIONS, POSITIONS)
    text = "李雷2024年去了北京ＷＴＯ大厦。"
    assert tokenizer.tokenize(text) == list("李雷2024年去了北京wto大厦。")
    read = tokenizer([text, "北京"], padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = encoder(**read).last_hidden_state
    assert hidden.shape == (2, len(text) + 2, encoder.config.hidden_size)
    assert torch.isfinite(hidden).all()


def test_it_knows_places_from_times() -> None:
    """In one sentence frame, two words of a kind are more alike than one of each."""
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    encoder = AutoModel.from_pretrained(FOLDER, dtype=torch.float32).eval()
    words = ("北京", "上海", "早上", "晚上")
    read = tokenizer([f"他们在{word}见面。" for word in words], return_tensors="pt")
    with torch.no_grad():
        vectors = encoder(**read).last_hidden_state[:, 4:6].mean(1)
    alike = torch.cosine_similarity(vectors[:, None], vectors[None], dim=-1)
    assert min(alike[0, 1], alike[2, 3]) > alike[:2, 2:].max()
