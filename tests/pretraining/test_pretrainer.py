"""A pretraining of a tiny model from end to end: it learns, can be stopped, and leaves an encoder that loads."""

import dataclasses
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F
from transformers import AutoModel, AutoTokenizer, BertConfig, BertForMaskedLM

from labkit.data.encoders import list_encoders
from labkit.pretraining import checkpoint, initialisation
from labkit.pretraining.config import PretrainConfig
from labkit.pretraining.events import HeldOutEvaluated, PretrainFinished, PretrainStarted, PretrainStepDone, StateSaved
from labkit.pretraining.masked_lm import MaskedLM
from labkit.pretraining.masking import mask_whole_words
from labkit.pretraining.packing import cut_sequences
from labkit.pretraining.pretrainer import pretrain
from labkit.pretraining.training_data import PretrainingData
from labkit.pretraining.vocabulary import CONTINUATION_TOKENS


def of(kind: Any, events: list[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def stopped_after(steps: int) -> Any:
    asked = iter([False] * (steps - 1))
    return lambda: next(asked, True)


@pytest.fixture(scope="module")
def done(
    config: PretrainConfig, data: PretrainingData, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[Any]]:
    """A pretraining without interruption: its folder and its events."""
    folder = tmp_path_factory.mktemp("whole") / "encoder"
    return folder, list(pretrain(config, data, folder, "python -m labkit pretrain --steps 24"))


# --- training


def test_the_loss_falls_below_what_frequencies_alone_give_on_what_is_held_out(
    config: PretrainConfig, data: PretrainingData, tmp_path: Path
) -> None:
    longer = dataclasses.replace(config, steps=300)
    events = list(pretrain(longer, data, tmp_path / "encoder"))
    losses = [event.loss for event in of(PretrainStepDone, events)]
    assert len(losses) == 300
    assert np.mean(losses[-20:]) < 0.85 * np.mean(losses[:20])
    shares = np.bincount(data.train.tokens, minlength=len(data.vocabulary)) / len(data.train)
    seen = data.held_out.tokens[(data.held_out.tokens > 4) & (shares[data.held_out.tokens] > 0)]
    assert of(HeldOutEvaluated, events)[-1].loss < 0.9 * -np.log(shares[seen] / shares[5:].sum()).mean()


def test_rates_climb_and_fall_to_nothing_and_stages_follow_the_config(
    done: tuple[Path, list[Any]], config: PretrainConfig
) -> None:
    steps = of(PretrainStepDone, done[1])
    assert [event.step for event in steps] == list(range(1, 25))
    assert steps[-1].rate == pytest.approx(config.rate / 24 / (1 - config.warmup))
    assert max(event.rate for event in steps[1:]) == steps[1].rate
    taken = np.diff([0, *(event.tokens for event in steps)])
    assert taken.tolist() == [256] * 12 + [512] * 12


@pytest.mark.parametrize("progress", [0.0, 0.005, 0.01, 0.5, 1.0])
def test_the_rate_of_a_config_with_a_time(progress: float) -> None:
    found = PretrainConfig(minutes=3, rate=2e-3, warmup=0.01).rate_at(progress)
    expected = 2e-3 * (max(progress, 1e-5) / 0.01 if progress < 0.01 else (1 - progress) / 0.99)
    assert found == pytest.approx(expected)


def test_a_config_with_a_time_ends_by_it_with_a_rate_of_nothing(
    config: PretrainConfig, data: PretrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 10**6))  # one second per call
    monkeypatch.setattr("labkit.pretraining.pretrainer.time.monotonic", lambda: float(next(clock)))
    timed = dataclasses.replace(config, steps=None, minutes=5.0)
    events = list(pretrain(timed, data, tmp_path / "encoder"))
    steps = of(PretrainStepDone, events)
    assert 300 - 20 < steps[-1].seconds < 300 + 20
    assert steps[-1].progress > 0.95
    assert steps[-1].rate < 0.05 * config.rate
    assert of(StateSaved, events)


def test_the_loss_is_that_of_transformers_at_the_hidden_places(config: PretrainConfig, data: PretrainingData) -> None:
    torch.manual_seed(0)
    model = MaskedLM(small_config(config, data), torch.float32)
    sequences = cut_sequences(data.train, np.array([0, 50, 300]), 32)
    masked = mask_whole_words(sequences, 0.15, (41, len(data.vocabulary)), np.random.default_rng(0))
    labels = torch.full(masked.tokens.shape, -100)
    for row, (places, targets, counted) in enumerate(
        zip(masked.positions, masked.targets, masked.is_target, strict=True)
    ):
        labels[row, torch.from_numpy(places[counted])] = torch.from_numpy(targets[counted])
    expected = model.bert(input_ids=torch.from_numpy(masked.tokens), labels=labels)
    loss = model(masked)
    torch.testing.assert_close(loss, expected.loss)
    scored = model.score(masked)
    assert scored.loss / scored.num_masked == pytest.approx(expected.loss.item(), rel=1e-4)
    assert scored.num_correct == int((expected.logits.argmax(-1) == labels).sum())


# --- stopping and going on


def test_going_on_gives_what_going_through_gives(
    done: tuple[Path, list[Any]], config: PretrainConfig, data: PretrainingData, tmp_path: Path
) -> None:
    folder = tmp_path / "encoder"
    events: list[Any] = []
    for steps in (5, 10, 30):  # in the first stage, across the change to the second, to the end
        events += list(pretrain(config, data, folder, should_stop=stopped_after(steps)))
    assert [event.resumed for event in of(PretrainStarted, events)] == [0, 5, 15]
    assert [event.stopped for event in of(PretrainFinished, events)] == [True, True, False]
    assert [event.loss for event in of(PretrainStepDone, events)] == [
        event.loss for event in of(PretrainStepDone, done[1])
    ]
    ours, theirs = (load_file(place / "model.safetensors") for place in (folder, done[0]))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_what_is_saved_now_and_then_is_there_after_a_kill(
    config: PretrainConfig, data: PretrainingData, tmp_path: Path
) -> None:
    folder = tmp_path / "encoder"
    going: Iterator[Any] = pretrain(config, data, folder, save_interval_s=0.0)
    for event in going:
        if isinstance(event, PretrainStepDone) and event.step == 8:
            break  # step 7 was saved
    going.close()  # type: ignore[attr-defined]
    assert not (folder / "model.safetensors").exists()
    assert of(PretrainStarted, [next(pretrain(config, data, folder))])[0].resumed == 7


def test_time_already_trained_counts(config: PretrainConfig, data: PretrainingData, tmp_path: Path) -> None:
    folder = tmp_path / "encoder"
    first = of(PretrainStepDone, list(pretrain(config, data, folder, should_stop=stopped_after(6))))
    second = of(PretrainStepDone, list(pretrain(config, data, folder, should_stop=stopped_after(1))))
    assert second[0].seconds > first[-1].seconds
    assert second[0].tokens > first[-1].tokens


@pytest.mark.parametrize("changed", [{"seed": 1}, {"width": 64}, {"steps": 99}])
def test_another_config_does_not_go_on_in_the_same_folder(
    config: PretrainConfig, data: PretrainingData, tmp_path: Path, changed: dict[str, Any]
) -> None:
    list(pretrain(config, data, tmp_path / "encoder", should_stop=stopped_after(1)))
    name, value = next(iter(changed.items()))
    with pytest.raises(ValueError, match=f"cannot go on: {name} changed from .* to {value};"):
        list(pretrain(dataclasses.replace(config, **changed), data, tmp_path / "encoder"))


def test_other_text_does_not_go_on_in_the_same_folder(
    config: PretrainConfig, data: PretrainingData, tmp_path: Path
) -> None:
    list(pretrain(config, data, tmp_path / "encoder", should_stop=stopped_after(1)))
    other = dataclasses.replace(data, held_out=data.train)
    with pytest.raises(ValueError, match="cannot go on: text changed from"):
        list(pretrain(config, other, tmp_path / "encoder"))


def test_a_damaged_state_is_told(config: PretrainConfig, data: PretrainingData, tmp_path: Path) -> None:
    folder = tmp_path / "encoder"
    list(pretrain(config, data, folder, should_stop=stopped_after(1)))
    whole = (folder / checkpoint.STATE_FILE).read_bytes()
    (folder / checkpoint.STATE_FILE).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"cannot be read .* remove it to start again"):
        list(pretrain(config, data, folder))
    save_file({"something": torch.zeros(1)}, folder / checkpoint.STATE_FILE)
    with pytest.raises(ValueError, match=r"cannot be read .* remove it to start again"):
        list(pretrain(config, data, folder))


