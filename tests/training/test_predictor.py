import pytest

from labkit.config import RunConfig
from labkit.training.predictor import predict_text, split_words
from labkit.training.trainer import train


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Obama's in Paris.", ["Obama", "'s", "in", "Paris", "."]),
        ("isn't", ["is", "n't"]),
        ("@tim #nyc http://t.co/x?y=1 :)", ["@tim", "#nyc", "http://t.co/x?y=1", ":", ")"]),
        ("我在北京abc上学，2019年。", [*"我在北京", "abc", *"上学，", "2019", "年", "。"]),
        ("naïve café", ["naïve", "café"]),
        ("", []),
    ],
)
def test_text_is_split_into_words_as_the_corpora_do(text, expected):
    words = split_words(text)
    assert [word for word, _, _ in words] == expected
    assert all(text[start:end] == word for word, start, end in words)


@pytest.fixture(scope="module")
def run_folder(tiny_encoder, tiny_corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    config = RunConfig(encoder=str(tiny_encoder), corpus=str(tiny_corpus), epochs=15, encoder_rate=1e-3, head_rate=1e-2)
    config = config.replace(lstm_size=16, dropout=0.0, encoder_schedule="constant", head_schedule="constant")
    list(train(config, folder))
    return folder


def test_entities_are_given_in_characters_of_the_text_line_by_line(run_folder):
    text = "anna lives in berlin .\n\nyesterday ben smith went to oslo ."
    found = predict_text(run_folder, text)
    marked = [(text[entity["start"] : entity["end"]], entity["type"]) for entity in found["entities"]]
    assert marked == [("anna", "PER"), ("berlin", "LOC"), ("ben smith", "PER"), ("oslo", "LOC")]
    assert len(found["tags"]) == len(found["words"]) == 12


def test_a_text_longer_than_any_window_is_tagged_whole(run_folder):
    found = predict_text(run_folder, "anna lives in berlin . " * 100)
    assert len(found["tags"]) == 500


def test_a_text_without_words_has_no_entities(run_folder):
    assert predict_text(run_folder, " \n ")["entities"] == []


def test_a_run_without_weights_is_told_in_words(tmp_path):
    with pytest.raises(ValueError, match="has no weights"):
        predict_text(tmp_path, "anna")
