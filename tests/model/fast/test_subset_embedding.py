import pytest
import torch
from torch import nn
from transformers import AutoModel

from labkit.model.fast.subset_embedding import SubsetEmbedding, replace_embedding

TRAINED = torch.tensor([0, 2, 5, 6, 9])
STEPS = [[2, 5, 0], [9, 9, 2], [6, 0, 0], [2, 5, 6]]


def whole():
    torch.manual_seed(0)
    return nn.Embedding(12, 4, padding_idx=0)


def trained(embedding, decayed=lambda rate: None):
    """A few steps of AdamW with a decay that can be seen."""
    optimizer = torch.optim.AdamW(embedding.parameters(), lr=0.1, weight_decay=0.5)
    for number, input_ids in enumerate(STEPS):
        rate = 0.1 / (number + 1)
        optimizer.param_groups[0]["lr"] = rate
        embedding(torch.tensor([input_ids])).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        decayed(rate)
    return embedding


def test_training_it_gives_the_weights_that_training_the_whole_table_gives():
    expected = trained(whole()).state_dict()["weight"]
    subset = SubsetEmbedding(whole(), TRAINED)
    trained(subset, lambda rate: subset.decay_frozen_rows(1 - rate * 0.5))
    torch.testing.assert_close(subset.state_dict()["weight"], expected)


@pytest.mark.parametrize("passes", [1, 2])
def test_with_a_gradient_of_its_own_it_is_trained_just_the_same(passes):
    twin, owning = SubsetEmbedding(whole(), TRAINED), SubsetEmbedding(whole(), TRAINED)
    owning.enable_inplace_gradients()
    for each in (twin, owning):
        optimizer = torch.optim.AdamW(each.parameters(), lr=0.1, weight_decay=0.5)
        for number in range(len(STEPS)):
            for input_ids in STEPS[number : number + passes]:
                each(torch.tensor([input_ids])).square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()
    torch.testing.assert_close(owning.weight, twin.weight)


def test_its_own_gradient_is_that_of_the_last_step_and_its_rows_have_all_of_the_norm():
    subset = SubsetEmbedding(whole(), TRAINED)
    subset.enable_inplace_gradients()
    for input_ids in STEPS:
        subset.weight.grad = None
        subset(torch.tensor([input_ids])).square().sum().backward()
        twin = SubsetEmbedding(whole(), TRAINED)
        twin(torch.tensor([input_ids])).square().sum().backward()
        torch.testing.assert_close(subset.weight.grad, twin.weight.grad)
        assert len(subset.nonzero_gradient()) == len(set(input_ids))
        torch.testing.assert_close(subset.nonzero_gradient().norm(), twin.nonzero_gradient().norm())
        assert twin.nonzero_gradient() is twin.weight.grad


def test_where_its_weights_are_frozen_nothing_is_written_and_the_loss_has_no_gradient_there():
    subset = SubsetEmbedding(whole(), TRAINED)
    subset.enable_inplace_gradients()
    subset.weight.requires_grad_(False)
    assert not subset(torch.tensor([[2, 5]])).requires_grad
    assert subset.weight.grad is None


def test_moved_it_goes_on_with_a_gradient_of_its_own_of_the_new_type():
    subset = SubsetEmbedding(whole(), TRAINED)
    subset.enable_inplace_gradients()
    subset(torch.tensor([[2, 9]])).sum().backward()
    subset.weight.grad = None
    subset.double()(torch.tensor([[5, 5]])).sum().backward()
    assert subset.weight.grad.dtype == torch.float64
    assert subset.weight.grad.sum(1).tolist() == [0, 0, 8, 0, 0]


def test_every_token_can_be_read_in_evaluation_frozen_ones_decayed():
    expected = trained(whole())
    subset = SubsetEmbedding(whole(), TRAINED)
    trained(subset, lambda rate: subset.decay_frozen_rows(1 - rate * 0.5)).eval()
    every = torch.arange(12)[None]
    torch.testing.assert_close(subset(every), expected(every))


def test_a_state_dict_of_either_loads_in_the_other():
    torch.manual_seed(5)
    other = nn.Embedding(12, 4)
    subset = SubsetEmbedding(whole(), TRAINED)
    subset.decay_frozen_rows(0.1)
    subset.load_state_dict(other.state_dict())
    assert torch.equal(subset.eval()(torch.arange(12)), other.weight)
    back = nn.Embedding(12, 4)
    back.load_state_dict(subset.state_dict())
    assert torch.equal(back.weight, other.weight)


def test_only_trained_rows_are_parameters_and_the_rest_is_counted():
    subset = SubsetEmbedding(whole(), TRAINED)
    assert [tuple(parameter.shape) for parameter in subset.parameters()] == [(5, 4)]
    assert subset.num_frozen_weights == 7 * 4


def test_moving_it_keeps_the_trained_rows_part_of_the_table():
    subset = SubsetEmbedding(whole(), TRAINED).double()
    with torch.no_grad():
        subset.weight[1] = 7
    assert (subset.eval()(torch.tensor([2])) == 7).all()
    assert subset.weight.dtype == torch.float64


def test_an_encoder_reads_the_same_after_its_table_was_split(tiny_encoder):
    encoder = AutoModel.from_pretrained(tiny_encoder).eval()
    input_ids = torch.tensor([[3, 8, 9, 4]])
    expected = encoder(input_ids=input_ids).last_hidden_state
    names = set(encoder.state_dict())
    subset = replace_embedding(encoder, torch.tensor([0, 3, 4, 8]))
    assert subset is not None
    assert set(encoder.state_dict()) == names
    torch.testing.assert_close(encoder(input_ids=input_ids).last_hidden_state, expected)


def test_where_every_token_occurs_nothing_is_split(tiny_encoder):
    encoder = AutoModel.from_pretrained(tiny_encoder)
    rows = len(encoder.get_input_embeddings().weight)
    assert replace_embedding(encoder, torch.arange(rows)) is None
    assert type(encoder.get_input_embeddings()) is nn.Embedding


def test_an_embedding_that_changes_rows_by_itself_is_refused():
    with pytest.raises(ValueError, match="max_norm"):
        SubsetEmbedding(nn.Embedding(4, 2, max_norm=1.0), torch.tensor([0]))
