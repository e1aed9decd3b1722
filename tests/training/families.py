"""Small random encoders of the families that are used most, in folders as the hub has them, and two tiny corpora."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import (
    AlbertConfig,
    AlbertTokenizer,
    AutoModel,
    BertConfig,
    BertTokenizer,
    DebertaV2Config,
    DebertaV2Tokenizer,
    DistilBertConfig,
    ElectraConfig,
    RobertaConfig,
    RobertaTokenizer,
)

PEOPLE, PLACES = ("王小明", "李华", "张大山", "陈静"), ("北京", "上海", "广州", "南京")
CHINESE = ("{p}住在{l}。", "昨天{p}去了{l}，很冷。", "{l}下雨了！", "今天没有NEWS，2019年。")
ENGLISH = ("anna", "ben", "clara", "lives", "in", "went", "to", "yesterday", "berlin", "paris", "it", "rains", ".", ",")
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
CHARACTERS = sorted({letter for text in (*CHINESE, *PEOPLE, *PLACES) for letter in text if not letter.isascii()})


def chinese_corpus(folder: Path) -> Path:
    """A character a line, as MSRA has it: 40 sentences to train on and 12 to score."""
    folder.mkdir()
    for part, numbers in (("train", range(40)), ("dev", range(40, 52))):
        (folder / f"{part}.txt").write_text("\n".join(map(_chinese_sentence, numbers)), encoding="utf-8")
    return folder


def _chinese_sentence(number: int) -> str:
    lines = []
    for part in CHINESE[number % 4].replace("{", "\0{").replace("}", "}\0").split("\0"):
        names = {"{p}": ("PER", PEOPLE[number // 4 % 4]), "{l}": ("LOC", PLACES[(number // 4 + number) % 4])}
        kind, text = names.get(part, ("", part))
        tags = [f"B-{kind}", *[f"I-{kind}"] * (len(text) - 1)] if kind else ["O"] * len(text)
        lines += [f"{letter}\t{tag}\n" for letter, tag in zip(text, tags, strict=True)]
    return "".join(lines)


def word_pieces() -> dict[str, int]:
    """A vocabulary in the order of BERT's."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tails = [f"##{letter}" for letter in LETTERS]
    return {token: place for place, token in enumerate([*special, *LETTERS, *tails, *CHARACTERS, *ENGLISH])}


def _unigrams(*special: str) -> list[tuple[str, float]]:
    """No piece of more than a character but English words, so that a Chinese word comes with a `▁` of its own."""
    pieces = [("▁", -2.0), *((f"▁{word}", -1.0) for word in ENGLISH if word.isalpha() and len(word) > 1)]
    pieces += [(letter, -3.0) for letter in [*LETTERS, *".,", *CHARACTERS]]
    return [*((token, 0.0) for token in special), *pieces]


def _of_bytes() -> Any:
    texts = [text.format(p=PEOPLE[0], l=PLACES[0]) for text in CHINESE] + [" ".join(ENGLISH)] * 4
    trained = ByteLevelBPETokenizer(add_prefix_space=False)  # as roberta-base is told: words come apart by labkit
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained.train_from_iterator(texts, vocab_size=330, min_frequency=2, special_tokens=special, show_progress=False)
    model = json.loads(trained._tokenizer.to_str())["model"]
    return RobertaTokenizer(vocab=model["vocab"], merges=[tuple(pair) for pair in model["merges"]])


def _bert(vocabulary: int) -> Any:
    return BertConfig(vocab_size=vocabulary, intermediate_size=64, max_position_embeddings=40, **_SIZES)


_SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
FAMILIES: dict[str, tuple[Callable[[], Any], Callable[[int], Any]]] = {
    "bert": (lambda: BertTokenizer(vocab=word_pieces()), _bert),
    "roberta": (
        _of_bytes,
        lambda size: RobertaConfig(
            vocab_size=size, intermediate_size=64, max_position_embeddings=42, pad_token_id=1, **_SIZES
        ),
    ),
    "electra": (
        lambda: BertTokenizer(vocab=word_pieces()),
        lambda size: ElectraConfig(
            vocab_size=size, embedding_size=16, intermediate_size=64, max_position_embeddings=40, **_SIZES
        ),
    ),
    "albert": (
        lambda: AlbertTokenizer(vocab=_unigrams("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]")),
        lambda size: AlbertConfig(
            vocab_size=size, embedding_size=16, intermediate_size=64, max_position_embeddings=40, **_SIZES
        ),
    ),
    "distilbert": (
        lambda: BertTokenizer(vocab=word_pieces()),
        lambda size: DistilBertConfig(
            vocab_size=size, dim=32, hidden_dim=64, n_layers=2, n_heads=2, max_position_embeddings=40
        ),
    ),
    "deberta-v2": (
        lambda: DebertaV2Tokenizer(vocab=_unigrams("[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]")),
        lambda size: DebertaV2Config(
            vocab_size=size, intermediate_size=64, max_position_embeddings=40, relative_attention=True,
            pos_att_type=["p2c", "c2p"], position_buckets=16, norm_rel_ebd="layer_norm", share_att_key=True,
            position_biased_input=False, conv_kernel_size=3, conv_act="gelu", **_SIZES,
        ),
    ),
}  # fmt: skip


def encoder_of(family: str, folder: Path) -> Path:
    """The folder of a random encoder of that family, as `save_pretrained` writes it."""
    make_tokenizer, make_config = FAMILIES[family]
    tokenizer = make_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModel.from_config(make_config(len(tokenizer)))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
