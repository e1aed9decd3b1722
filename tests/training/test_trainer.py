import dataclasses
import json
import math
import re
import shutil
import statistics
from collections import Counter

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from labkit.config import RunConfig
from labkit.data.batching import epoch_batches
from labkit.events import (
    CheckpointSaved,
    CorpusRead,
    CrfTransitions,
    Evaluated,
    LineWriter,
    ParamGroupsBuilt,
    RateChanged,
    RateRequested,
    RunFinished,
    StepDone,
    StopRequested,
    TrainingPlanned,
    WeightsMoved,
)
from labkit.model.checkpoint import load_tagger
from labkit.model.fast.encoder import FastEncoder
from labkit.plots.live import figure_of
from labkit.runs.entity_errors import match_entities
from labkit.runs.predictions import read_predictions
from labkit.runs.run import Run
from labkit.training import config_checks, saved_predictions, setup, trainer
from labkit.training.evaluation import EntityCounts, Evaluation
from labkit.training.trainer import train
from tests.several import in_two_processes


@pytest.fixture
def config(tiny_encoder, tiny_corpus):
    return RunConfig(
        encoder=str(tiny_encoder),
        corpus=str(tiny_corpus),
        epochs=2,
        batch_size=8,
        encoder_rate=1e-3,
        head_rate=1e-2,
        lstm_size=16,
        precision="float32",
        device="cpu",
    )


def only(kind, events):
    return [event for event in events if isinstance(event, kind)]


def losses(events):
    return [event.loss for event in only(StepDone, events)]


def test_a_run_tells_its_story_in_order_and_ends(config, tmp_path):
    events = list(train(config, tmp_path))
    (plan,) = only(TrainingPlanned, events)
    (corpus,) = only(CorpusRead, events)
    assert (corpus.train_sentences, corpus.dev_sentences, corpus.test_sentences) == (40, 10, 10)
    assert (plan.steps, plan.steps_per_epoch) == (10, 5)
    steps = only(StepDone, events)
    assert [event.step for event in steps] == list(range(1, 11))
    assert steps[-1].epoch == pytest.approx(2.0)
    assert [(event.split, event.step) for event in only(Evaluated, events)] == [("dev", 5), ("dev", 10), ("test", 10)]
    assert isinstance(events[-1], RunFinished)
    assert events[-1].state == "completed"
    seconds = [event.seconds for event in events]
    assert all(value >= 0 for value in seconds)
    assert [audit.name for audit in only(ParamGroupsBuilt, events)[0].groups] == ["encoder", "head"]


def test_a_run_tells_what_its_tags_alone_can_reach(config):
    read = [next(event for event in train(config.replace(**changes)) if isinstance(event, CorpusRead)) for changes in
            ({}, {"train_limit": 6})]  # fmt: skip
    assert all(0 < event.conditional_tag_entropy < event.tag_entropy < math.log(len(event.tags)) for event in read)
    assert read[0].tag_entropy != read[1].tag_entropy, "of the sentences that are trained on"
    assert read[0].unknown_tokens == read[0].cut_entities == {"train": 0, "dev": 0, "test": 0}
    assert "loss without reading a word" in read[0].describe_entropies()


def test_the_share_of_clipped_steps_is_counted_over_all_groups_together(config):
    events = list(train(config.replace(clip_norm=1.0)))
    norms = [math.hypot(*event.gradient_norms.values()) for event in only(StepDone, events)]
    shares = {}
    for limit in (0.0, statistics.median(norms), 1000.0):
        run = Run(config=config.replace(clip_norm=limit))
        for event in events:
            run.add(event)
        shares[limit] = run.clipped_share
    assert list(shares.values()) == [None, 0.5, 0.0]


def test_a_small_corpus_can_be_memorised(config):
    events = list(train(config.replace(epochs=15, dropout=0.0, encoder_schedule="constant", head_schedule="constant")))
    assert max(event.f1 for event in only(Evaluated, events)) >= 0.95


@pytest.mark.parametrize("downstream", ["bilstm", "none"])
def test_the_same_seed_gives_the_same_losses_and_another_seed_others(config, downstream):
    config = config.replace(downstream=downstream)
    first, again = losses(train(config)), losses(train(config))
    assert first == again
    assert losses(train(config.replace(seed=1))) != first


def weights_after(config, folder):
    list(train(config.replace(keep="last"), folder))
    return load_tagger(folder).model.state_dict()


