import csv
import dataclasses
import itertools
import json
import shutil

import numpy as np
import pytest
import torch

from labkit.config import RunConfig
from labkit.data.corpora import Sentence, bio_tags_to_spans, read_corpus
from labkit.data.documents import Document
from labkit.data.formats.bdci import read_table
from labkit.data.word_splitting import WordSpan
from labkit.events import EVENTS_FILE, LineWriter, TrainingPlanned
from labkit.model.checkpoint import load_tagger
from labkit.runs.entity_errors import Entity
from labkit.runs.predictions import read_predictions
from labkit.runs.run import Run
from labkit.training.evaluation import evaluate
from labkit.training.precision import precision_notes
from labkit.training.prediction import predict_documents, predict_table, predict_text
from labkit.training.trainer import train


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
    assert [found["words"][entity["first"]] for entity in found["entities"]] == ["anna", "berlin", "ben", "oslo"]


def test_an_entity_is_found_whole_whatever_invisible_characters_its_name_holds(run_folder):
    text = "\ufeffyesterday b\u200ben smi\u00adth went to os\u200dlo\u200b ."
    found = predict_text(run_folder, text)
    marked = [(text[entity["start"] : entity["end"]], entity["type"]) for entity in found["entities"]]
    assert marked == [("b\u200ben smi\u00adth", "PER"), ("os\u200dlo", "LOC")]
    assert found["tags"] == predict_text(run_folder, "yesterday ben smith went to oslo .")["tags"]


def test_an_entity_is_as_sure_as_all_tag_sequences_that_hold_it_together(run_folder):
    text = "yesterday ben smith went"
    tagger = load_tagger(run_folder)
    (entity,) = predict_text(run_folder, text)["entities"]
    batch = tagger.featurizer.collate(tagger.featurizer.featurize([Sentence(tuple(text.split()), ())]))
    with torch.inference_mode():
        scores = tagger.model.scores(batch)
        paths = list(itertools.product(range(len(tagger.tags)), repeat=4))
        shares = tagger.model.crf(scores[:, :4].expand(len(paths), -1, -1), torch.tensor(paths), reduction="none").exp()
    wanted = (tagger.tags.index("B-PER"), tagger.tags.index("I-PER"))
    expected = sum(share.item() for path, share in zip(paths, shares, strict=True) if path[1:3] == wanted)
    assert entity["confidence"] == pytest.approx(expected, rel=1e-4)
    assert 0.5 < entity["confidence"] <= 1


def test_an_entity_does_not_go_on_from_one_line_to_the_next(run_folder):
    found = predict_text(run_folder, "yesterday ben\nsmith went to oslo .")
    assert all("\n" not in "yesterday ben\nsmith went to oslo ."[e["start"] : e["end"]] for e in found["entities"])


def test_a_text_longer_than_any_window_is_tagged_whole(run_folder):
    found = predict_text(run_folder, "anna lives in berlin . " * 100)
    assert len(found["tags"]) == 500


def test_a_text_without_words_has_no_entities(run_folder):
    assert predict_text(run_folder, " \n ")["entities"] == []


def test_a_run_without_weights_is_told_in_words(tmp_path):
    with pytest.raises(ValueError, match="has no weights"):
        predict_text(tmp_path, "anna")


# --- tables of texts


def table(path, *rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "title", "text", "unknownEntities"), *rows])
    return path


@pytest.fixture(scope="module")
def run_on_characters(tiny_encoder, tmp_path_factory):
    """A run that has learnt that numbers are entities, in windows of 22 characters."""
    place = tmp_path_factory.mktemp("table")
    texts = [(f"{7 * n % 89 + 10}", f"{31 * n % 89 + 10}") for n in range(40)]
    rows = [
        (f"{n}", f"about {one}", f"we saw {two} at home. it was good.", f"{one};{two}")
        for n, (one, two) in enumerate(texts)
    ]
    table(place / "train.csv", *rows)
    (place / "run").mkdir()
    config = RunConfig(encoder=str(tiny_encoder), corpus=str(place), epochs=8, encoder_rate=1e-3, head_rate=1e-2)
    config = config.replace(lstm_size=16, dropout=0.0, max_pieces=24, batch_size=8, seed=1)
    list(train(config, place / "run"))
    return place / "run"


def test_every_row_of_a_table_has_its_entities_as_in_the_original(run_on_characters, tmp_path):
    long = "it was good at home. " * 20
    rows = [
        ("b", "about 12", "<p>we saw <b>34</b> at home.</p>", "not read"),
        ("a", "", "nothing here.", ""),
        ("a", "", "", ""),
        ("c", "about 9\u200b0", f"we saw 56 at home. {long}we saw 78 at home.", ""),
    ]
    found = list(predict_table(run_on_characters, read_table(table(tmp_path / "t.csv", *rows), "t.csv")))
    assert found == [("b", "12;34"), ("a", ""), ("a", ""), ("c", "9\u200b0;56;78")]


