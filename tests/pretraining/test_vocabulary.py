"""One character is one token."""

from collections import Counter
from typing import Any

import pytest
from transformers import AutoTokenizer, BertConfig

from labkit.pretraining.texts import normalize_text
from labkit.pretraining.vocabulary import (
    BASE_CHARACTERS,
    SPECIAL_TOKENS,
    TokenLookup,
    build_tokenizer,
    build_vocabulary,
    save_tokenizer,
)

TEXT = "中国加入WTO，１９９８年ＡＢＣ公司……“iPhone 15”！"


@pytest.fixture(scope="module")
def vocabulary() -> list[str]:
    return build_vocabulary(Counter(dict.fromkeys("中国加入年公司", 9) | {"罕": 1}), 500)


@pytest.fixture(scope="module")
def tokenizer(vocabulary: list[str], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """As AutoTokenizer loads it from the folder that an encoder comes in."""
    folder = tmp_path_factory.mktemp("tokenizer")
    BertConfig().save_pretrained(folder)
    save_tokenizer(build_tokenizer(vocabulary, 64), vocabulary, folder)
    assert (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1] == vocabulary
    return AutoTokenizer.from_pretrained(folder)


def test_marks_come_first_and_frequent_characters_before_rare_ones() -> None:
    found = build_vocabulary(Counter({"乙": 3, "甲": 7, "丙": 2, "丁": 1}), 500)
    assert tuple(found[:5]) == SPECIAL_TOKENS
    assert found[-3:] == ["甲", "乙", "丙"]
    assert len(set(found)) == len(found)
    assert build_vocabulary(Counter({"乙": 3, "甲": 7}), len(found) - 2)[-1] == "甲"


def test_a_vocabulary_without_room_for_characters_is_told() -> None:
    with pytest.raises(ValueError, match="vocabulary must be larger than"):
        build_vocabulary(Counter("中国"), 50)


def test_every_character_is_one_token_and_none_is_unknown(tokenizer: Any) -> None:
    found = tokenizer(TEXT, add_special_tokens=False, return_offsets_mapping=True)
    characters = [place for place, each in enumerate(TEXT) if not each.isspace()]
    assert found["offset_mapping"] == [(place, place + 1) for place in characters]
    assert tokenizer.unk_token_id not in found["input_ids"]


@pytest.mark.parametrize("character", [*BASE_CHARACTERS, *"ＺａＱ９，！é…"])
def test_a_latin_character_a_digit_or_a_mark_is_never_unknown(tokenizer: Any, character: str) -> None:
    alone = tokenizer([character], is_split_into_words=True, add_special_tokens=False)["input_ids"]
    assert len(alone) == 1
    assert alone != [tokenizer.unk_token_id]


def test_forms_of_a_character_are_one_token(tokenizer: Any) -> None:
    assert tokenizer("ＷＴＯ９")["input_ids"] == tokenizer("wto9")["input_ids"] == tokenizer("WTO9")["input_ids"]


def test_an_unseen_character_is_one_unknown_token(tokenizer: Any) -> None:
    assert tokenizer("罕龘", add_special_tokens=False)["input_ids"] == [tokenizer.unk_token_id] * 2


def test_a_text_is_closed_by_marks_and_can_be_a_pair(tokenizer: Any) -> None:
    found = tokenizer("中", "国")
    assert tokenizer.convert_ids_to_tokens(found["input_ids"]) == ["[CLS]", "中", "[SEP]", "国", "[SEP]"]
    assert found["token_type_ids"] == [0, 0, 0, 1, 1]
    assert tokenizer.model_max_length == 64


def test_text_is_numbered_in_pretraining_as_the_tokenizer_numbers_it(tokenizer: Any, vocabulary: list[str]) -> None:
    for text in (TEXT, "罕中龘，é①㎡ ﷽\u3000\u200b國"):
        expected = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert TokenLookup(vocabulary)(normalize_text(text)).tolist() == expected
