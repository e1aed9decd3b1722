"""Character-level vocabulary and tokenizer: one token per character.

The normalizer removes control characters and accents (é becomes e), lowercases, and unifies the forms of a character
(Unicode's NFKC): full-width ９ is 9, ， is a comma, compatibility forms of Chinese characters become the usual ones.
So "WTO" and "ＷＴＯ" are the same three tokens. A character that NFKC spells out, like ① or ㎡, may become several.
"""

import string
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from labkit.data.windows import Array
from labkit.messages import N_, Message

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PAD, UNK, CLS, SEP, MASK = range(len(SPECIAL_TOKENS))  # ids
BASE_CHARACTERS = (*string.ascii_lowercase, *string.digits, *string.punctuation, *"、。“”‘’《》〈〉「」『』【】—·⋯")
# For tokenizers that make one word of a run of letters: there "wto" is w ##t ##o. The embeddings are copied.
CONTINUATION_TOKENS = tuple(f"##{character}" for character in (*string.ascii_lowercase, *string.digits))


def build_normalizer() -> Any:
    """Builds the normalizer of all texts.

    An ellipsis stays one character; NFKC alone would make three dots of it.
    """
    return normalizers.Sequence(
        [
            normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=True, lowercase=True),
            normalizers.Replace("…", "⋯"),
            normalizers.NFKC(),
        ]
    )


def build_vocabulary(counts: Counter[str], size: int, min_count: int = 2) -> list[str]:
    """Builds the list of tokens, the index being the id.

    Special tokens and the tokens that are always there come first, then characters from the most frequent on. Raises
    ValueError if `size` leaves no room for characters.

    Args:
        size: tokens at most.
        min_count: occurrences that a character needs for a token; one that occurs once cannot be learnt.
    """
    fixed = [*SPECIAL_TOKENS, *CONTINUATION_TOKENS, *BASE_CHARACTERS]
    if size <= len(fixed):
        text = N_("vocabulary must be larger than {fixed}, its special tokens and Latin characters, not {size}")
        raise ValueError(Message(text, fixed=len(fixed), size=size))
    known = set(fixed)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [*fixed, *(token for token, count in ordered if count >= min_count and token not in known)][:size]


def build_tokenizer(vocabulary: list[str], max_length: int) -> Any:
    """Builds a fast tokenizer with one token per character, for AutoTokenizer.

    Args:
        max_length: tokens of the longest sequence that the encoder can read.
    """
    ids = {token: index for index, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = build_normalizer()
    characters = pre_tokenizers.Split(Regex("."), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), characters])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, ids[token]) for token in ("[CLS]", "[SEP]")],
    )
    tokenizer.decoder = decoders.WordPiece()
    special_tokens = {f"{token.strip('[]').lower()}_token": token for token in SPECIAL_TOKENS}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=max_length,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **special_tokens,
    )


def save_tokenizer(tokenizer: Any, vocabulary: list[str], folder: Path) -> None:
    """Writes tokenizer.json, tokenizer_config.json, and vocab.txt for older tools."""
    tokenizer.save_pretrained(folder)
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in vocabulary), encoding="utf-8")


class TokenLookup:
    """Table from characters to token ids, faster than a tokenizer."""

    def __init__(self, vocabulary: list[str]):
        self._table = np.full(0x110000, UNK, np.int32)
        for index, token in enumerate(vocabulary):
            if len(token) == 1:
                self._table[ord(token)] = index

    def __call__(self, text: str) -> Array:
        """Token id of each character, (characters,) int32."""
        return self._table[np.frombuffer(text.encode("utf-32-le"), np.uint32)]
