"""The file of predictions in a run folder, and runs beside each other."""

import pytest

from labkit.runs.entity_errors import Entity
from labkit.runs.predictions import (
    Predictions,
    PredictionsHeader,
    ScoredSentence,
    align_predictions,
    predictions_path,
    read_predictions,
    write_predictions,
)

PER = Entity("PER", 0, 1)


def predictions(*sentences, of=100, scored=100, until=100, corpus="c0ffee"):
    about = PredictionsHeader("dev", 10, corpus, of, scored, until)
    return Predictions(about, {sentence.number: sentence for sentence in sentences})


def sentence(number, gold=(), predicted=()):
    return ScoredSentence(number, ["王", "<b>", "went"], list(gold), list(predicted))


def test_what_was_written_is_read_back(tmp_path):
    wanted = predictions(sentence(3, [PER], []), sentence(7, [], [PER]))
    write_predictions(tmp_path, wanted.header, wanted.sentences.values())
    assert read_predictions(tmp_path, "dev") == wanted
    assert [path.name for path in tmp_path.iterdir()] == ["predictions.dev.jsonl"]


@pytest.mark.parametrize("content", [b"", b"{}\n", b"\xff\n", b'{"part": "dev"'])
def test_a_file_that_is_not_there_or_damaged_is_none(tmp_path, content):
    assert read_predictions(tmp_path, "dev") is None
    predictions_path(tmp_path, "dev").write_bytes(content)
    assert read_predictions(tmp_path, "dev") is None


def numbers(**runs):
    return [next(iter(row.values())).number for row in align_predictions(runs)]


def test_runs_are_beside_each_other_on_the_sentences_that_all_have_scored():
    large = predictions(sentence(1, [PER]), sentence(2, [PER]), sentence(5, [PER]))
    small = predictions(sentence(2, [PER], [PER]), scored=50)
    assert numbers(large=large, small=small) == [2]
    rows = align_predictions({"large": large, "small": small})
    assert (rows[0]["large"].predicted, rows[0]["small"].predicted) == ([], [PER])


def test_a_run_that_predicted_nothing_in_a_sentence_without_entities_is_shown_so_where_it_was_scored():
    large, small = predictions(sentence(1, [], [PER])), predictions(scored=50)
    assert numbers(large=large, small=small) == [], "nobody knows whether the smaller part holds it"
    small, large = predictions(sentence(1, [], [PER]), scored=50), predictions()
    assert numbers(large=large, small=small) == [1]
    assert align_predictions({"large": large, "small": small})[0]["large"].predicted == []


def test_what_one_file_had_no_room_for_is_left_out():
    whole = predictions(sentence(1, [PER]), sentence(8, [PER]))
    assert numbers(whole=whole, cut=predictions(sentence(1, [PER]), until=8)) == [1]


def test_runs_of_different_sentences_are_not_put_beside_each_other():
    for other in ({"corpus": "decade"}, {"of": 99}):
        with pytest.raises(ValueError, match="different corpora"):
            align_predictions({"one": predictions(), "other": predictions(**other)})
