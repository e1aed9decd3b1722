import copy

import pytest
import torch
from transformers import AutoModel

from labkit.config import RunConfig
from labkit.model.fast import NoSpeedUp
from labkit.model.head_config import HeadConfig
from labkit.model.tagger import Tagger
from labkit.presets import preset_values
from labkit.training.param_groups import (
    ParamGroup,
    build_optimizer_groups,
    build_param_groups,
    check_partition,
    set_rates,
)
from labkit.training.schedules import SCHEDULES
from tests.model.structures import STRUCTURES


@pytest.fixture
def tagger(tiny_encoder):
    torch.manual_seed(0)
    return Tagger(AutoModel.from_pretrained(tiny_encoder), 5, HeadConfig(lstm_size=8))


def test_every_parameter_is_in_exactly_one_group_and_the_audit_adds_up(tagger):
    groups = build_param_groups(tagger, RunConfig(crf_rate=0.05), total_steps=100)
    assert [group.name for group in groups] == ["encoder", "head", "crf"]
    names = [name for group in groups for name in group.parameters]
    assert sorted(names) == sorted(name for name, _ in tagger.named_parameters())
    audits = [group.describe(NoSpeedUp()) for group in groups]
    assert sum(audit.parameters for audit in audits) == sum(p.numel() for p in tagger.parameters())
    assert audits[0].parameters == sum(p.numel() for p in tagger.encoder.parameters())
    assert audits[2].parameters == 5 * 5 + 5 + 5


def test_without_a_rate_of_its_own_the_crf_belongs_to_the_head(tagger):
    head = build_param_groups(tagger, RunConfig(), 100)[1]
    assert {"crf.transitions", "crf.start_transitions", "linear.weight"} <= set(head.parameters)


@pytest.mark.parametrize("name", STRUCTURES)
def test_of_every_structure_all_but_the_encoder_is_head(name, tiny_encoder):
    structure = STRUCTURES[name]
    tagger = Tagger(AutoModel.from_pretrained(tiny_encoder), 5, structure)
    encoder, head = build_param_groups(tagger, RunConfig(), 100)
    assert {name.partition(".")[0] for name in encoder.parameters} == {"encoder"}
    parts = {
        "mix": structure.mix_layers,
        "projection": structure.projection_size > 0,
        "lstm": structure.downstream == "bilstm",
        "idcnn": structure.downstream == "idcnn",
        "hidden": structure.tanh_size > 0,
        "linear": True,
        "crf": structure.decoder == "crf",
    }
    assert {name.partition(".")[0] for name in head.parameters} == {part for part, there in parts.items() if there}
    assert head.describe(NoSpeedUp()).parameters == sum(
        len(p.flatten()) for n, p in tagger.named_parameters() if n[:8] != "encoder."
    )


def test_a_crf_rate_without_a_crf_is_refused_in_words(tiny_encoder):
    tagger = Tagger(AutoModel.from_pretrained(tiny_encoder), 5, HeadConfig(decoder="softmax"))
    with pytest.raises(ValueError, match=r"no CRF for a CRF rate of 0\.02; leave the rate out, or choose"):
        build_param_groups(tagger, RunConfig(decoder="softmax", crf_rate=0.02), 100)
    assert [group.name for group in build_param_groups(tagger, RunConfig(decoder="softmax"), 100)] == [
        "encoder",
        "head",
    ]


def test_a_parameter_in_two_groups_or_in_none_is_an_error_that_names_it(tagger):
    encoder, head = build_param_groups(tagger, RunConfig(), 100)
    short = copy.copy(head)
    short.decay_parameters = {name: p for name, p in head.decay_parameters.items() if name != "linear.weight"}
    with pytest.raises(ValueError, match=r"in no group would never be trained: linear\.weight"):
        check_partition(tagger, [encoder, short])
    with pytest.raises(ValueError, match="is in the groups encoder and encoder"):
        check_partition(tagger, [encoder, encoder, head])


def test_biases_and_layer_norms_are_never_decayed(tagger):
    groups = build_param_groups(tagger, RunConfig(head_weight_decay=0.1), 100)
    for entry in build_optimizer_groups(groups):
        dimensions = {parameter.dim() >= 2 for parameter in entry["params"]}
        assert dimensions == {entry["weight_decay"] > 0}


def group(schedule, warmup=0, total=100, **more):
    return ParamGroup("head", 1.0, schedule, warmup, 0.0, total, **more)


def test_linear_climbs_to_its_peak_then_falls_as_transformers_own_does():
    from transformers import get_linear_schedule_with_warmup

    ours = group("linear", warmup=10)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = get_linear_schedule_with_warmup(optimizer, 10, 100)
    for step in range(100):
        optimizer.step()
        # transformers begins its warm-up at 0, a step that would move nothing; ours is one step ahead until the peak
        if step >= 10:
            assert ours.rate_at(step) == pytest.approx(theirs.get_last_lr()[0])
        else:
            assert ours.rate_at(step) == pytest.approx((step + 1) / 10)
        theirs.step()


def test_staircase_halves_at_each_step_count_and_constant_stays():
    stairs = group("staircase", staircase_steps=30, staircase_factor=0.5)
    assert [stairs.rate_at(step) for step in (0, 29, 30, 59, 60, 90)] == [1, 1, 0.5, 0.5, 0.25, 0.125]
    assert {group("constant").rate_at(step) for step in range(100)} == {1.0}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_late_start_begins_warm_up_and_schedule_over_the_steps_that_are_left(schedule):
    late = group(schedule, warmup=10, start_step=40, staircase_steps=30)
    whole = group(schedule, warmup=10, total=60, staircase_steps=30)
    assert [late.rate_at(step) for step in range(100)] == [0.0] * 40 + [whole.rate_at(step) for step in range(60)]


@pytest.mark.parametrize(("total", "start", "warmup"), [(100, 20, 8), (7, 1, 1), (1, 0, 0)])
def test_only_the_encoder_starts_late_and_takes_at_least_the_last_step(tagger, total, start, warmup):
    config = RunConfig(encoder_start=0.2, encoder_warmup=0.1, crf_rate=0.1)
    encoder, *others = build_param_groups(tagger, config, total)
    assert (encoder.start_step, encoder.warmup_steps) == (start, warmup)
    assert {other.start_step for other in others} == {0}
    assert build_param_groups(tagger, config.replace(encoder_start=0.9), total)[0].rate_at(total - 1) > 0


def test_the_articles_preset_has_its_pair_of_schedules(tagger):
    encoder, head = build_param_groups(tagger, RunConfig(**preset_values("article")), total_steps=20_000)
    assert (encoder.peak_rate, encoder.schedule, encoder.warmup_steps, encoder.weight_decay) == (
        5e-5,
        "linear",
        1000,
        0.01,
    )
    assert [head.rate_at(step) for step in (0, 4999, 5000, 15000)] == [1e-4, 1e-4, 5e-5, 1.25e-5]


def test_set_rates_gives_each_entry_the_rate_of_its_group(tagger):
    groups = build_param_groups(tagger, RunConfig(encoder_rate=1e-5, head_rate=1e-2), 100)
    optimizer = torch.optim.AdamW(build_optimizer_groups(groups))
    rates = set_rates(optimizer, groups, 50)
    assert rates["head"] == pytest.approx(1000 * rates["encoder"])
    for entry in optimizer.param_groups:
        assert entry["lr"] == rates[entry["group"]]