@pytest.mark.parametrize(("still", "moving"), [("head", "encoder"), ("encoder", "head")])
def test_a_rate_of_zero_moves_only_the_other_group(config, tmp_path, still, moving):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    config = config.replace(**{f"{still}_rate": 0.0})
    short = weights_after(config.replace(epochs=1), tmp_path / "a")
    long = weights_after(config.replace(epochs=2), tmp_path / "b")
    moved = {name.split(".")[0] == "encoder" for name in short if not torch.equal(short[name], long[name])}
    assert moved == {moving == "encoder"}


def test_accumulated_batches_take_the_step_of_one_large_batch(config):
    plain = config.replace(dropout=0.0, epochs=1, clip_norm=0.0, train_limit=16)
    large = only(StepDone, train(plain.replace(batch_size=16)))
    small = only(StepDone, train(plain.replace(batch_size=4, accumulate=4)))
    assert len(large) == len(small) == 1
    assert small[0].tokens == large[0].tokens


@pytest.mark.parametrize(
    ("precision", "by_rows", "multiple"), [("float32", True, 8), ("bfloat16", True, 32), ("float32", False, 1)]
)
def test_batches_fill_the_rows_that_the_encoder_computes(config, monkeypatch, precision, by_rows, multiple):
    asked = []

    def batches(*given):
        asked.append(given[-1])
        return epoch_batches(*given)

    monkeypatch.setattr(trainer, "epoch_batches", batches)
    if not by_rows:
        monkeypatch.setattr(FastEncoder, "is_supported", staticmethod(lambda encoder: False))
    steps = only(StepDone, train(config.replace(precision=precision, train_limit=16)))
    assert steps
    assert asked == [multiple] * config.epochs


def test_a_token_budget_decides_the_batches_and_the_plan_holds_in_every_epoch(config):
    events = list(train(config.replace(token_budget=40, accumulate=2)))
    (plan,) = only(TrainingPlanned, events)
    steps = only(StepDone, events)
    assert plan.steps == 2 * plan.steps_per_epoch == len(steps)
    tokens = [step.tokens for step in steps]
    assert max(after - before for before, after in zip([0, *tokens], tokens, strict=False)) <= 2 * 40
    halves = tokens[plan.steps_per_epoch - 1], tokens[-1] - tokens[plan.steps_per_epoch - 1]
    assert halves[0] == halves[1]


def test_stop_ends_the_run_after_the_step_and_keeps_a_usable_model(config, tmp_path):
    events = []
    for event in train(config.replace(epochs=50), tmp_path):
        events.append(event)
        if isinstance(event, StepDone) and event.step >= 7:
            writer = LineWriter(tmp_path / "control.jsonl")
            writer.write(StopRequested())
            writer.close()
    assert events[-1].state == "stopped"
    assert (events[-1].step < 50 * 5, events[-1].early) == (True, False)
    assert all(event.split == "dev" for event in only(Evaluated, events))
    assert only(CheckpointSaved, events)[-1].name == "last"
    assert len(load_tagger(tmp_path / "last").predict([["anna", "went", "home"]])[0]) == 3


@pytest.mark.parametrize("keep", ["best", "last"])
def test_a_run_whose_folder_was_deleted_fails_and_does_not_make_it_anew(config, tmp_path, keep):
    folder = tmp_path / "run"
    folder.mkdir()
    for event in train(config.replace(keep=keep), folder):
        if isinstance(event, Evaluated) and folder.exists():
            shutil.rmtree(folder)
    assert (event.state, event.reason) == (
        "failed",
        f"the folder {folder} is gone; it was deleted or renamed while it was in use",
    )
    assert not folder.exists()


def test_a_rate_asked_for_while_training_is_taken_from_the_next_step_on(config, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "REPORT_INTERVAL_S", 0.0)
    asked, events = False, []
    for event in train(config.replace(head_schedule="constant", head_warmup=0.0), tmp_path):
        events.append(event)
        if isinstance(event, StepDone) and event.step == 3 and not asked:
            asked = True
            writer = LineWriter(tmp_path / "control.jsonl")
            writer.write(RateRequested("head", 0.5e-2))
            writer.close()
    (change,) = only(RateChanged, events)
    for step in only(StepDone, events):
        assert step.rates["head"] == (1e-2 if step.step <= change.step else 0.5e-2)