def test_a_table_is_tagged_word_by_word_where_the_run_was_trained_on_words(run_folder, tmp_path):
    rows = [("a", "anna lives in berlin .", "yesterday&nbsp;ben <b>smith</b> went to oslo .\nwe saw ida .", "")]
    read = read_table(table(tmp_path / "t.csv", *rows), "t.csv")
    assert list(predict_table(run_folder, read)) == [("a", "anna;berlin;ben <b>smith;oslo;ida")]
    assert list(predict_table(run_folder, read, ["LOC"])) == [("a", "berlin;oslo")]
    assert list(predict_table(run_folder, read, ["LOC", "PER"])) == list(predict_table(run_folder, read))


def test_a_type_that_the_run_does_not_know_is_told_before_anything_is_tagged(run_folder, tmp_path):
    read = read_table(table(tmp_path / "t.csv"), "t.csv")
    with pytest.raises(ValueError, match=r"type must be one of LOC, PER, .*not 'Loc'"):
        predict_table(run_folder, read, ["PER", "Loc"])


def test_a_text_is_split_into_characters_where_the_run_was_trained_on_them(run_on_characters):
    text = "about 12\nwe saw 78 at home."
    found = predict_text(run_on_characters, text)
    assert "".join(found["words"]) == text
    assert [text[each["start"] : each["end"]] for each in found["entities"]] == ["12", "78"]


def test_a_text_of_characters_without_spaces_is_split_into_such(tiny_encoder, tmp_path):
    lines = "".join(f"{word}\tO\n" for word in "我在U2北京") + "\n"
    (tmp_path / "train.txt").write_text(lines * 9 + lines.replace("京\tO", "京\tB-LOC"), encoding="utf-8")
    (tmp_path / "run").mkdir()
    list(train(RunConfig(encoder=str(tiny_encoder), corpus=str(tmp_path), epochs=1), tmp_path / "run"))
    found = predict_text(tmp_path / "run", "我 在 2019\nabc")
    assert found["words"] == [*"我在2019abc"]


def test_a_table_of_many_rows_is_told_in_its_order(run_on_characters, tmp_path):
    rows = [(f"r{n}", "", f"we saw {10 + n % 80} at home.", "") for n in range(300)]
    found = list(predict_table(run_on_characters, read_table(table(tmp_path / "t.csv", *rows), "t.csv")))
    assert found == [(f"r{n}", f"{10 + n % 80}") for n in range(300)]


def test_documents_are_predicted_in_their_order_texts_split_and_words_as_they_are(run_folder):
    given = [WordSpan("in", 0, 2), WordSpan("oslo", 2, 6), WordSpan("it", 6, 8), WordSpan("rains", 8, 13)]
    texts = [Document("😀 anna lives in berlin .\n\nwe saw ida ."), Document("")]
    documents = [*texts, Document("inosloitrains", given)]
    predicted = list(predict_documents(run_folder, documents, ["LOC"]))
    assert [one.document for one in predicted] == documents
    found = [[(one.document.text[span.start : span.end], span.type) for span in one.spans] for one in predicted]
    assert found == [[("berlin", "LOC")], [], [("oslo", "LOC")]]
    assert [[len(sentence) for sentence in one.sentences] for one in predicted] == [[6, 4], [], [4]]
    assert all(0 < span.confidence <= 1 for one in predicted for span in one.spans)


def test_white_space_at_the_ends_of_an_entity_is_cut_off(run_folder, monkeypatch):
    from labkit.model.inference import TaggedSentence, TrainedTagger

    tagged = [TaggedSentence(["B-PER", *["I-PER"] * 4, "B-PER"], np.ones(6), np.ones(6))]
    monkeypatch.setattr(TrainedTagger, "predict_with_confidence", lambda *_: tagged)
    words = [WordSpan(character, start, start + 1) for start, character in enumerate(" a b\n ")]
    (found,) = predict_documents(run_folder, [Document(" a b\n ", words)])
    assert [tuple(span) for span in found.spans] == [("PER", 1, 4, 1.0)]


def predicted_in(run, tagger):
    """Whether the entities that the run kept are predicted, together and one by one, and of how many sentences."""
    kept = list(read_predictions(run, "dev").sentences.values())
    together = tagger.predict([each.words for each in kept])
    alone = [tagger.predict([each.words])[0] for each in kept]
    asked = [each.predicted for each in kept]
    told = [[[Entity(*span) for span in bio_tags_to_spans(tags)] for tags in found] for found in (together, alone)]
    return told[0] == asked, told[1] == asked, len(kept)


