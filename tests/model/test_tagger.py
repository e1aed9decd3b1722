import itertools

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from labkit.config import RunConfig
from labkit.data.corpora import Sentence
from labkit.data.featurize import Featurizer
from labkit.model.head_config import HeadConfig
from labkit.model.tagger import IMPLEMENTATIONS, Tagger, build_tagger
from tests.model.structures import STRUCTURES

TAGS = ("O", "B-PER", "I-PER")


@pytest.fixture(params=itertools.product(IMPLEMENTATIONS, STRUCTURES), ids=", ".join)
def tagger(request, tiny_encoder):
    implementation, structure = request.param
    torch.manual_seed(0)
    encoder = AutoModel.from_pretrained(tiny_encoder)
    return IMPLEMENTATIONS[implementation](encoder, len(TAGS), STRUCTURES[structure]).eval()


@pytest.fixture
def featurizer(tiny_encoder):
    return Featurizer(AutoTokenizer.from_pretrained(tiny_encoder), TAGS, max_pieces=32)


def batch_of(featurizer, *sentences):
    return featurizer.collate(featurizer.featurize([Sentence(tuple(words), tuple(tags)) for words, tags in sentences]))


ANNA = (["anna", "went", "home"], ["B-PER", "O", "O"])
LONG = (["yesterday", "benq", "smith", "saw", "the", "old", "station"], ["O", "B-PER", "I-PER", "O", "O", "O", "O"])


def path_score(crf, scores, path):
    """The score of one tag sequence, term by term; without a CRF, of its words alone. (Lafferty et al. 2001)"""
    if crf is None:
        return sum(scores[word, tag] for word, tag in enumerate(path))
    total = crf.start_transitions[path[0]] + crf.end_transitions[path[-1]]
    total = total + sum(scores[word, tag] for word, tag in enumerate(path))
    return total + sum(crf.transitions[a, b] for a, b in itertools.pairwise(path))


def test_the_loss_is_the_enumerated_negative_log_likelihood_per_word(tagger, featurizer):
    batch = batch_of(featurizer, ANNA, (["ben"], ["B-PER"]))
    with torch.no_grad():
        scores = tagger.scores(batch)
        expected = 0.0
        for row, words in enumerate(batch.word_counts.tolist()):
            paths = itertools.product(range(len(TAGS)), repeat=words)
            every = torch.stack([path_score(tagger.crf, scores[row], path) for path in paths])
            gold = path_score(tagger.crf, scores[row], batch.tags[row, :words].tolist())
            expected += (every.logsumexp(0) - gold).item()
        assert tagger(batch).item() == pytest.approx(expected / 4, rel=1e-5)


def test_decoding_finds_the_best_of_all_enumerated_paths(tagger, featurizer):
    batch = batch_of(featurizer, ANNA)
    with torch.no_grad():
        scores = tagger.scores(batch)
        best = max(itertools.product(range(3), repeat=3), key=lambda path: path_score(tagger.crf, scores[0], path))
        assert tagger.decode(scores, batch) == [list(best)]


def test_legal_tags_only_is_a_matter_of_decoding_and_not_of_the_loss(tiny_encoder, featurizer):
    settings = {"downstream": "none", "lstm_size": 8, "lstm_layers": 1, "dropout": 0.0}
    torch.manual_seed(0)
    free = build_tagger(AutoModel.from_pretrained(tiny_encoder), TAGS, settings).eval()  # a checkpoint older than it
    held = build_tagger(AutoModel.from_pretrained(tiny_encoder), TAGS, {**settings, "legal_only": True}).eval()
    held.load_state_dict(free.state_dict())
    batch = batch_of(featurizer, ANNA, (["ben"], ["B-PER"]))
    inside = torch.tensor([0.0, 1.0, 5.0]).expand(*batch.word_mask.shape, 3)
    assert free.decode(inside, batch) == [[2, 2, 2], [2]]
    assert held.decode(inside, batch) == [[1, 2, 2], [1]]
    torch.testing.assert_close(held(batch), free(batch), rtol=0, atol=0)