def scale_the_loss(monkeypatch, factor, from_step):
    """The tagger's loss is multiplied from a step on."""
    forward = setup.Tagger.forward
    calls = iter(range(1, 10_000))
    scaled = lambda self, batch: forward(self, batch) * (factor if next(calls) >= from_step else 1.0)  # noqa: E731
    monkeypatch.setattr(setup.Tagger, "forward", scaled)


@pytest.mark.parametrize(("group", "thaws"), [("head", False), ("encoder", True)])
def test_a_frozen_encoder_is_computed_again_only_once_its_own_rate_is_set(config, tmp_path, monkeypatch, group, thaws):
    monkeypatch.setattr(trainer, "REPORT_INTERVAL_S", 0.0)
    writer = LineWriter(tmp_path / "control.jsonl")
    writer.write(RateRequested(group, 1e-3))
    writer.close()
    steps = only(StepDone, train(config.replace(encoder_rate=0.0, keep="none"), tmp_path))
    assert set(steps[0].gradient_norms) == {"head"}
    assert set(steps[-1].gradient_norms) == ({"encoder", "head"} if thaws else {"head"})


def test_an_encoder_with_a_late_start_stays_as_it_is_until_then(config):
    events = list(train(config.replace(encoder_start=0.5)))
    steps = only(StepDone, events)
    assert [step.rates["encoder"] > 0 for step in steps] == [False] * 5 + [True] * 5
    assert [set(step.gradient_norms) for step in steps] == [{"head"}] * 5 + [{"encoder", "head"}] * 5
    moves = only(WeightsMoved, events)
    assert [move.step for move in moves if move.distances["encoder"] > 0] == [6, 8, 10]
    assert all(move.distances["head"] > 0 for move in moves)


@pytest.mark.parametrize("implementation", ["fast", "reference"])
def test_an_encoder_with_a_late_start_takes_the_first_step_of_an_optimizer(config, tmp_path, implementation):
    """AdamW's first step is as long as the rate, wherever there is a gradient."""
    late = config.replace(encoder_start=0.9, encoder_weight_decay=0.0, implementation=implementation, keep="last")
    list(train(late, tmp_path))
    before = AutoModel.from_pretrained(config.encoder).state_dict()
    after = load_tagger(tmp_path / "last").model.encoder.state_dict()
    moved = torch.cat([(after[name] - before[name]).flatten() for name in after])
    assert moved.abs().max() == pytest.approx(config.encoder_rate, rel=1e-3)


def test_a_rate_set_before_the_encoder_starts_is_its_peak_and_starts_no_sooner(config, tmp_path):
    writer = LineWriter(tmp_path / "control.jsonl")
    writer.write(RateRequested("encoder", 5e-4))
    writer.close()
    late = config.replace(encoder_start=0.5, encoder_warmup=0.0, keep="none")
    rates = [step.rates["encoder"] for step in only(StepDone, train(late, tmp_path))]
    assert rates == [0.0] * 5 + [pytest.approx(5e-4 * share) for share in (1, 0.8, 0.6, 0.4, 0.2)]


def test_a_loss_that_explodes_ends_the_run_as_failed_with_step_rates_and_a_hint(config, monkeypatch):
    scale_the_loss(monkeypatch, 1e4, from_step=6)
    events = list(train(config))
    last = events[-1]
    assert last.state == "failed"
    mean = statistics.fmean(losses(events)[-5:])
    assert f"The loss exploded to {mean:.3g} per word, the mean of the last 5 steps, at step 6 (rates: " in last.reason
    assert "Lower the encoder rate" in last.hint  # 1e-3 is the more unusual of the two


def test_a_run_of_fewer_steps_than_are_judged_together_is_judged_at_its_end(config, monkeypatch):
    scale_the_loss(monkeypatch, 1e4, from_step=2)
    events = list(train(config.replace(epochs=1, batch_size=16)))
    mean = statistics.fmean(losses(events))
    assert len(losses(events)) == 3
    assert events[-1].state == "failed"
    assert f"exploded to {mean:.3g} per word, the mean of the last 3 steps, at step 3" in events[-1].reason


def scored(monkeypatch, **losses):
    """Each part's loss is told as it stands here, whatever comes out."""
    score = trainer._Trainer._evaluate_windows

    def changed(self, part):
        name = next(name for name in ("train", "dev", "test") if getattr(self.setup, name) is part)
        return dataclasses.replace(score(self, part), **({"loss": losses[name]} if name in losses else {}))

    monkeypatch.setattr(trainer._Trainer, "_evaluate_windows", changed)