def test_an_encoder_is_not_written_over(
    done: tuple[Path, list[Any]], config: PretrainConfig, data: PretrainingData
) -> None:
    before = (done[0] / "model.safetensors").read_bytes()
    with pytest.raises(ValueError, match="holds an encoder already; remove it, or give another name"):
        list(pretrain(config, data, done[0]))
    assert (done[0] / "model.safetensors").read_bytes() == before


# --- what comes out


def test_the_folder_loads_without_a_warning(done: tuple[Path, list[Any]]) -> None:
    program = (
        "import sys, warnings, logging\nwarnings.simplefilter('error')\n"
        "from transformers import AutoModel, AutoTokenizer\n"
        "model, about = AutoModel.from_pretrained(sys.argv[1], output_loading_info=True)\n"
        "assert not any(about.values()), about\n"
        "tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])\n"
        "model.float()(**tokenizer('昨天老师在北京看书', return_tensors='pt'))\n"
    )
    done_ = subprocess.run([sys.executable, "-c", program, str(done[0])], capture_output=True, text=True)
    assert done_.returncode == 0, done_.stderr
    assert "UNEXPECTED" not in done_.stderr
    assert "MISSING" not in done_.stderr


def test_the_encoder_is_the_trained_one_in_half_precision(
    done: tuple[Path, list[Any]], config: PretrainConfig, data: PretrainingData, tmp_path: Path
) -> None:
    folder = tmp_path / "encoder"
    list(pretrain(config, data, folder, should_stop=stopped_after(23)))
    model = BertForMaskedLM(small_config(config, data))
    trained = load_file(folder / checkpoint.STATE_FILE)
    encoder = AutoModel.from_pretrained(done[0], dtype=torch.float32)
    assert {each.dtype for each in load_file(done[0] / "model.safetensors").values()} == {torch.float16}
    for name, _ in model.bert.named_parameters():
        if "embeddings" not in name:  # some rows of those are copies; the last step of all hardly moves the rest
            torch.testing.assert_close(
                encoder.get_parameter(name), trained[f"weight bert.{name}"], atol=2e-3, rtol=2e-3
            )


