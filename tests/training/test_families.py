"""Any encoder works the same: families of Hugging Face with tokenizers of three kinds, on Chinese and on English."""

import json
import unicodedata
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers.pre_tokenizers import ByteLevel

from labkit.config import RunConfig
from labkit.data.corpora import Sentence, read_corpus
from labkit.data.featurize import Featurizer
from labkit.data.word_splitting import Granularity
from labkit.events import Evaluated, ParamGroupsBuilt, PathsCompleted, RunFinished, StepDone, WeightsMoved
from labkit.model.checkpoint import load_tagger, save_tagger
from labkit.model.pretrained import load_encoder, load_tokenizer
from labkit.training.evaluation import evaluate
from labkit.training.prediction import predict_text
from labkit.training.trainer import train
from tests.long_cases import mostly_long
from tests.training.families import FAMILIES, chinese_corpus, encoder_of, word_pieces

LANGUAGES = ("chinese", "english")
WORDS = {"chinese": (*"王小明在北京，2019am。",), "english": ("anna", "lives", "in", "q7x", "berlin", ".")}
TEXTS = {"chinese": "昨天李华去了上海，很冷。", "english": "yesterday ida went to oslo ."}


@pytest.fixture(scope="module")
def corpora(tmp_path_factory, tiny_corpus):
    return {"chinese": chinese_corpus(tmp_path_factory.mktemp("zh") / "characters"), "english": tiny_corpus}


@pytest.fixture(scope="module")
def encoders(tmp_path_factory):
    """A folder of each family, made when it is asked for."""
    folder = tmp_path_factory.mktemp("encoders")
    made: dict[str, Path] = {}

    def of(family):
        if family not in made:
            made[family] = encoder_of(family, folder / family)
        return made[family]

    return of


def config_of(place, corpus, **changes):
    rates = {"encoder_rate": 2e-3, "head_rate": 1e-2, "encoder_schedule": "constant", "head_schedule": "constant"}
    config = RunConfig(encoder=str(place), corpus=str(corpus), epochs=12, batch_size=8, lstm_size=16, dropout=0.0)
    return config.replace(precision="float32", device="cpu", **rates).replace(**changes)


# each family, and each kind of tokenizer on both languages
KEPT = {"bert-chinese", "bert-english", "roberta-chinese", "roberta-english", "albert-chinese", "albert-english"}
KEPT |= {"electra-chinese", "distilbert-english", "deberta-v2-chinese"}


@pytest.fixture(
    scope="module",
    params=mostly_long((f"{family}-{language}" for family in FAMILIES for language in LANGUAGES), KEPT.__contains__),
)
def trained(request, encoders, corpora, tmp_path_factory):
    """Family, language, corpus, run folder and events of a run."""
    family, language = request.param.rsplit("-", 1)
    folder = tmp_path_factory.mktemp("run")
    config = config_of(encoders(family), corpora[language])
    return family, language, corpora[language], folder, list(train(config, folder))


def of_kind(events, kind):
    return [event for event in events if isinstance(event, kind)]


def test_it_learns_and_both_groups_do(trained):
    *_, events = trained
    assert events[-1].state == "completed", events[-1].details
    steps = of_kind(events, StepDone)
    for step in steps:
        assert step.gradient_norms.keys() == {"encoder", "head"}
        assert all(norm > 0 for norm in step.gradient_norms.values())
    assert steps[-1].loss < steps[0].loss / 4
    assert max(event.f1 for event in of_kind(events, Evaluated)) > 0.9


def test_the_sync_meter_reads_all_parts(trained):
    *_, events = trained
    (paths,) = of_kind(events, PathsCompleted)
    for move in of_kind(events, WeightsMoved):
        assert all(distance > 0 for distance in move.distances.values())
    assert move.distances.keys() == paths.shares.keys() == {"encoder", "head", "crf"}
    assert paths.steps[-1] == events[-1].step


def test_every_weight_is_in_one_group_and_pieces_that_do_not_occur_are_at_rest(trained):
    *_, folder, events = trained
    (audit,) = of_kind(events, ParamGroupsBuilt)
    by_name = {group.name: group for group in audit.groups}
    weights = load_file(folder / "best" / "model.safetensors")
    head = sum(value.numel() for name, value in weights.items() if not name.startswith("encoder."))
    whole = sum(value.numel() for value in weights.values())
    assert by_name["encoder"].frozen_parameters > 0
    assert by_name["encoder"].parameters + by_name["encoder"].frozen_parameters == whole - head
    assert by_name["head"].parameters == head


def test_weights_are_scored_after_loading_as_they_were_in_training(trained):
    *_, corpus, folder, events = trained
    tagger = load_tagger(folder)
    dev = tagger.featurizer.featurize(read_corpus(corpus).dev)
    found = evaluate(tagger.model, tagger.featurizer, dev, tagger.tags, torch.device("cpu"))
    best = max((event for event in of_kind(events, Evaluated) if event.split == "dev"), key=lambda e: (e.f1, -e.loss))
    assert found.counts.overall().f1 == best.f1
    assert found.loss == pytest.approx(best.loss, rel=1e-4)