def test_a_dev_loss_that_explodes_fails_the_run_after_its_evaluation_is_told(config, monkeypatch, tmp_path):
    scored(monkeypatch, dev=1639894.0)
    events = list(train(config, tmp_path))
    assert [event.loss for event in only(Evaluated, events)] == [1639894.0]
    assert (events[-1].state, events[-1].step) == ("failed", 5)
    assert events[-1].reason.startswith(
        "The dev loss exploded to 1.64e+06 per word at step 5 (peak rates: encoder 1e-3"
    )
    assert "Lower the encoder rate" in events[-1].hint
    assert not (tmp_path / "best").exists()


@pytest.mark.parametrize("part", ["dev", "test"])
def test_a_score_that_is_no_number_is_told_as_such(config, monkeypatch, part):
    asked = []

    def scores(self, batch):
        found = forward(self, batch)
        asked.append(self.training)
        evaluations = [each for each in asked if not each]
        return found * float("nan") if len(evaluations) > (part == "test") else found

    forward = setup.Tagger.scores
    monkeypatch.setattr(setup.Tagger, "scores", scores)
    events = list(train(config.replace(epochs=1)))
    assert [event.split for event in only(Evaluated, events)] == (["dev"] if part == "test" else [])
    assert events[-1].state == "failed"
    assert events[-1].reason.startswith(f"The {part} loss is not a number at step 5 (peak rates: ")


def test_a_dev_loss_that_a_guess_would_beat_is_told_of_a_run_that_ends_well(config, monkeypatch):
    scored(monkeypatch, dev=7.25)
    end = list(train(config.replace(epochs=1)))[-1]
    assert end.state == "completed"
    assert re.match(r"The dev loss ended at 7\.25 per word \(F1 0\.\d{3}\), where .* evenly has 1\.61\.", end.reason)
    assert end.hint.startswith("Lower the encoder rate")


def test_a_dev_loss_that_is_usual_is_no_reason_to_tell_of(config):
    end = list(train(config.replace(epochs=1)))[-1]
    assert (end.state, end.reason, end.hint) == ("completed", "", "")


def test_no_loss_is_told_below_zero(config, monkeypatch):
    scale_the_loss(monkeypatch, -1e-9, from_step=1)
    scored(monkeypatch, dev=-1e-7, test=-1e-7)
    events = list(train(config.replace(epochs=1)))
    assert {event.loss for event in only(StepDone, events) + only(Evaluated, events)} == {0.0}


def test_a_loss_that_is_no_number_is_told_with_its_step(config, monkeypatch):
    scale_the_loss(monkeypatch, float("nan"), from_step=4)
    events = list(train(config))
    assert events[-1].state == "failed"
    assert events[-1].step == 4
    assert events[-1].reason.startswith("The loss is not a number at step 4 (rates: encoder ")
    assert "Lower the encoder rate" in events[-1].hint
    assert [event.loss for event in only(StepDone, events)][3] is None


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:116] DefaultCPUAllocator: can't allocate memory: you tried"),
        MemoryError(),
    ],
)
def test_running_out_of_memory_names_the_batch_size_and_what_to_try(config, monkeypatch, error):
    def broken(self, batch):
        raise error

    monkeypatch.setattr(setup.Tagger, "forward", broken)
    last = list(train(config))[-1]
    assert last.state == "failed"
    assert last.reason == "Out of memory at batch size 8, step 0."
    assert re.search(r"Try batch size 4 .*, a shorter longest window \(max_pieces (\d+) instead of 128\)", last.hint)
    assert "Traceback" in last.details


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"corpus": "no-such-corpus"}, "no-such-corpus"),
        ({"device": "cuda"}, "torch finds no GPU"),
        ({"precision": "float16"}, "float16 is not possible on a CPU"),
        ({"trackers": "tensorbored"}, "accelerate knows no 'tensorbored'"),
        ({"trackers": "comet_ml"}, "comet_ml is not installed here"),
    ],
)
def test_what_cannot_start_fails_with_one_sentence(config, changes, told):
    if changes.get("device") == "cuda" and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    last = list(train(config.replace(**changes)))[-1]
    assert last.state == "failed"
    assert told in last.reason
    assert "\n" not in last.reason


