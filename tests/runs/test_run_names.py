"""What runs are called: after what differs from the first run of their corpus, once and for all."""

from pathlib import Path
from typing import Any

import pytest

from labkit.config import RunConfig
from labkit.runs.folder import read_label
from labkit.runs.run import Run
from labkit.runs.run_names import name_runs, short_names
from labkit.runs.store import RunStore
from tests.runs.samples import write_run

CONFIG = RunConfig(head_rate=5e-3)


def named(folder: Path, *configs: RunConfig) -> list[str]:
    for config in configs:
        write_run(folder, config, steps=2)
    return short_names(RunStore(folder).runs())


def test_a_name_tells_what_differs_from_the_first_run_of_the_corpus_rates_first(runs_folder: Path) -> None:
    other = CONFIG.replace(corpus="mine", epochs=1)
    configs = [CONFIG, CONFIG.replace(epochs=4, head_rate=3e-2), other, other.replace(downstream="idcnn"), CONFIG]
    assert named(runs_folder, *configs) == [
        "encoder 5e-5 · head 5e-3 · 3 epochs",
        "head 3e-2 · 4 epochs",
        "encoder 5e-5 · head 5e-3 · 1 epoch",
        "IDCNN",
        "encoder 5e-5 · head 5e-3 · 3 epochs",
    ]


def test_a_name_stays_whatever_is_trained_or_deleted_later(runs_folder: Path) -> None:
    before = named(runs_folder, CONFIG, CONFIG.replace(batch_size=8), CONFIG.replace(epochs=1))
    store = RunStore(runs_folder)
    store.delete(store.get(1), confirm=True)
    later = named(runs_folder, *(CONFIG.replace(seed=seed) for seed in (1, 2)))
    assert later == [*before[1:], "batch 16 · seed 1", "batch 16 · seed 2"]


def test_runs_in_a_folder_that_cannot_be_written_to_are_named_all_the_same(
    runs_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("labkit.runs.store.write_label", refuse)
    assert named(runs_folder, CONFIG, CONFIG.replace(epochs=1))[1] == "1 epoch"


def test_a_name_that_a_user_gave_wins_and_is_kept_beside_the_other(runs_folder: Path) -> None:
    named(runs_folder, CONFIG, CONFIG.replace(seed=1))
    store = RunStore(runs_folder)
    store.rename(store.get(2), "my name")
    assert list(name_runs(store.runs()).values())[1] == "#2 my name"
    assert read_label(runs_folder / "run-0002").named_after == ("seed",)
    store.rename(store.get(2), "")
    assert list(name_runs(RunStore(runs_folder).runs()).values())[1] == "#2 seed 1"


def test_of_many_differences_a_name_tells_those_that_fewest_earlier_runs_share(runs_folder: Path) -> None:
    alike = CONFIG.replace(encoder="other", downstream="none", epochs=5, batch_size=8, dropout=0.5)
    names = named(runs_folder, CONFIG, alike, alike, alike.replace(trackers="wandb"), alike.replace(max_pieces=8))
    assert names[1] == "5 epochs · batch 8 · other · no BiLSTM"
    assert "also log to wandb" in names[3]
    assert "window 8" in names[4]


def test_a_run_whose_settings_cannot_be_read_has_its_number_alone(runs_folder: Path) -> None:
    (write_run(runs_folder, CONFIG) / "config.json").write_text("{")
    assert list(name_runs(RunStore(runs_folder).runs()).values()) == ["#1"]


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"encoder": "prajjwal1/bert-tiny"}, "bert-tiny"),
        ({"epochs": 1}, "1 epoch"),
        ({"encoder_rate": 2e-5}, "encoder 2e-5"),
        ({"crf_rate": 0.1}, "CRF 1e-1"),
        ({"downstream": "none"}, "no BiLSTM"),
        ({"decoder": "softmax"}, "softmax"),
        ({"mix_layers": True}, "mix layers yes"),
        ({"head_schedule": "staircase"}, "head schedule staircase"),
        ({"train_limit": 4000}, "4,000 sentences"),
        ({"lstm_size": 256}, "BiLSTM 256"),
        ({"precision": "bfloat16"}, "bfloat16"),
        ({"dev_limit": 40}, "dev sentences 40"),
        ({"profile": True}, "encoder 5e-5 · head 5e-3 · 3 epochs"),
    ],
)
def test_a_part_of_a_name_tells_its_setting(change: dict[str, Any], part: str) -> None:
    assert short_names([Run(config=CONFIG), Run(config=CONFIG.replace(**change))])[1] == part
    assert short_names([Run(config=CONFIG.replace(train_limit=9)), Run(config=CONFIG)])[1] == "all sentences"


def test_every_setting_can_be_named() -> None:
    first = Run(config=CONFIG)
    for change in ({"trackers": "tensorboard"}, {"token_budget": 9}, {"keep": "none"}, {"crf_rate": 0.0}):
        name = short_names([first, Run(config=CONFIG.replace(**change))])[1]
        assert name.strip()
        assert "  " not in name
