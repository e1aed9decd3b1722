"""labkit: an interactive tuning lab for named-entity recognition with BERT, BiLSTM and CRF.

    import labkit

    lab = labkit.TuningLab()  # in a notebook; a cell that ends with it shows it
    for event in labkit.train(labkit.RunConfig(epochs=1)):  # in this process
        ...
    run = labkit.submit(labkit.preset("one rate", pair="english"))  # in a process of its own
    labkit.compare([1, run]).figure()
    labkit.load_tagger(run.folder).predict([["Obama", "visits", "Paris"]])

These names are the public interface; whatever else the package holds may change without notice. Each is imported when
it is used (PEP 562), so that importing labkit costs milliseconds, brings in no torch and starts nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labkit.config import RunConfig
    from labkit.data.corpora import read_corpus
    from labkit.jobs.launch import predict, submit
    from labkit.lab.tuning_lab import TuningLab
    from labkit.model.checkpoint import load_tagger
    from labkit.plots.comparison import compare
    from labkit.presets import preset
    from labkit.runs.run import Run
    from labkit.runs.store import RunStore
    from labkit.training.trainer import train
    from labkit.tuning.advisor import advise

__version__ = "0.2.0"

__all__ = [
    "Run",
    "RunConfig",
    "RunStore",
    "TuningLab",
    "__version__",
    "advise",
    "compare",
    "load_tagger",
    "predict",
    "preset",
    "read_corpus",
    "submit",
    "train",
]

_MODULES = {
    "Run": "labkit.runs.run",
    "RunConfig": "labkit.config",
    "RunStore": "labkit.runs.store",
    "TuningLab": "labkit.lab.tuning_lab",
    "advise": "labkit.tuning.advisor",
    "compare": "labkit.plots.comparison",
    "load_tagger": "labkit.model.checkpoint",
    "predict": "labkit.jobs.launch",
    "preset": "labkit.presets",
    "read_corpus": "labkit.data.corpora",
    "submit": "labkit.jobs.launch",
    "train": "labkit.training.trainer",
}


def __getattr__(name: str) -> Any:
    """Import a public name on its first use."""
    if name not in _MODULES:
        raise AttributeError(f"module 'labkit' has no attribute {name!r}")
    found = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
