import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoTokenizer

from labkit.config import RunConfig
from labkit.data.featurize import Featurizer
from labkit.model import checkpoint
from labkit.model.checkpoint import link_checkpoint, load_tagger, save_tagger
from labkit.model.tagger import IMPLEMENTATIONS, build_tagger
from tests.model.structures import STRUCTURES

TAGS = ("O", "B-PER", "I-PER")
SENTENCES = [["anna", "went", "home"], ["ben"], ["the"] * 100]


@pytest.fixture(params=STRUCTURES)
def saved(request, tiny_encoder, tmp_path):
    settings = RunConfig(**asdict(STRUCTURES[request.param])).as_dict()
    model = build_tagger(AutoModel.from_pretrained(tiny_encoder), TAGS, settings).eval()
    featurizer = Featurizer(AutoTokenizer.from_pretrained(tiny_encoder), TAGS, max_pieces=32)
    save_tagger(tmp_path / "best", model, featurizer, TAGS, {**settings, "max_pieces": 32})
    return model, tmp_path


def test_what_is_loaded_is_what_was_saved(saved):
    model, folder = saved
    loaded = load_tagger(folder)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(loaded.model.state_dict()[name], value, rtol=0, atol=0)
    assert loaded.tags == TAGS
    assert loaded.featurizer.max_pieces == 32


def test_a_loaded_tagger_tags_every_word_of_sentences_of_any_length(saved):
    _, folder = saved
    tagger = load_tagger(folder / "best")
    assert [len(tags) for tags in tagger.predict(SENTENCES)] == [3, 1, 100]
    assert tagger.predict(SENTENCES)[1] == tagger.predict([["ben"]])[0]
    with pytest.raises(ValueError, match="sentence without words"):
        tagger.predict([[]])


def test_a_token_without_a_vector_is_told_in_words(saved):
    _, folder = saved
    tagger = load_tagger(folder)
    tagger.featurizer.tokenizer.add_tokens(["zurich"])
    rows = tagger.model.encoder.config.vocab_size
    for predict in (tagger.predict, tagger.predict_with_confidence):
        with pytest.raises(ValueError, match=rf"no vector for the token 'zurich' \(number {rows} of {rows}\)"):
            predict([["anna", "zurich"]])
    assert tagger.predict([["anna", "went"]])


def test_tags_with_confidence_are_the_same_tags_and_every_word_has_its_probabilities(saved):
    _, folder = saved
    tagger = load_tagger(folder)
    found = tagger.predict_with_confidence(SENTENCES)
    assert [tagged.tags for tagged in found] == tagger.predict(SENTENCES)
    for tagged, words in zip(found, SENTENCES, strict=True):
        assert len(tagged.marginals) == len(tagged.conditionals) == len(words)
        assert 0 < tagged.confidence(0, len(words)) <= tagged.confidence(0, 1) <= 1
    assert found[1].marginals[0] == found[1].conditionals[0] == found[1].confidence(0, 1)


def test_a_checkpoint_older_than_legal_tags_loads_and_a_newer_one_keeps_to_them(saved):
    _, folder = saved
    settings = folder / "best" / "tagger.json"
    written = json.loads(settings.read_text())
    assert written["legal_only"] is False
    settings.write_text(json.dumps({**written, "legal_only": True}))
    assert load_tagger(folder).model.constraints is not None
    del written["legal_only"]
    settings.write_text(json.dumps(written))
    assert load_tagger(folder).model.constraints is None


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_a_checkpoint_of_either_implementation_predicts_the_same_in_both(saved, implementation, tmp_path):
    _, folder = saved
    settings = {**json.loads((folder / "best" / "tagger.json").read_text()), "implementation": implementation}
    found = []
    torch.manual_seed(0)
    own = build_tagger(AutoModel.from_config(load_tagger(folder).model.encoder.config), TAGS, settings).eval()
    own.linear.weight.data *= 20  # so that tags differ
    for name in IMPLEMENTATIONS:
        save_tagger(tmp_path / "own", own, load_tagger(folder).featurizer, TAGS, {**settings, "implementation": name})
        tagger = load_tagger(tmp_path / "own")
        assert type(tagger.model) is IMPLEMENTATIONS[name]
        found.append(tagger.predict_with_confidence(SENTENCES))
    assert len({tag for tagged in found[0] for tag in tagged.tags}) > 1
    for one, other in zip(*found, strict=True):
        assert one.tags == other.tags
        assert one.marginals == pytest.approx(other.marginals, abs=1e-5)
        assert one.conditionals == pytest.approx(other.conditionals, abs=1e-5)


def test_a_checkpoint_older_than_the_choice_of_structures_loads_as_it_was_made(tiny_encoder, tmp_path):
    settings = {"downstream": "bilstm", "lstm_size": 8, "lstm_layers": 1, "dropout": 0.3, "max_pieces": 32}
    model = build_tagger(AutoModel.from_pretrained(tiny_encoder), TAGS, RunConfig(lstm_size=8).as_dict()).eval()
    featurizer = Featurizer(AutoTokenizer.from_pretrained(tiny_encoder), TAGS, max_pieces=32)
    save_tagger(tmp_path, model, featurizer, TAGS, settings)
    assert {name.partition(".")[0] for name in model.state_dict()} == {"encoder", "lstm", "linear", "crf"}
    loaded = load_tagger(tmp_path)
    assert loaded.model.crf is not None
    assert torch.equal(loaded.model.lstm.weight_ih_l0, model.lstm.weight_ih_l0)


