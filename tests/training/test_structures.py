"""That every structure learns: each tags a corpus by heart that is small enough for it."""

import pytest

from labkit.config import RunConfig
from labkit.events import Evaluated, ParamGroupsBuilt, RunFinished
from labkit.model.checkpoint import load_tagger
from labkit.training.trainer import train
from tests.long_cases import mostly_long

CHANGES = {
    "BiLSTM and CRF": {},
    "IDCNN and CRF": {"downstream": "idcnn", "head_rate": 3e-3},
    "nothing and CRF": {"downstream": "none"},
    "BiLSTM and softmax": {"decoder": "softmax"},
    "IDCNN and softmax": {"downstream": "idcnn", "decoder": "softmax", "head_rate": 3e-3},
    "nothing and softmax": {"downstream": "none", "decoder": "softmax"},
    "mix of layers": {"mix_layers": True},
    "projection": {"projection_size": 24},
    "tanh layer": {"tanh_size": 24},
    "all of them": {"mix_layers": True, "projection_size": 24, "tanh_size": 24},
    "IDCNN on a projected mix": {"downstream": "idcnn", "head_rate": 3e-3, "mix_layers": True, "projection_size": 24},
}
# each structure, decoder and further layer at least once
KEPT = {"BiLSTM and CRF", "IDCNN and softmax", "nothing and CRF", "all of them", "IDCNN on a projected mix"}


@pytest.fixture
def corpus(tiny_corpus, tmp_path):
    """Its dev part is its training part."""
    for part in ("train", "dev"):
        (tmp_path / f"{part}.txt").write_text((tiny_corpus / "train.txt").read_text("utf-8"), "utf-8")
    return tmp_path


@pytest.mark.parametrize("name", mostly_long(CHANGES, KEPT.__contains__))
def test_it_learns_a_small_corpus_by_heart_and_the_audit_shows_its_head(name, corpus, tiny_encoder, tmp_path):
    config = RunConfig(
        encoder=str(tiny_encoder),
        corpus=str(corpus),
        epochs=20,
        evaluate_every=20,
        batch_size=8,
        encoder_rate=1e-3,
        head_rate=1e-2,
        dropout=0.0,
        lstm_size=16,
        idcnn_filters=24,
        precision="float32",
        device="cpu",
        keep="best",
    ).replace(**CHANGES[name])
    events = list(train(config, tmp_path))
    assert isinstance(events[-1], RunFinished)
    assert events[-1].state == "completed", events[-1]
    assert max(event.f1 for event in events if isinstance(event, Evaluated)) >= 0.95
    (audit,) = (event.groups for event in events if isinstance(event, ParamGroupsBuilt))
    assert [group.name for group in audit] == ["encoder", "head"]
    weights = load_tagger(tmp_path).model
    assert audit[1].parameters == sum(p.numel() for n, p in weights.named_parameters() if not n.startswith("encoder."))


def test_a_crf_rate_where_softmax_decodes_ends_the_run_in_words(corpus, tiny_encoder):
    config = RunConfig(encoder=str(tiny_encoder), corpus=str(corpus), decoder="softmax", crf_rate=0.1, device="cpu")
    end = list(train(config))[-1]
    assert end.state == "failed"
    assert "there is no CRF for a CRF rate of 0.1" in end.reason