def test_continued_letters_are_copies_of_the_letters(done: tuple[Path, list[Any]]) -> None:
    tokenizer = AutoTokenizer.from_pretrained(done[0])
    table = AutoModel.from_pretrained(done[0]).embeddings.word_embeddings.weight
    for token in CONTINUATION_TOKENS:
        first, second = (tokenizer.get_vocab()[each] for each in (token, token[2:]))
        assert torch.equal(table[first], table[second])


def test_a_folder_of_data_is_in_the_menu_once_it_is_finished(
    config: PretrainConfig, data: PretrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    folder = tmp_path / "data" / "encoders" / "mine"
    list(pretrain(config, data, folder, should_stop=stopped_after(2)))
    assert "mine" not in list_encoders()
    list(pretrain(config, data, folder))
    assert "mine" in list_encoders()
    assert not (folder / checkpoint.STATE_FILE).exists()


def test_sums_are_those_of_the_files(done: tuple[Path, list[Any]]) -> None:
    rows = [line.split("  ") for line in (done[0] / "SHA256SUMS").read_text().splitlines()]
    assert {"model.safetensors", "config.json", "tokenizer.json", "vocab.txt"} <= {name for _, name in rows}
    assert all(hashlib.sha256((done[0] / name).read_bytes()).hexdigest() == sha256 for sha256, name in rows)


def test_the_card_tells_what_was_measured_and_none_of_the_text(
    done: tuple[Path, list[Any]], data: PretrainingData
) -> None:
    card = (done[0] / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlanguage: zh\n")
    last = of(HeldOutEvaluated, done[1])[-1]
    for expected in (
        "python -m labkit pretrain --steps 24",
        f"{last.loss:.3f}",
        f"{len(data.train):,} tokens",
        "seed 0",
    ):
        assert expected in card
    assert "昨天" not in card
    assert not set("{}") & set(card)
    assert json.loads((done[0] / "config.json").read_text())["hidden_dropout_prob"] == 0.1


# --- first weights


def small_config(config: PretrainConfig, data: PretrainingData) -> BertConfig:
    return BertConfig(
        vocab_size=len(data.vocabulary),
        hidden_size=config.width,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        intermediate_size=config.inner,
        max_position_embeddings=config.max_sequence_length,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )


def test_heads_of_the_lowest_layers_look_at_their_neighbours_first(data: PretrainingData) -> None:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=60, hidden_size=256, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=64
    )
    model = BertForMaskedLM(config)
    model.set_attn_implementation("eager")
    initialisation.set_neighbour_attention(model)
    with torch.no_grad():
        found = model.bert.eval()(torch.randint(5, 60, (8, 64)), output_attentions=True).attentions[0].mean(0)
    for head, offset in enumerate(initialisation.HEAD_OFFSETS[0]):
        seen = [int(found[head, place].argmax()) - place for place in range(4, 60)]
        assert np.mean([each == offset for each in seen]) > 0.9


def test_vectors_of_tokens_that_stand_in_the_same_places_are_near(data: PretrainingData) -> None:
    torch.manual_seed(0)
    vectors = initialisation.compute_ppmi_embeddings(data.train, len(data.vocabulary), 32)
    numbers = {token: number for number, token in enumerate(data.vocabulary)}

    def likeness(one: str, other: str) -> float:
        return F.cosine_similarity(vectors[numbers[one]], vectors[numbers[other]], dim=0).item()

    assert likeness("北", "上") > likeness("北", "师")
    assert not vectors[:5].any()
    lengths = vectors.norm(dim=1)
    assert torch.allclose(lengths[lengths > 0], torch.tensor(0.02 * 32**0.5))


# --- bad input


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"minutes": 3.0}, "give minutes or steps, one of them"),
        ({"steps": None}, "give minutes or steps, one of them"),
        ({"steps": 0}, "steps must be above 0, not 0"),
        ({"rate": -1.0}, "rate must be above 0"),
        ({"share": 0.9}, "share must be above 0 and at most 0.5, not 0.9"),
        ({"width": 33}, "width must be an even number for each of 2 heads, not 33"),
        ({"seed": -1}, "seed must be from 0"),
    ],
)
def test_a_config_that_cannot_be_is_refused(config: PretrainConfig, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(config, **changes)