def test_a_tokenizer_that_belongs_to_another_model_is_told(config, tmp_path):
    folder = shutil.copytree(config.encoder, tmp_path / "narrow")
    model = AutoModel.from_pretrained(folder)
    model.resize_token_embeddings(12)
    model.save_pretrained(folder)
    last = list(train(config.replace(encoder=str(folder))))[-1]
    assert last.state == "failed"
    assert "has tokens that the encoder has no vector for" in last.reason


@pytest.mark.parametrize("part", ["dev", "test"])
def test_a_piece_without_a_vector_is_told_before_training_though_it_is_in_no_training_sentence(config, tmp_path, part):
    tokenizer = AutoTokenizer.from_pretrained(config.encoder)
    tokenizer.add_tokens(["zurich"])
    folder = shutil.copytree(config.encoder, tmp_path / "more")
    tokenizer.save_pretrained(folder)
    corpus = shutil.copytree(config.corpus, tmp_path / "corpus")
    config = config.replace(encoder=str(folder), corpus=str(corpus))
    assert list(train(config.replace(epochs=1)))[-1].state == "completed"  # what no sentence has may lack
    with (corpus / f"{part}.txt").open("a") as file:
        file.write("\n\nzurich\tB-LOC\n")
    events = list(train(config))
    assert "has tokens that the encoder has no vector for" in events[-1].reason
    assert not any(isinstance(event, StepDone) for event in events)


def test_running_out_of_memory_by_a_token_budget_advises_a_smaller_one(config, monkeypatch):
    def broken(self, batch):
        raise MemoryError

    monkeypatch.setattr(setup.Tagger, "forward", broken)
    last = list(train(config.replace(token_budget=600)))[-1]
    assert last.reason == "Out of memory at token budget 600, step 0."
    assert "Try token budget 300" in last.hint


def test_running_out_of_memory_in_an_evaluation_does_not_blame_the_batch_size(config, monkeypatch):
    def broken(*_):
        raise MemoryError

    monkeypatch.setattr(trainer, "evaluate", broken)
    last = list(train(config))[-1]
    assert last.reason == "Out of memory while evaluating, step 5."
    assert "shorter longest window" in last.hint
    assert "Try batch size" not in last.hint


def test_settings_that_are_changed_are_notes_of_the_run(config):
    (read,) = only(CorpusRead, train(config.replace(epochs=1, max_pieces=4096, batch_size=64)))
    assert "The longest window is 128, not 4096: the encoder reads no more." in read.notes
    assert "The batch (64) is larger than the training part (40 sentences)." in read.notes
    (read,) = only(CorpusRead, train(config.replace(epochs=1, token_budget=8)))
    assert any(re.fullmatch(r"\d+ windows are longer than the token budget \(8\).*", note) for note in read.notes)
    (read,) = only(CorpusRead, train(config.replace(epochs=1)))
    assert not re.search("longest window|larger than|token budget", " ".join(read.notes))


def test_evaluating_every_few_steps_adds_dev_points_inside_the_epochs(config):
    events = list(train(config.replace(evaluate_every=2)))
    assert [event.step for event in only(Evaluated, events) if event.split == "dev"] == [2, 4, 5, 6, 8, 10]


@pytest.mark.parametrize(
    ("keep", "folders"),
    [("best and last", {"best", "last"}), ("best", {"best"}), ("last", {"last"}), ("none", set())],
)
def test_only_the_weights_asked_for_are_kept(config, tmp_path, keep, folders):
    list(train(config.replace(keep=keep, epochs=1), tmp_path))
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == folders


def test_limits_draw_the_same_sentences_for_the_same_seed(config):
    (corpus,) = only(CorpusRead, train(config.replace(train_limit=16, dev_limit=4, test_limit=3, epochs=1)))
    assert (corpus.train_sentences, corpus.dev_sentences, corpus.test_sentences) == (16, 4, 3)


def test_runs_of_two_seeds_are_scored_on_the_same_sentences(config):
    supports = []
    for seed in (0, 1):
        run = train(config.replace(train_limit=16, dev_limit=4, test_limit=4, epochs=1, seed=seed))
        supports.append(
            [{name: score.support for name, score in event.types.items()} for event in only(Evaluated, run)]
        )
    gold = [[{name: count for name, count in types.items() if count} for types in run] for run in supports]
    assert gold[0] == gold[1]


