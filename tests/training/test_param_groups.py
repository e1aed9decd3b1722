import copy

import pytest
import torch
from transformers import AutoModel

from labkit.config import RunConfig
from labkit.model.fast.subset_embedding import replace_embedding
from labkit.model.head_config import HeadConfig
from labkit.model.tagger import Tagger
from labkit.presets import preset_values
from labkit.training.param_groups import (
    ParamGroup,
    build_optimizer_groups,
    build_param_groups,
    check_partition,
    clip_gradients,
    set_rates,
)
from tests.model.structures import STRUCTURES


@pytest.fixture
def tagger(tiny_encoder):
    torch.manual_seed(0)
    return Tagger(AutoModel.from_pretrained(tiny_encoder), 5, HeadConfig(lstm_size=8))


def fill_gradients(model):
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)


def test_every_parameter_is_in_exactly_one_group_and_the_audit_adds_up(tagger):
    groups = build_param_groups(tagger, RunConfig(crf_rate=0.05), total_steps=100)
    assert [group.name for group in groups] == ["encoder", "head", "crf"]
    names = [name for group in groups for name in group.parameters]
    assert sorted(names) == sorted(name for name, _ in tagger.named_parameters())
    audits = [group.describe() for group in groups]
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
    assert head.describe().parameters == sum(
        len(p.flatten()) for n, p in tagger.named_parameters() if n[:8] != "encoder."
    )


def test_a_crf_rate_without_a_crf_is_refused_in_words(tiny_encoder):
    tagger = Tagger(AutoModel.from_pretrained(tiny_encoder), 5, HeadConfig(decoder="softmax"))
    with pytest.raises(ValueError, match=r"no CRF for a crf_rate of 0\.02; leave the rate out, or choose"):
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
    for entry in build_optimizer_groups(build_param_groups(tagger, RunConfig(head_weight_decay=0.1), 100)):
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


@pytest.mark.parametrize("largest", [0.5, 1e9])
def test_clipping_equals_torchs_own_and_tells_each_groups_norm(tagger, largest):
    fill_gradients(tagger)
    twin = copy.deepcopy(tagger)
    fill_gradients(twin)
    groups = build_param_groups(tagger, RunConfig(), 100)
    norms = clip_gradients(groups, largest)
    total = torch.nn.utils.clip_grad_norm_(twin.parameters(), largest)
    assert sum(norm**2 for norm in norms.values()).sqrt().item() == pytest.approx(total.item(), rel=1e-5)
    for ours, theirs in zip(tagger.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_an_optimizer_that_scales_on_its_way_moves_weights_as_after_clipping(tagger):
    twin = copy.deepcopy(tagger)
    groups = build_param_groups(tagger, RunConfig(), 100)
    ours = torch.optim.AdamW(tagger.parameters(), lr=0.1, fused=True)
    theirs = torch.optim.AdamW(twin.parameters(), lr=0.1, fused=True)
    for largest in (0.5, 1e9, 0.25, 0):  # after a step that is clipped, one that is not
        for model in (tagger, twin):
            fill_gradients(model)
        clip_gradients(groups, largest, ours)
        if largest:
            torch.nn.utils.clip_grad_norm_(twin.parameters(), largest)
        for optimizer in (ours, theirs):
            optimizer.step()
    for ours, theirs in zip(tagger.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_clip_of_zero_leaves_gradients_alone(tagger):
    fill_gradients(tagger)
    before = [parameter.grad.clone() for parameter in tagger.parameters()]
    clip_gradients(build_param_groups(tagger, RunConfig(), 100), 0)
    for parameter, gradient in zip(tagger.parameters(), before, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_rows_of_the_table_that_no_sentence_touches_rest_and_only_decay(tiny_encoder):
    encoder = AutoModel.from_pretrained(tiny_encoder)
    table = encoder.get_input_embeddings().weight.detach().clone()
    replace_embedding(encoder, torch.tensor([0, 2, 3]))
    tagger = Tagger(encoder, 3)
    groups = build_param_groups(tagger, RunConfig(encoder_weight_decay=0.5), total_steps=10)
    audit = next(group.describe() for group in groups if group.name == "encoder")
    assert audit.frozen_parameters == (len(table) - 3) * 32
    assert audit.parameters + audit.frozen_parameters == sum(value.numel() for value in encoder.state_dict().values())
    for group in groups:
        group.decay_frozen_rows(0.1)
    found = encoder.state_dict()["embeddings.word_embeddings.weight"]
    torch.testing.assert_close(found[5], table[5] * 0.95)
    assert torch.equal(found[2], table[2])


def test_the_norm_of_many_values_is_as_exact_as_that_of_few():
    parameter = torch.nn.Parameter(torch.zeros(3_000_017))
    parameter.grad = torch.randn(3_000_017, generator=torch.Generator().manual_seed(0)) * 1e-3
    group = ParamGroup("head", 1e-3, "constant", 0, 0.0, 10, decay_parameters={"weight": parameter})
    exact = parameter.grad.double().norm().item()
    assert clip_gradients([group], 0)["head"].item() == pytest.approx(exact, rel=2e-6)
