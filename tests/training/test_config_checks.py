"""What is sure to fail is told before there is a run folder, in the words that the run would fail with."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from labkit.config import RunConfig
from labkit.events import RunFinished
from labkit.training import config_checks
from labkit.training.config_checks import TRACKERS, check_config
from labkit.training.trainer import train


@pytest.fixture
def config(tiny_encoder: Path, tiny_corpus: Path) -> RunConfig:
    return RunConfig(encoder=str(tiny_encoder), corpus=str(tiny_corpus), device="cpu", precision="float32")


def test_what_can_be_trained_passes(config: RunConfig) -> None:
    check_config(config)
    check_config(config.replace(crf_rate=1e-2))


def empty(place: Path, name: str) -> str:
    (place / "mine").mkdir()
    (place / "mine" / "train.txt").write_text("a\tB-X\n\n" * 3)
    (place / "mine" / name).write_text("")
    return str(place / "mine")


def without_weights(place: Path) -> str:
    (place / "bare").mkdir()
    (place / "bare" / "config.json").write_text('{"model_type": "bert"}')
    return str(place / "bare")


WRONG = {
    "corpus": (lambda place: {"corpus": "wnut61"}, "unknown corpus 'wnut61': not a file, a folder, or one of"),
    "empty file": (lambda place: {"corpus": empty(place, "dev.txt")}, r"dev\.txt:1: no sentences here"),
    "empty table": (lambda place: {"corpus": empty(place, "test.csv")}, r"test\.csv:1: no column id.* an empty file"),
    "encoder": (
        lambda place: {"encoder": "minilm!"},
        "unknown encoder 'minilm!': neither a folder nor a valid hub name",
    ),
    "encoder that is not here": (lambda place: {"encoder": "minilmm"}, "encoder 'minilmm' is not on this machine"),
    "encoder without weights": (lambda place: {"encoder": without_weights(place)}, "bare' has no weights"),
    "rate of no CRF": (
        lambda place: {"decoder": "softmax", "crf_rate": 1e-2},
        "there is no CRF for a CRF rate of 0.01",
    ),
    "precision": (lambda place: {"precision": "float16"}, "precision float16 is not possible on a CPU"),
    "tracker": (lambda place: {"trackers": "wandbb"}, "trackers: accelerate knows no 'wandbb', but aim, "),
    "tracker that is not here": (lambda place: {"trackers": "wandb"}, "trackers: wandb is not installed here; pip"),
    "GPU": (lambda place: {"device": "cuda"}, "device cuda was asked for, but torch finds no GPU here"),
    "Apple's GPU": (lambda place: {"device": "mps"}, "device mps was asked for, but this machine has none"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_sure_to_fail_is_told_in_the_words_of_the_run(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    change, told = WRONG[kind]
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(config_checks, "version", only_torch)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    wrong = config.replace(**change(tmp_path))
    with pytest.raises(ValueError, match=told) as raised:
        check_config(wrong)
    *_, last = train(wrong)
    assert isinstance(last, RunFinished)
    assert last.state == "failed"
    assert last.reason.rstrip(".").lower() == str(raised.value).rstrip(".").lower()


def only_torch(name: str) -> str:
    if name == "torch":
        return "2.13.0+cpu"
    raise PackageNotFoundError(name)


def test_a_name_that_the_hub_may_have_is_left_to_the_run(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.is_offline_mode", lambda: False)
    check_config(config.replace(encoder="somebody/some-encoder"))  # without a network, which tests do not have


def test_a_gpu_that_torch_may_find_is_left_to_the_run(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(config_checks, "version", lambda name: "2.13.0")
    check_config(config.replace(device="cuda", precision="float16"))


def test_trackers_are_those_of_accelerate() -> None:
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    assert set(TRACKERS) == set(LOGGER_TYPE_TO_CLASS)


def test_checking_brings_in_neither_torch_nor_numpy(config: RunConfig) -> None:
    program = (
        "import sys\nfrom labkit.config import RunConfig\nfrom labkit.training.config_checks import check_config\n"
        f"check_config(RunConfig.from_dict({config.as_dict()!r}))\n"
        "found = {'torch', 'numpy', 'transformers', 'accelerate'} & sys.modules.keys()\nassert not found, found"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