def test_the_log_tells_the_sentences_that_are_scored_by_their_words_and_tags(config, tmp_path):
    def split(changes=(), **settings):
        folder = shutil.copytree(config.corpus, tmp_path / str(len([*tmp_path.iterdir()])))
        for part, old, new in changes:
            text = (folder / f"{part}.txt").read_text()
            assert old in text
            (folder / f"{part}.txt").write_text(text.replace(old, new, 1))
        events = train(config.replace(corpus=str(folder), **settings))
        corpus = next(event for event in events if isinstance(event, CorpusRead))
        return corpus.split_id("dev"), corpus.split_id("test")

    dev, test = split()
    train_only = [("train", "nothing\tO\n", "nothing\tO\nmuch\tB-ANY\n")]
    assert split(train_only, seed=7) == (dev, test), "a tag more in train numbers the tags anew"
    for old, new in (("rains\tO", "snows\tO"), ("\tB-PER", "\tB-LOC"), ("old\tO\nstation\tO", "oldstation\tO")):
        changed = split([("dev", old, new)])
        assert changed[0] != dev
        assert changed[1] == test
    assert split(dev_limit=9)[0] != dev
    assert split(dev_limit=9)[0] == split(dev_limit=9, train_limit=16, seed=7)[0]


def test_each_evaluation_tells_how_many_entities_there_are_and_were_predicted(config):
    untrained = config.replace(epochs=1, head_rate=0.0, encoder_rate=0.0)
    for event in only(Evaluated, train(untrained)):
        assert event.gold == sum(score.support for score in event.types.values()) > 0
        assert (event.predicted > 0) == any(event.types)
        assert event.f1 == pytest.approx(2 * event.recall * event.gold / (event.gold + event.predicted))


def test_each_evaluation_tells_the_crf_and_the_rules_that_decoding_broke(config):
    events = list(train(config))
    learnt = only(CrfTransitions, events)
    assert [event.step for event in learnt] == [event.step for event in only(Evaluated, events) if event.split == "dev"]
    tags = only(CorpusRead, events)[0].tags
    assert learnt[0].tags == tags
    assert len(learnt[0].start) == len(learnt[0].end) == len(learnt[0].transitions) == len(tags)
    assert learnt[0].transitions != learnt[1].transitions
    assert all(isinstance(event.illegal, int) for event in only(Evaluated, events))


@pytest.mark.parametrize("legal_only", [False, True])
def test_without_a_crf_broken_rules_are_counted_and_no_transitions_told(config, legal_only):
    events = list(train(config.replace(decoder="softmax", epochs=1, legal_only=legal_only)))
    assert only(CrfTransitions, events) == []
    assert all(isinstance(event.illegal, int) for event in only(Evaluated, events))
    assert events[-1].state == "completed"


def test_legal_only_does_not_hide_what_the_crf_would_have_broken(config):
    config = config.replace(epochs=1, head_rate=0.0, encoder_rate=0.0)  # untrained, and so often illegal
    free, legal = (
        [event.illegal for event in only(Evaluated, train(config.replace(legal_only=legal)))] for legal in (False, True)
    )
    assert free == legal
    assert free[0] > 0


def test_losses_are_read_from_the_device_a_few_times_a_second_not_each_step(config, monkeypatch):
    monkeypatch.setattr(trainer, "REPORT_INTERVAL_S", 1e9)
    reads = 0
    tolist = torch.Tensor.tolist

    def counted(self):
        nonlocal reads
        reads += self.is_floating_point()
        return tolist(self)

    monkeypatch.setattr(torch.Tensor, "tolist", counted)
    assert len(losses(train(config))) == 10
    # losses, norms and distances: at the first step, at the end of each of two epochs; the meter after all
    assert reads <= 9 + 3


