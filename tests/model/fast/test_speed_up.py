"""The door between training and the fast implementation: who owns gradients, who steps, clips and decays."""

import pytest
import torch
from torch import nn
from transformers import AutoModel, AutoTokenizer

from labkit.data.corpora import Sentence
from labkit.data.featurize import Featurizer
from labkit.model.fast import FastTagger, NoSpeedUp, SpeedUp, build_speed_up
from labkit.model.head_config import HeadConfig
from labkit.model.tagger import Tagger

CPU = torch.device("cpu")


def tagger_of(kind, encoder):
    torch.manual_seed(0)
    return kind(AutoModel.from_pretrained(encoder), 5, HeadConfig(lstm_size=8))


def prepared(kind, encoder, alone=True, token_ids=None):
    """A tagger and its speed-up, of all tokens if none are given."""
    tagger = tagger_of(kind, encoder)
    rows = torch.arange(len(tagger.encoder.get_input_embeddings().weight)) if token_ids is None else token_ids
    return tagger, build_speed_up(tagger, rows, CPU, torch.float32, trains_encoder_alone=alone)


def optimizer_of(tagger, **options):
    """Two groups, as a run has them."""
    of_encoder = set(tagger.encoder.parameters())
    head = [parameter for parameter in tagger.parameters() if parameter not in of_encoder]
    groups = {"encoder": list(tagger.encoder.parameters()), "head": head}
    entries = [{"params": group, "group": name} for name, group in groups.items()]
    return torch.optim.AdamW(entries, fused=True, **options)


@pytest.fixture
def batch(tiny_encoder):
    featurizer = Featurizer(AutoTokenizer.from_pretrained(tiny_encoder), ("O", "B-PER"), max_pieces=32)
    return featurizer.collate(featurizer.featurize([Sentence(("anna", "went", "home"), ("B-PER", "O", "O"))]))


def test_it_belongs_to_the_fast_tagger_alone(tiny_encoder):
    assert type(prepared(FastTagger, tiny_encoder)[1]) is SpeedUp
    assert type(prepared(Tagger, tiny_encoder)[1]) is NoSpeedUp


@pytest.mark.parametrize("kind", [FastTagger, Tagger])
def test_a_step_overwrites_the_gradients_of_the_step_before_and_adds_within_it(kind, tiny_encoder, batch):
    tagger, speed_up = prepared(kind, tiny_encoder)
    optimizer = optimizer_of(tagger.eval(), lr=0.0)
    norms = []
    for passes in (1, 2, 1):
        for _ in range(passes):
            tagger(batch).backward()
        norms.append({name: norm.item() for name, norm in speed_up.clip_gradients(optimizer, 0.0).items()})
        optimizer.step()
        speed_up.after_step(optimizer)
        optimizer.zero_grad()
        assert all(parameter.grad is None for entry in optimizer.param_groups for parameter in entry["params"])
    assert norms[0] == norms[2]
    assert norms[1] == {name: pytest.approx(2 * norm, rel=1e-4) for name, norm in norms[0].items()}


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("kind", [FastTagger, Tagger])
def test_clipped_steps_are_those_after_torchs_own_clipping_and_norms_those_before(kind, alone, tiny_encoder):
    tagger, speed_up = prepared(kind, tiny_encoder, alone)
    twin = tagger_of(Tagger, tiny_encoder)
    twin.load_state_dict(tagger.state_dict())
    ours = optimizer_of(tagger, lr=0.1, weight_decay=0.0)
    theirs = torch.optim.AdamW(twin.parameters(), lr=0.1, weight_decay=0.0, fused=True)
    for largest in (0.5, 1e9, 0.25, 0):  # after a step that is clipped, one that is not
        for parameter in twin.parameters():
            parameter.grad = torch.full_like(parameter, 0.5)
        for entry in ours.param_groups:
            for parameter in entry["params"]:
                parameter.grad = torch.full_like(parameter, 0.5)
        norms = speed_up.clip_gradients(ours, largest)
        total = nn.utils.clip_grad_norm_(twin.parameters(), largest or torch.inf)
        assert sum(norm**2 for norm in norms.values()).sqrt().item() == pytest.approx(total.item(), rel=1e-5)
        ours.step()
        theirs.step()
    for name, weight in twin.state_dict().items():
        torch.testing.assert_close(tagger.state_dict()[name], weight)


def test_rows_of_the_table_that_no_sentence_touches_only_decay(tiny_encoder):
    tagger, speed_up = prepared(FastTagger, tiny_encoder, token_ids=torch.tensor([0, 2, 3]))
    table = AutoModel.from_pretrained(tiny_encoder).get_input_embeddings().weight
    parameters = list(tagger.encoder.parameters())
    assert speed_up.count_frozen(parameters) == (len(table) - 3) * 32
    assert speed_up.count_frozen(tagger.linear.parameters()) == 0
    weights = sum(value.numel() for value in tagger.encoder.state_dict().values())
    assert sum(each.numel() for each in parameters) + speed_up.count_frozen(parameters) == weights
    speed_up.after_step(optimizer_of(tagger, lr=0.1, weight_decay=0.5))
    found = tagger.encoder.state_dict()["embeddings.word_embeddings.weight"]
    torch.testing.assert_close(found[5], table[5] * 0.95)
    assert torch.equal(found[2], table[2])


def test_the_norm_of_many_values_is_as_exact_as_that_of_few(tiny_encoder):
    parameter = nn.Parameter(torch.zeros(3_000_017))
    parameter.grad = torch.randn(3_000_017, generator=torch.Generator().manual_seed(0)) * 1e-3
    _, speed_up = prepared(FastTagger, tiny_encoder)
    norms = speed_up.clip_gradients(torch.optim.AdamW([{"params": [parameter], "group": "head"}], fused=True), 0)
    assert norms["head"].item() == pytest.approx(parameter.grad.double().norm().item(), rel=2e-6)
