"""The registry of downstream structures, against the choices of a run's settings."""

import pytest
import torch
from torch import nn
from transformers import AutoModel, AutoTokenizer

from labkit.config import run_settings
from labkit.data.corpora import Sentence
from labkit.data.featurize import Featurizer
from labkit.model.downstream import DOWNSTREAM, Structure
from labkit.model.head_config import HeadConfig
from labkit.model.tagger import Tagger

LENGTHS = torch.tensor([3, 7, 1])
MASK = torch.arange(7) < LENGTHS[:, None]
NETWORKS = [name for name, structure in DOWNSTREAM.items() if structure]


def test_the_registry_holds_what_a_run_can_choose():
    assert tuple(DOWNSTREAM) == run_settings()["downstream"].choices


@pytest.mark.parametrize("name", NETWORKS)
def test_every_structure_gives_each_word_its_output_size_and_padding_zeros(name):
    torch.manual_seed(0)
    network = DOWNSTREAM[name].build(HeadConfig(downstream=name, lstm_size=4, idcnn_filters=6), 5)
    assert isinstance(network, nn.Module)
    output = network(torch.randn(3, 7, 5), MASK, LENGTHS)
    assert output.shape == (3, 7, network.output_size)
    assert not output[~MASK].any()


@pytest.mark.parametrize("name", NETWORKS)
def test_no_structures_weights_share_a_name_with_another_part_of_a_tagger(name, tiny_encoder):
    bare = Tagger(AutoModel.from_pretrained(tiny_encoder), 3, HeadConfig(downstream="none"))
    assert not hasattr(bare, DOWNSTREAM[name].attribute)
    assert [structure.attribute for structure in DOWNSTREAM.values() if structure].count(
        DOWNSTREAM[name].attribute
    ) == 1


class Doubled(nn.Module):
    """A structure that this test adds: one linear layer, twice as wide as its input."""

    def __init__(self, size):
        super().__init__()
        self.linear = nn.Linear(size, 2 * size)
        self.output_size = 2 * size

    def forward(self, words, mask, lengths):
        assert mask.sum(1).tolist() == lengths.tolist()
        return self.linear(words) * mask[:, :, None]


def test_a_structure_is_built_run_trained_and_saved_by_its_line_in_the_registry(tiny_encoder, monkeypatch):
    monkeypatch.setitem(DOWNSTREAM, "bilstm", Structure("doubled", lambda head, size: Doubled(size)))
    tagger = Tagger(AutoModel.from_pretrained(tiny_encoder), 3, HeadConfig(projection_size=10, tanh_size=7))
    featurizer = Featurizer(AutoTokenizer.from_pretrained(tiny_encoder), ("O", "B-PER", "I-PER"), max_pieces=32)
    sentences = [Sentence(("anna", "went"), ("B-PER", "O")), Sentence(("ben",), ("B-PER",))]
    tagger(featurizer.collate(featurizer.featurize(sentences))).backward()
    assert tagger.doubled.linear.weight.grad.any()
    assert tagger.hidden.weight.shape == (7, 20)
    assert "doubled.linear.weight" in tagger.state_dict()