def test_a_tracker_gets_loss_rates_and_scores(config, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(setup.Accelerator, "init_trackers", lambda *_, **__: None)
    monkeypatch.setattr(setup.Accelerator, "log", lambda self, values, step: told.append((step, values)))
    monkeypatch.setattr("accelerate.accelerator.filter_trackers", lambda *_, **__: [])
    monkeypatch.setattr(config_checks, "version", lambda name: "1.0")
    list(train(config.replace(trackers="tensorboard", epochs=1), tmp_path))
    assert {"loss", "rate/head", "rate/encoder"} <= set(told[0][1])
    assert any("dev f1" in values for _, values in told)


def test_two_processes_train_together_and_one_writes(config, tmp_path):
    script = (
        "import json, sys, pathlib\n"
        "from labkit.config import RunConfig\n"
        "from labkit.training.recorder import record\n"
        "print(record(RunConfig.from_dict(json.loads(sys.argv[1])), pathlib.Path(sys.argv[2])))\n"
    )
    folder = tmp_path / "run"
    folder.mkdir()
    in_two_processes(script, tmp_path, json.dumps(config.replace(profile=True).as_dict()), str(folder))
    lines = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    plan = next(line for line in lines if line["kind"] == "training planned")
    assert (plan["processes"], plan["steps_per_epoch"]) == (2, 3)
    assert [line["step"] for line in lines if line["kind"] == "step done"] == [1, 2, 3, 4, 5, 6]
    assert len([line for line in lines if line["kind"] == "operators profiled"]) == 1
    # not always the last line: a sample of the device may come behind it
    assert [line["state"] for line in lines if line["kind"] == "run finished"] == ["completed"]


TOGETHER = """
import json, pathlib, sys, time
import torch
from labkit.config import RunConfig
from labkit.events import RateRequested, RunFinished, StepDone, TrainingPlanned
from labkit.training.trainer import _Trainer

training = _Trainer(RunConfig.from_dict(json.loads(sys.argv[1])), None, time.time())
for event in training.events():
    if isinstance(event, TrainingPlanned):
        training.control_reader._read = lambda step: [RateRequested("encoder", 1e-2)] if step == 2 else []
    if isinstance(event, StepDone):
        assert ("encoder" in event.gradient_norms) == (event.step > 12)
own = [torch.cat([each.detach().flatten() for each in training.setup.tagger.parameters()])] * 2
both = [torch.empty_like(each) for each in own]
torch.distributed.all_gather(both, own[0])
if training.setup.accelerator.is_main_process:
    moved = sum(each.requires_grad for each in training.setup.tagger.encoder.parameters())
    told = {"apart": (both[0] - both[1]).abs().max().item(), "moved": moved, "early": event.early}
    pathlib.Path(sys.argv[2]).write_text(json.dumps(told))
torch.distributed.barrier()  # whoever ends first would take the others' store along
torch.distributed.destroy_process_group()
"""


def test_two_processes_unfreeze_the_encoder_and_stop_early_as_one(config, tmp_path):
    late = config.replace(encoder_rate=0.0, encoder_start=0.1, epochs=40, keep="none")
    late = late.replace(head_rate=1e-1, patience=1)  # a rate at which scores go up and down
    in_two_processes(TOGETHER, tmp_path, json.dumps(late.as_dict()), str(tmp_path / "told"))
    told = json.loads((tmp_path / "told").read_text())
    assert (told["apart"], told["early"]) == (0, True)
    assert told["moved"] > 0


@pytest.mark.parametrize("processes", range(1, 8))
@pytest.mark.parametrize("batches", [1, 2, 3, 7])
def test_every_process_gets_as_many_batches_and_every_batch_is_read(batches, processes):
    shares = [[*setup.shard_batches(range(batches), rank, processes)] for rank in range(processes)]
    assert {len(share) for share in shares} == {-(-batches // processes)}
    assert {batch for share in shares for batch in share} == set(range(batches))


def test_the_best_weights_predictions_are_kept_as_they_were_scored(config, tmp_path, monkeypatch):
    events = list(train(config.replace(epochs=3, dropout=0.0, train_limit=0, dev_limit=6), tmp_path))
    scored = only(Evaluated, events)
    best = max((event for event in scored if event.split == "dev"), key=lambda event: (event.f1, -event.loss))
    for part, event in (("dev", best), ("test", scored[-1])):
        told = read_predictions(tmp_path, part)
        assert (told.header.step, told.header.scored, told.header.truncated_at) == (
            best.step,
            6 if part == "dev" else 10,
            10,
        )
        counts = EntityCounts()
        for sentence in told.sentences.values():
            found = match_entities(sentence.gold, sentence.predicted)
            counts.gold.update(each.gold.type for each in found if each.gold)
            counts.predicted.update(each.predicted.type for each in found if each.predicted)
            counts.correct.update(each.gold.type for each in found if each.kind == "correct")
            assert not {"[UNK]", "[CLS]"} & set(sentence.words)
        assert counts.overall().f1 == pytest.approx(event.f1)
        assert counts.overall().support == sum(score.support for score in event.types.values())


def script_dev(monkeypatch, scores):
    """Six dev sentences are scored so many correct entities of two, and this loss, one evaluation after another."""
    left = list(scores)

    def scripted(tagger, encoder, windows, *_):
        correct, loss = left.pop(0) if windows.num_sentences == 6 else (1, 0.5)
        counts = EntityCounts(*(Counter(PER=count) for count in (2, 2, correct)))
        return Evaluation(loss, counts, 0, np.zeros(windows.num_words, np.int64))

    monkeypatch.setattr(trainer, "evaluate", scripted)


def test_weights_table_and_ring_agree_on_the_best_of_equal_scores(config, tmp_path, monkeypatch):
    script_dev(monkeypatch, [(1, 0.5), (1, 0.4), (1, 0.3), (1, 0.3), (0, 0.1)])
    events = list(train(config.replace(epochs=5, dev_limit=6, train_limit=8), tmp_path))
    run = Run(config=config)
    for event in events:
        run.add(event)
    assert [event.step for event in only(CheckpointSaved, events) if event.name == "best"] == [1, 2, 3]
    assert run.best.step == read_predictions(tmp_path, "dev").header.step == 3
    score = next(axes for axes in figure_of(run).axes if any("F1" in text.get_text() for text in axes.texts))
    (ring,) = [line for line in score.lines if line.get_markerfacecolor() == "none" and line.get_visible()]
    assert list(ring.get_xdata()) == [3]


STILL = [(2, 0.4), *[(1, 0.3)] * 5]  # the best F1 comes first, though the loss still falls


@pytest.mark.parametrize(
    ("scores", "changes", "epochs"),
    [
        (STILL, {}, 6),
        (STILL, {"patience": 2}, 3),
        ([(1, 0.5), (1, 0.4), (1, 0.4), (1, 0.4), (2, 0.9), (2, 0.9)], {"patience": 2}, 4),  # as good is not better
        (
            [(0, 0.9 - number / 10) for number in range(6)],
            {"patience": 1},
            6,
        ),  # F1 0 and a falling loss: it still learns
        (STILL, {"patience": 2, "min_epochs": 5}, 5),
        (STILL, {"patience": 5}, 6),  # the last evaluation ends the run anyway
        (STILL, {"patience": 1, "encoder_start": 0.5}, 4),  # until the encoder begins none counts
        (STILL * 4, {"patience": 3, "batch_size": 2, "evaluate_every": 1}, 1),  # four evaluations an epoch
    ],
)
def test_patience_ends_a_run_whose_scores_get_no_better(config, monkeypatch, scores, changes, epochs):
    script_dev(monkeypatch, scores)
    events = list(train(config.replace(epochs=6, dev_limit=6, train_limit=8).replace(**changes)))
    dev, test = ([event for event in only(Evaluated, events) if event.split == name] for name in ("dev", "test"))
    assert [dev[-1].epoch] == [event.epoch for event in test] == [epochs]
    early = epochs < 6
    assert (events[-1].state, events[-1].early) == (("stopped", True) if early else ("completed", False))
    assert events[-1].reason.startswith("No better F1 for" if early else "")


def test_a_run_that_stops_early_keeps_and_tests_its_best_weights_and_is_complete(config, tmp_path, monkeypatch):
    script_dev(monkeypatch, STILL)
    run = Run(config=config)
    for event in train(config.replace(epochs=6, patience=3, dev_limit=6, train_limit=8), tmp_path):
        run.add(event)
    assert run.finished.reason == "No better F1 for 3 evaluations; the best is 1.000, at epoch 1."
    assert (run.state, run.progress().step, run.progress().steps, run.progress().share) == ("stopped", 4, 6, 1.0)
    assert read_predictions(tmp_path, "test").header.step == run.best.step == 1
    assert {"best", "last"} <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize(("name", "most"), [("MAX_SENTENCES", 2), ("MAX_WORDS", 12)])
def test_no_more_predictions_are_kept_than_can_be_read_quickly(config, tmp_path, monkeypatch, name, most):
    monkeypatch.setattr(saved_predictions, name, most)
    list(train(config.replace(epochs=1), tmp_path))
    told = read_predictions(tmp_path, "dev")
    assert len(told.sentences) == 2
    assert max(told.sentences) < told.header.truncated_at < told.header.total
