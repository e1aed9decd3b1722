"""One character, one tag, always: whatever a Chinese text holds, every character keeps its own place."""

import random
import unicodedata

import pytest
from transformers import BertTokenizerFast

from labkit.data.corpora import Sentence
from labkit.data.featurize import Featurizer
from labkit.data.windows import encoding_notes

TAGS = ("O", "B-ORG", "I-ORG")
KNOWN = "币安网今天上涨平台，。；、：！？abcz019.%１Ａａ￥①"
ODD = {
    "full-width forms": "ＢＴＣ２０１９％　",
    "Latin, digits and marks": "Binance2019,3.14%@#$&",
    "accents that are folded": "éÀñüç",
    "combining marks on their own": "e\u0301a\u0308\u20dd",
    "letters that become two when folded": "İßŉǰﬁ",
    "characters that no vocabulary has": "龘𠮷㐀鿿",
    "emoji": "😀🏦👨\u200d👩\u200d👧🇨🇳☎\ufe0f",
    "zero width and direction": "\u200b\u200c\u200d\ufeff\u2060\u200e\u202e\u00ad",
    "control characters": "\x00\x01\x07\x1b\x7f\x85\x9f",
    "white space": " \t\n\r\v\f\u00a0\u2003\u2028\u3000",
    "private use, replacement, unassigned": "\ue000\ufffd\u0378\U000f0000",
}


@pytest.fixture(scope="module", params=[True, False], ids=["folded", "as it is"])
def featurizer(request, tmp_path_factory):
    place = tmp_path_factory.mktemp("characters")
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(KNOWN), *("##" + each for each in "ab01")]
    (place / "vocab.txt").write_text("\n".join(tokens), encoding="utf-8")
    tokenizer = BertTokenizerFast.from_pretrained(place, do_lower_case=request.param)
    return Featurizer(tokenizer, TAGS, max_pieces=12)


def of(text):
    return Sentence(tuple(text), ("O",) * len(text))


def token_of(featurizer, character):
    """The token that a character is read as."""
    (window,) = featurizer.featurize([of(character)])
    return featurizer.tokenizer.convert_ids_to_tokens(window.input_ids[window.first_token[0]])


@pytest.mark.parametrize("kind", ODD)
def test_every_character_has_its_own_place(featurizer, kind):
    text = f"币安{ODD[kind]}上涨"
    windows = featurizer.featurize([of(text)])
    assert windows.num_words == len(text) == len(windows.tags)
    for window in windows:
        assert len(set(window.first_token)) == len(window.first_token)
        assert all(0 < place < len(window.input_ids) - 1 for place in window.first_token)
    read = [window.input_ids[place] for window in windows for place in window.first_token]
    names = featurizer.tokenizer.convert_ids_to_tokens(read)
    assert names[:2] + names[-2:] == list("币安上涨"), "its neighbours are read as they are"


@pytest.mark.parametrize("seed", range(20))
def test_a_character_is_read_the_same_wherever_it_stands(featurizer, seed):
    every = [*KNOWN, *"".join(ODD.values())]
    text = random.Random(seed).choices(every, k=60)
    read = [window.input_ids[place] for window in featurizer.featurize([of(text)]) for place in window.first_token]
    assert featurizer.tokenizer.convert_ids_to_tokens(read) == [token_of(featurizer, character) for character in text]


@pytest.mark.parametrize("character", ODD["characters that no vocabulary has"] + "\u200b\u0301\x07\x00😀 \n\u3000")
def test_what_cannot_be_read_is_unknown_and_not_left_out(featurizer, character):
    assert token_of(featurizer, character) == "[UNK]"


def test_folding_happens_where_the_tokenizer_asks_for_it(featurizer):
    folded = featurizer.tokenizer.do_lower_case
    assert token_of(featurizer, "Z") == ("z" if folded else "[UNK]")
    assert token_of(featurizer, "À") == ("a" if folded else "[UNK]")
    assert token_of(featurizer, "Ａ") == ("ａ" if folded else "Ａ")
    assert token_of(featurizer, "1") == "1" != token_of(featurizer, "１")


def test_unreadable_characters_are_counted_and_white_space_is_not(featurizer):
    assert encoding_notes(featurizer.featurize([of("币 安\n网\u3000")])) == []
    assert encoding_notes(featurizer.featurize([of("币\u200b安 \x07")])) == [
        "2 words have no token in this tokenizer and are read as unknown."
    ]


def test_a_long_chinese_text_is_cut_behind_its_sentences(featurizer):
    text = "今天平台上涨。币安网。今天，上涨！"
    windows = featurizer.featurize([of(text)])
    lengths = [len(window.first_token) for window in windows]
    assert lengths == [7, 10]
    assert windows.sentence_offsets.tolist() == [0, len(text)]


def test_an_entity_is_kept_whole_for_training_only(featurizer):
    text = "今天上涨今币安平台网上涨"
    tags = ["B-ORG" if each == "币" else "I-ORG" if 6 <= place < 11 else "O" for place, each in enumerate(text)]
    sentence = Sentence(tuple(text), tuple(tags))
    assert [len(window.first_token) for window in featurizer.featurize([sentence])] == [10, 2]
    kept = featurizer.featurize([sentence], keep_entities=True)
    assert [len(window.first_token) for window in kept] == [5, 7]
    assert kept.tags.tolist() == featurizer.featurize([sentence]).tags.tolist()


def test_characters_are_code_points_and_stay_apart():
    """What a reader takes for one letter may be two characters: each has its tag, and joined they are the text."""
    for text in ODD.values():
        assert "".join(of(text).words) == text
    assert len(of(unicodedata.normalize("NFD", "é")).words) == 2