def test_a_second_round_trip_changes_nothing(trained, tmp_path):
    _, language, _, folder, _ = trained
    first = load_tagger(folder)
    settings = json.loads((folder / "best" / "tagger.json").read_text())
    save_tagger(tmp_path / "again", first.model, first.featurizer, first.tags, settings)
    second = load_tagger(tmp_path / "again")
    sentences = [list(WORDS[language]), list(WORDS[language]) * 30]
    assert second.predict(sentences) == first.predict(sentences)
    assert first.featurizer.granularity == second.featurizer.granularity
    assert first.featurizer.granularity == (Granularity.CHARACTERS if language == "chinese" else Granularity.WORDS)


def test_a_new_text_gets_its_entities(trained):
    _, language, _, folder, _ = trained
    text = TEXTS[language]
    found = {text[each["start"] : each["end"]] for each in predict_text(folder, text)["entities"]}
    assert found == ({"李华", "上海"} if language == "chinese" else {"ida", "oslo"})


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("family", FAMILIES)
def test_each_word_is_read_at_the_first_piece_of_itself(encoders, family, language):
    tokenizer = load_tokenizer(encoders(family))
    words = WORDS[language]
    (window,) = Featurizer(tokenizer, ("O",), 40).featurize([Sentence(words, ())])
    pieces = tokenizer.convert_ids_to_tokens(list(window.input_ids))
    assert [pieces[0], pieces[-1]] == [tokenizer.cls_token, tokenizer.sep_token]
    for word, place in zip(words, window.first_token, strict=True):
        own = pieces[place].lstrip("▁Ġ")
        assert own
        assert spelled(family, word).startswith(own), (word, pieces)
        if "一" <= word <= "鿿":
            assert pieces[place - 1] not in ("▁", "Ġ")


def spelled(family, word):
    """A word in the letters of the family's vocabulary: RoBERTa's stand for bytes, and ALBERT's `，` is a comma."""
    if family == "roberta":
        return ByteLevel(add_prefix_space=False).pre_tokenize_str(word)[0][0]
    return unicodedata.normalize("NFKD", word) if family == "albert" else word


# --- folders as older ones on the hub are


def old_names(weights):
    """A BERT's weights as TensorFlow's were called, below a model for masked words, whose head comes with them."""
    renamed = {name.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): name for name in weights}
    old = {f"bert.{ancient}": weights[name].clone() for ancient, name in renamed.items() if "pooler" not in name}
    return {**old, "cls.predictions.bias": torch.zeros(len(word_pieces()))}


def folder_with(folder, encoder, weights, save):
    """config.json and vocab.txt as hfl/chinese-roberta-wwm-ext has them, no tokenizer.json, and these weights."""
    folder.mkdir()
    config = json.loads((encoder / "config.json").read_text())
    config |= {"architectures": ["BertForMaskedLM"], "directionality": "bidi", "pooler_type": "first_token_transform"}
    del config["dtype"], config["transformers_version"]
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in word_pieces()), encoding="utf-8")
    save(weights, folder)
    return folder


WAYS = {
    "safetensors": lambda weights, folder: save_file(weights, folder / "model.safetensors"),
    "torch's file": lambda weights, folder: torch.save(weights, folder / "pytorch_model.bin"),
    "torch's file of 2019": lambda weights, folder: torch.save(
        weights, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_older_folder_trains_as_the_same_encoder_in_a_newer_one(encoders, corpora, tmp_path, way):
    weights = load_file(encoders("bert") / "model.safetensors")
    old = folder_with(tmp_path / "old", encoders("bert"), old_names(weights), WAYS[way])
    losses = []
    for place in (encoders("bert"), old):
        events = list(train(config_of(place, corpora["chinese"], epochs=1)))
        assert events[-1].state == "completed", events[-1].details
        losses.append([step.loss for step in of_kind(events, StepDone)])
    assert losses[0] == losses[1]


def test_code_in_a_file_of_weights_does_not_run_and_is_told(encoders, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "it ran",))

    folder = folder_with(tmp_path / "bad", encoders("bert"), {"bert.x": Bomb()}, WAYS["torch's file"])
    with pytest.raises(ValueError, match=r"bad'.* pytorch_model\.bin holds more than tensors"):
        load_encoder(folder)
    assert not (tmp_path / "it ran").exists()


def test_weights_of_another_model_are_told_and_not_made_up(encoders, corpora, tmp_path):
    weights = {f"other.{name}": value for name, value in load_file(encoders("bert") / "model.safetensors").items()}
    folder = folder_with(tmp_path / "odd", encoders("bert"), weights, WAYS["safetensors"])
    (end,) = of_kind(train(config_of(folder, corpora["chinese"])), RunFinished)
    assert end.state == "failed"
    assert "lacks 37 of the encoder's weights, for example embeddings.LayerNorm.bias" in end.reason