def test_padding_changes_nothing_for_a_sentence(tagger, featurizer):
    with torch.no_grad():
        alone = tagger.scores(batch_of(featurizer, ANNA))
        beside = tagger.scores(batch_of(featurizer, LONG, ANNA))
    torch.testing.assert_close(beside[1, :3], alone[0, :3])


def test_the_loss_per_word_does_not_grow_with_the_batch(tagger, featurizer):
    with torch.no_grad():
        one, eight = tagger(batch_of(featurizer, LONG)), tagger(batch_of(featurizer, *[LONG] * 8))
    torch.testing.assert_close(one, eight)


def test_scores_are_float32_under_bfloat16_autocast_and_the_loss_is_close(tagger, featurizer):
    batch = batch_of(featurizer, ANNA, LONG)
    with torch.no_grad():
        exact = tagger(batch)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            scores = tagger.scores(batch)
            rough = tagger(batch)
    assert scores.dtype == rough.dtype == torch.float32
    torch.testing.assert_close(rough, exact, rtol=0.03, atol=0.03)


def test_every_parameter_gets_a_gradient(tagger, featurizer):
    tagger.train()
    tagger(batch_of(featurizer, ANNA, LONG)).backward()
    assert [name for name, parameter in tagger.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS.values())
def test_the_mix_of_all_layers_is_that_of_hugging_faces_hidden_states(implementation, tiny_encoder, featurizer):
    head = HeadConfig(downstream="none", mix_layers=True)
    tagger = implementation(AutoModel.from_pretrained(tiny_encoder), 3, head).eval()
    batch = batch_of(featurizer, ANNA, LONG)
    with torch.no_grad():
        tagger.mix.scores.copy_(torch.tensor([0.3, -0.7]))
        tagger.mix.gain.fill_(1.3)
        found = tagger._encode(batch)
        output = tagger.encoder(batch.input_ids, batch.attention_mask, output_hidden_states=True)
        first, second = output.hidden_states[1:]
        shares = torch.tensor([0.3, -0.7]).softmax(0)
        for row, words in enumerate(batch.word_counts.tolist()):
            for word in range(words):
                place = batch.first_token[row, word]
                mixed = 1.3 * (shares[0] * first[row, place] + shares[1] * second[row, place])
                torch.testing.assert_close(found[row, word], mixed, rtol=1e-4, atol=1e-5)


def test_projection_and_tanh_layer_are_where_they_are_said_to_be(tiny_encoder, featurizer):
    structure = HeadConfig(downstream="none", projection_size=10, tanh_size=7)
    tagger = Tagger(AutoModel.from_pretrained(tiny_encoder), 3, structure).eval()
    batch = batch_of(featurizer, ANNA)
    with torch.no_grad():
        projected = tagger._encode(batch) @ tagger.projection.weight.T + tagger.projection.bias
        hidden = (projected @ tagger.hidden.weight.T + tagger.hidden.bias).tanh()
        expected = hidden @ tagger.linear.weight.T + tagger.linear.bias
        torch.testing.assert_close(tagger.scores(batch), expected)
    assert projected.shape[2] == 10
    assert hidden.shape[2] == 7


@pytest.mark.parametrize(("name", "known"), [("downstream", "bilstm, idcnn, none"), ("decoder", "crf, softmax")])
def test_what_does_not_exist_is_refused_with_what_does(name, known):
    with pytest.raises(ValueError, match=f"{name} must be one of {known}, not 'gru'"):
        HeadConfig(**{name: "gru"})


def test_a_runs_settings_and_a_head_have_the_same_defaults():
    assert HeadConfig.from_settings(RunConfig().as_dict()) == HeadConfig()
    assert HeadConfig(idcnn_dilations="1,12,3").dilations == (1, 12, 3)
