import pytest
import torch
from torch import nn
from transformers import AutoModel

from labkit.model.fast.subset_embedding import SubsetEmbedding, replace_embedding

LIVE = torch.tensor([0, 2, 5, 6, 9])
STEPS = [[2, 5, 0], [9, 9, 2], [6, 0, 0], [2, 5, 6]]


def whole():
    torch.manual_seed(0)
    return nn.Embedding(12, 4, padding_idx=0)


def trained(embedding, decayed=lambda rate: None):
    """A few steps of AdamW with a decay that can be seen."""
    optimizer = torch.optim.AdamW(embedding.parameters(), lr=0.1, weight_decay=0.5)
    for number, pieces in enumerate(STEPS):
        rate = 0.1 / (number + 1)
        optimizer.param_groups[0]["lr"] = rate
        embedding(torch.tensor([pieces])).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        decayed(rate)
    return embedding


def test_training_it_gives_the_weights_that_training_the_whole_table_gives():
    expected = trained(whole()).state_dict()["weight"]
    live = SubsetEmbedding(whole(), LIVE)
    trained(live, lambda rate: live.decay_frozen_rows(1 - rate * 0.5))
    torch.testing.assert_close(live.state_dict()["weight"], expected)


@pytest.mark.parametrize("passes", [1, 2])
def test_with_a_gradient_of_its_own_it_is_trained_just_the_same(passes):
    twin, owning = SubsetEmbedding(whole(), LIVE), SubsetEmbedding(whole(), LIVE)
    owning.enable_inplace_gradients()
    for each in (twin, owning):
        optimizer = torch.optim.AdamW(each.parameters(), lr=0.1, weight_decay=0.5)
        for number in range(len(STEPS)):
            for pieces in STEPS[number : number + passes]:
                each(torch.tensor([pieces])).square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()
    torch.testing.assert_close(owning.weight, twin.weight)


def test_its_own_gradient_is_that_of_the_last_step_and_its_rows_have_all_of_the_norm():
    live = SubsetEmbedding(whole(), LIVE)
    live.enable_inplace_gradients()
    for pieces in STEPS:
        live.weight.grad = None
        live(torch.tensor([pieces])).square().sum().backward()
        twin = SubsetEmbedding(whole(), LIVE)
        twin(torch.tensor([pieces])).square().sum().backward()
        torch.testing.assert_close(live.weight.grad, twin.weight.grad)
        assert len(live.nonzero_gradient()) == len(set(pieces))
        torch.testing.assert_close(live.nonzero_gradient().norm(), twin.nonzero_gradient().norm())
        assert twin.nonzero_gradient() is twin.weight.grad


def test_where_its_weights_rest_nothing_is_written_and_the_loss_has_no_gradient_there():
    live = SubsetEmbedding(whole(), LIVE)
    live.enable_inplace_gradients()
    live.weight.requires_grad_(False)
    assert not live(torch.tensor([[2, 5]])).requires_grad
    assert live.weight.grad is None


def test_moved_it_goes_on_with_a_gradient_of_its_own_of_the_new_type():
    live = SubsetEmbedding(whole(), LIVE)
    live.enable_inplace_gradients()
    live(torch.tensor([[2, 9]])).sum().backward()
    live.weight.grad = None
    live.double()(torch.tensor([[5, 5]])).sum().backward()
    assert live.weight.grad.dtype == torch.float64
    assert live.weight.grad.sum(1).tolist() == [0, 0, 8, 0, 0]


def test_every_piece_can_be_read_in_evaluation_resting_ones_decayed():
    expected = trained(whole())
    live = SubsetEmbedding(whole(), LIVE)
    trained(live, lambda rate: live.decay_frozen_rows(1 - rate * 0.5)).eval()
    every = torch.arange(12)[None]
    torch.testing.assert_close(live(every), expected(every))


def test_a_state_dict_of_either_loads_in_the_other():
    torch.manual_seed(5)
    other = nn.Embedding(12, 4)
    live = SubsetEmbedding(whole(), LIVE)
    live.decay_frozen_rows(0.1)
    live.load_state_dict(other.state_dict())
    assert torch.equal(live.eval()(torch.arange(12)), other.weight)
    back = nn.Embedding(12, 4)
    back.load_state_dict(live.state_dict())
    assert torch.equal(back.weight, other.weight)


def test_only_live_rows_are_parameters_and_the_rest_is_counted():
    live = SubsetEmbedding(whole(), LIVE)
    assert [tuple(parameter.shape) for parameter in live.parameters()] == [(5, 4)]
    assert live.num_frozen_weights == 7 * 4


def test_moving_it_keeps_the_live_rows_part_of_the_table():
    live = SubsetEmbedding(whole(), LIVE).double()
    with torch.no_grad():
        live.weight[1] = 7
    assert (live.eval()(torch.tensor([2])) == 7).all()
    assert live.weight.dtype == torch.float64


def test_an_encoder_reads_the_same_after_its_table_was_split(tiny_encoder):
    encoder = AutoModel.from_pretrained(tiny_encoder).eval()
    pieces = torch.tensor([[3, 8, 9, 4]])
    expected = encoder(input_ids=pieces).last_hidden_state
    names = set(encoder.state_dict())
    live = replace_embedding(encoder, torch.tensor([0, 3, 4, 8]))
    assert live is not None
    assert set(encoder.state_dict()) == names
    torch.testing.assert_close(encoder(input_ids=pieces).last_hidden_state, expected)


def test_where_every_piece_occurs_nothing_is_split(tiny_encoder):
    encoder = AutoModel.from_pretrained(tiny_encoder)
    rows = len(encoder.get_input_embeddings().weight)
    assert replace_embedding(encoder, torch.arange(rows)) is None
    assert type(encoder.get_input_embeddings()) is nn.Embedding


def test_an_embedding_that_changes_rows_by_itself_is_refused():
    with pytest.raises(ValueError, match="max_norm"):
        SubsetEmbedding(nn.Embedding(4, 2, max_norm=1.0), torch.tensor([0]))