@pytest.fixture(scope="module", params=[False, True], ids=["any tags", "legal tags only"])
def run_in_bfloat16(request, tiny_encoder, tiny_corpus, tmp_path_factory):
    """A run that is sure of nothing yet, so that float32 tags some dev sentences otherwise."""
    folder = tmp_path_factory.mktemp("run")
    config = RunConfig(encoder=str(tiny_encoder), corpus=str(tiny_corpus), epochs=2, batch_size=8, encoder_rate=1e-3)
    config = config.replace(lstm_size=16, precision="bfloat16", device="cpu", legal_only=request.param, keep="best")
    writer = LineWriter(folder / EVENTS_FILE)
    writer.write(*train(config, folder))
    writer.close()
    return folder


def test_the_dev_loss_of_a_run_in_bfloat16_is_that_of_the_weights_it_kept(run_in_bfloat16, tiny_corpus):
    """Which a run that evaluates by stale copies of its weights does not have; in exact numbers, unlike tags."""
    tagger, best = load_tagger(run_in_bfloat16), Run(run_in_bfloat16).best
    windows = tagger.featurizer.featurize(read_corpus(tiny_corpus).dev)
    with torch.autocast("cpu", torch.bfloat16):
        again = evaluate(tagger.model, tagger.featurizer, windows, tagger.tags, torch.device("cpu"))
    assert again.loss == pytest.approx(best.loss, rel=1e-4)


def test_a_run_predicts_in_the_precision_it_was_trained_and_evaluated_in(run_in_bfloat16):
    tagger = load_tagger(run_in_bfloat16)
    assert tagger.precision == "bfloat16"
    together, alone, count = predicted_in(run_in_bfloat16, tagger)
    assert count > 0
    assert (together, alone) == (True, True)
    slow = precision_notes("bfloat16", torch.device("cpu"))
    assert predict_text(run_in_bfloat16, "anna lives in berlin .")["note"] == " ".join(slow)
    scores = {}
    for precision in ("float32", "bfloat16"):
        again = dataclasses.replace(tagger, precision=precision)
        scores[precision] = again.predict_with_confidence([["anna", "lives", "in", "berlin"]])[0].marginals
    assert (scores["float32"] != scores["bfloat16"]).any()
    assert (
        tagger.predict_with_confidence([["anna", "lives", "in", "berlin"]])[0].marginals == scores["bfloat16"]
    ).all()


def test_a_checkpoint_tells_the_precision_that_auto_became(run_folder):
    told = json.loads((run_folder / "best" / "tagger.json").read_text())["precision"]
    assert told in ("float32", "bfloat16")
    assert load_tagger(run_folder).precision == told


def older(run, copy, **changes):
    """A copy of a run, its checkpoint as it is changed; None takes a setting away."""
    shutil.copytree(run, copy)
    settings = copy / "best" / "tagger.json"
    told = {**json.loads(settings.read_text()), **changes}
    settings.write_text(json.dumps({name: value for name, value in told.items() if value is not None}))
    return copy


@pytest.mark.parametrize("told", ["auto", None])
def test_an_older_checkpoint_has_the_precision_of_its_runs_log(run_folder, tmp_path, told):
    run = older(run_folder, tmp_path / "run", precision=told)
    assert load_tagger(run).precision == "float32"
    writer = LineWriter(run / EVENTS_FILE)
    writer.write(TrainingPlanned(1.0, 9, 3, "cpu", "cpu", "bfloat16", 1, ""))
    writer.close()
    assert load_tagger(run).precision == "bfloat16"


def test_what_a_precision_that_is_not_to_be_had_changes_is_measured_and_told(run_folder, tmp_path):
    run = older(run_folder, tmp_path / "run", precision="float16")
    assert load_tagger(run).precision == "float32"
    sentences = len(read_predictions(run, "dev").sentences)
    what = "this run computed in float16, which this device cannot: its tags are computed in float32 here"
    assert predict_text(run, "anna")["note"] == f"{what}, and differ in 0 of {sentences} dev sentences."
    path = run / "predictions.dev.jsonl"
    first, second, *rest = path.read_text().splitlines()
    other = {**json.loads(second), "predicted": [["LOC", 0, 1], ["LOC", 1, 2]]}
    path.write_text("\n".join([first, json.dumps(other), *rest]))
    told = []
    list(predict_table(run, read_table(table(tmp_path / "t.csv", ("a", "", "anna", "")), "t.csv"), on_note=told.append))
    assert told == [f"{what}, and differ in 1 of {sentences} dev sentences."]
    path.unlink()
    assert predict_text(run, "anna")["note"] == f"{what} and may differ."
