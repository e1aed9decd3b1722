"""The trackers of accelerate, offline: their own readers find the run's figures in what they stored.

Those that are not installed are skipped: pip install tensorboard trackio swanlab mlflow wandb
"""

import json
import os
import struct
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from labkit.events import Evaluated, StepDone, open_event_log

Figures = dict[str, dict[int, float]]  # by name and step


def read_tensorboard(folder: Path, run: Path) -> Figures:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    stored = EventAccumulator(str(run / "labkit"), size_guidance={"scalars": 0}).Reload()
    return {name: {each.step: each.value for each in stored.Scalars(name)} for name in stored.Tags()["scalars"]}


def read_trackio(folder: Path, run: Path) -> Figures:
    from trackio.sqlite_storage import SQLiteStorage

    (name,) = SQLiteStorage.get_runs("labkit")
    return by_name((row["step"], row) for row in SQLiteStorage.get_logs("labkit", name))


def read_mlflow(folder: Path, run: Path) -> Figures:
    from mlflow import MlflowClient

    client = MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    (stored,) = client.search_runs([client.get_experiment_by_name("labkit").experiment_id])
    history = {name: client.get_metric_history(stored.info.run_id, name) for name in stored.data.metrics}
    return {name: {each.step: each.value for each in values} for name, values in history.items()}


def read_wandb(folder: Path, run: Path) -> Figures:
    from wandb.proto.wandb_internal_pb2 import Record

    (file,) = folder.glob("wandb/offline-run-*/*.wandb")
    rows = []
    for record in map(Record.FromString, iter_leveldb_records(file.read_bytes())):
        if record.WhichOneof("record_type") == "history":
            row = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            rows.append((row["_step"], row))
    return by_name(rows)


def iter_leveldb_records(log: bytes) -> Iterator[bytes]:
    """Iterate over the records of a LevelDB log, behind a head of 7 bytes; wandb 0.31 reads its file in Go only."""
    at, record = 7, b""
    while at + 7 <= len(log):
        if (left := 2**15 - at % 2**15) < 7:  # the end of a block is padded
            at += left
            continue
        size, kind = struct.unpack_from("<HB", log, at + 4)
        record += log[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # whole, or the last part
            yield record
            record = b""


def read_swanlab(folder: Path, run: Path) -> Figures:
    from swanlab.proto.swanlab.record.v1.record_pb2 import Record
    from swanlab.sdk.internal.core_python.store import DataStoreReader

    (file,) = folder.glob("swanlog/run-*/*.swanlab")
    reader, figures = DataStoreReader(), defaultdict(dict)
    reader.open(file)
    for record in map(Record.FromString, reader):
        if record.HasField("scalar"):
            figures[record.scalar.key][record.scalar.step] = record.scalar.value.number
    return figures


def by_name(rows: Iterable[tuple[int, dict[str, float]]]) -> Figures:
    figures: Figures = defaultdict(dict)
    for step, row in rows:
        for name, value in row.items():
            figures[name][step] = value
    return figures


READERS = {
    "tensorboard": read_tensorboard,
    "trackio": read_trackio,
    "swanlab": read_swanlab,
    "mlflow": read_mlflow,
    "wandb": read_wandb,
}


@pytest.mark.parametrize("tracker", READERS)
def test_a_tracker_stores_loss_rates_and_scores_of_each_step(
    tracker: str, tiny_encoder: Path, tiny_corpus: Path, runs_folder: Path, tmp_path: Path, monkeypatch
) -> None:
    for name, value in {
        "HF_HUB_OFFLINE": "1",
        "MLFLOW_ALLOW_FILE_STORE": "true",
        "MLFLOW_TRACKING_URI": (tmp_path / "mlruns").as_uri(),
        "TRACKIO_DIR": str(tmp_path / "trackio"),
        "SWANLAB_MODE": "offline",
        "WANDB_MODE": "offline",
    }.items():
        monkeypatch.setenv(name, value)
    pytest.importorskip(tracker)  # trackio reads its variable when it is imported
    given = ["--encoder", tiny_encoder, "--corpus", tiny_corpus, "--epochs", "2", "--crf-rate", "0.02"]
    command = [sys.executable, "-m", "labkit", "train", "--trackers", tracker, *map(str, given)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    run = Path(done.stdout.splitlines()[-1])

    told: Figures = defaultdict(dict)
    for event in open_event_log(run).iter_events():
        if isinstance(event, StepDone):
            told["loss"][event.step] = event.loss
            for group, rate in event.rates.items():
                told[f"rate/{group}"][event.step] = rate
        if isinstance(event, Evaluated) and event.split == "dev":
            told["dev loss"][event.step], told["dev f1"][event.step] = event.loss, event.f1
    assert {"rate/encoder", "rate/head", "rate/crf", "dev f1"} <= told.keys()
    stored = READERS[tracker](tmp_path, run)
    for name, values in told.items():
        assert stored[name] == pytest.approx(values, rel=1e-6), name  # TensorBoard has 32 bits
