"""A vocabulary of single characters, and the tokenizer that makes one token of each.

How a text is read: control characters go, accents go (é is e), letters become small, and forms of one character
become one: full-width ９ is 9, ， is a comma, compatibility forms of Chinese characters are the usual ones (Unicode's
NFKC). So "WTO" and "ＷＴＯ" are three tokens each, the same ones. A character that NFKC would spell out, such as ①
or ㎡, may become several.
"""

import string
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from labkit.pretraining.packing import Array

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
BASE_CHARACTERS = (*string.ascii_lowercase, *string.digits, *string.punctuation, *"、。“”‘’《》〈〉「」『』【】—·⋯")
# What a tokenizer that makes one word of a run of these asks for: "wto" is w ##t ##o there. Copies of the letters.
CONTINUATION_TOKENS = tuple(f"##{each}" for each in (*string.ascii_lowercase, *string.digits))


def build_normalizer() -> Any:
    """What every text goes through first. An ellipsis stays one character, where NFKC alone would make three dots."""
    return normalizers.Sequence(
        [
            normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=True, lowercase=True),
            normalizers.Replace("…", "⋯"),
            normalizers.NFKC(),
        ]
    )


def count_characters(texts: Iterable[str]) -> Counter[str]:
    """How often each character occurs in normalised texts, white space left out."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    for each in [each for each in counts if each.isspace()]:
        del counts[each]
    return counts


def build_vocabulary(counts: Counter[str], size: int, min_count: int = 2) -> list[str]:
    """Tokens by number: marks, what always has a token, then characters from the most frequent on, at most `size`.

    Args:
        least: how often a character must occur to get a token, as one that occurs once cannot be learnt.

    Raises ValueError where the size leaves no room for characters.
    """
    fixed = [*SPECIAL_TOKENS, *CONTINUATION_TOKENS, *BASE_CHARACTERS]
    if size <= len(fixed):
        raise ValueError(f"vocabulary must be larger than {len(fixed)}, its marks and Latin characters, not {size}")
    known = set(fixed)
    ordered = sorted(counts.items(), key=lambda found: (-found[1], found[0]))
    return [*fixed, *(each for each, count in ordered if count >= min_count and each not in known)][:size]


def build_tokenizer(vocabulary: list[str], max_length: int) -> Any:
    """A tokenizer that makes each character one token. Its folder loads by AutoTokenizer.

    Args:
        longest: the tokens that its encoder can take.
    """
    numbers = {token: number for number, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(numbers, unk_token="[UNK]"))
    tokenizer.normalizer = build_normalizer()
    alone = pre_tokenizers.Split(Regex("."), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), alone])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(mark, numbers[mark]) for mark in ("[CLS]", "[SEP]")],
    )
    tokenizer.decoder = decoders.WordPiece()
    marks = {f"{mark.strip('[]').lower()}_token": mark for mark in SPECIAL_TOKENS}
    inputs = ["input_ids", "token_type_ids", "attention_mask"]
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=max_length, model_input_names=inputs, **marks
    )


def save_tokenizer(tokenizer: Any, vocabulary: list[str], folder: Path) -> None:
    """tokenizer.json, tokenizer_config.json, and vocab.txt for tools that know no other."""
    tokenizer.save_pretrained(folder)
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in vocabulary), encoding="utf-8")


class TokenLookup:
    """Token numbers of normalised characters, a text at a time: a table lookup, as no tokenizer is as fast."""

    def __init__(self, vocabulary: list[str]):
        self._table = np.full(0x110000, SPECIAL_TOKENS.index("[UNK]"), np.int32)
        for number, token in enumerate(vocabulary):
            if len(token) == 1:
                self._table[ord(token)] = number

    def __call__(self, text: str) -> Array:
        """(characters,) int32."""
        return self._table[np.frombuffer(text.encode("utf-32-le"), np.uint32)]