LSTM = [f"lstm.{name}_l0{way}" for way in ("", "_reverse") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
LINEAR = ["linear.weight", "linear.bias"]
CRF = ["crf.start_transitions", "crf.end_transitions", "crf.transitions"]
MIX = ["mix.scores", "mix.gain"]


def idcnn(layers):
    modules = ["first", *(f"block.{number}" for number in range(layers))]
    return [f"idcnn.{module}.{name}" for module in modules for name in ("weight", "bias")]


ON_DISK = {
    "BiLSTM": [*LSTM, *LINEAR, *CRF],
    "IDCNN": [*idcnn(3), *LINEAR, *CRF],
    "nothing": [*LINEAR, *CRF],
    "BiLSTM and softmax": [*LSTM, *LINEAR],
    "nothing and softmax": LINEAR,
    "a mix of layers and a tanh layer": [*MIX, *LSTM, "hidden.weight", "hidden.bias", *LINEAR, *CRF],
    "a projection, a mix and IDCNN": [*MIX, "projection.weight", "projection.bias", *idcnn(2), *LINEAR],
}


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("name", STRUCTURES)
def test_the_weights_of_every_structure_keep_the_names_that_old_checkpoints_have(name, implementation, tiny_encoder):
    model = IMPLEMENTATIONS[implementation](AutoModel.from_pretrained(tiny_encoder), len(TAGS), STRUCTURES[name])
    assert [key for key in model.state_dict() if not key.startswith("encoder.")] == ON_DISK[name]


def test_weights_are_plain_safetensors_in_pytorch_crfs_names(saved):
    model, folder = saved
    names = set(load_file(folder / "best" / "model.safetensors"))
    scores = {"crf.start_transitions", "crf.end_transitions", "crf.transitions"}
    assert {name for name in names if name.startswith("crf.")} == (scores if model.crf else set())
    assert "linear.weight" in names


def test_a_save_that_fails_leaves_the_old_checkpoint_and_nothing_else(saved, monkeypatch):
    model, folder = saved
    before = (folder / "best" / "model.safetensors").read_bytes()

    def full(*_, **__):
        raise OSError("no space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    tagger = load_tagger(folder)
    with pytest.raises(OSError, match="no space"):
        save_tagger(folder / "best", model, tagger.featurizer, TAGS, {})
    assert (folder / "best" / "model.safetensors").read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == ["best"]


def test_a_checkpoint_that_cannot_take_its_place_leaves_the_old_one_there(saved, monkeypatch):
    _, folder = saved
    link_checkpoint(folder / "best", folder / "last")
    rename = Path.rename

    def refused(path, target):
        if path == folder / f".last-{os.getpid()}":
            raise OSError("the server did not answer")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(OSError, match="did not answer"):
        link_checkpoint(folder / "best", folder / "last")
    assert load_tagger(folder / "last").tags == TAGS
    assert sorted(path.name for path in folder.iterdir()) == ["best", "last"]


def test_a_linked_checkpoint_takes_no_second_copy_and_replaces_an_old_one(saved):
    _, folder = saved
    link_checkpoint(folder / "best", folder / "last")
    link_checkpoint(folder / "best", folder / "last")
    assert (
        os.stat(folder / "last" / "model.safetensors").st_ino == os.stat(folder / "best" / "model.safetensors").st_ino
    )
    assert sorted(path.name for path in folder.iterdir()) == ["best", "last"]


def test_a_folder_without_weights_is_told_in_words(tmp_path):
    with pytest.raises(ValueError, match="has no weights"):
        load_tagger(tmp_path)


def test_a_folder_that_is_not_there_is_told_in_words(tmp_path):
    with pytest.raises(ValueError, match=r"there is no folder .*/nowhere"):
        load_tagger(tmp_path / "nowhere")


def test_weights_that_are_not_numbers_are_told_and_tag_nothing(saved):
    _, folder = saved
    path = folder / "best" / "model.safetensors"
    weights = load_file(path)
    weights["linear.bias"][1] = float("nan")
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"model\.safetensors of .*/best cannot be read .linear\.bias holds values"):
        load_tagger(folder)


FILES = ("model.safetensors", "tokenizer.json", "tokenizer_config.json", "config.json", "tagger.json")


@pytest.fixture
def simple(tiny_encoder, tmp_path):
    """The folder of a checkpoint that is complete."""
    model = build_tagger(AutoModel.from_pretrained(tiny_encoder), TAGS, RunConfig(lstm_size=8).as_dict())
    featurizer = Featurizer(AutoTokenizer.from_pretrained(tiny_encoder), TAGS, max_pieces=32)
    folder = tmp_path / "run-0001" / "best"
    folder.parent.mkdir()
    save_tagger(folder, model, featurizer, TAGS, {**RunConfig(lstm_size=8).as_dict(), "max_pieces": 32})
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    return folder


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_was_cut_off_is_named_with_its_run(simple, name):
    (simple / name).write_bytes((simple / name).read_bytes()[: (simple / name).stat().st_size // 2])
    with pytest.raises(ValueError, match=rf"{name}.* of run-0001/best cannot be read \(.+\)$"):
        load_tagger(simple.parent)


@pytest.mark.parametrize("name", FILES[:-1])
def test_a_file_that_is_missing_is_an_error_and_never_replaced_by_a_guess(simple, name):
    (simple / name).unlink()
    with pytest.raises(ValueError, match=f"^{name} of run-0001/best cannot be read .it is missing.$"):
        load_tagger(simple.parent)
