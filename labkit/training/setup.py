"""Everything a run trains with, made from its config: device, corpus, encoder, model, groups, optimizer."""

import hashlib
import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedDataParallelKwargs, set_seed

from labkit.config import RunConfig
from labkit.data.batching import count_batches
from labkit.data.corpora import CorpusFiles
from labkit.data.downloads import hash_encoder, locate_encoder
from labkit.data.encoded_corpus import EncodedCorpus, load_encoded
from labkit.data.featurize import Featurizer
from labkit.data.windows import Array, PackedWords, Windows, encoding_notes
from labkit.events import CorpusRead, TrainingPlanned
from labkit.model.fast.encoder import row_multiple_for
from labkit.model.fast.subset_embedding import replace_embedding
from labkit.model.pretrained import load_encoder, load_tokenizer, max_sequence_length
from labkit.model.tagger import Tagger, build_tagger
from labkit.presets import adjustment_notes
from labkit.training.config_checks import check_trackers
from labkit.training.param_groups import ParamGroup, build_optimizer_groups, build_param_groups
from labkit.training.precision import choose_precision, precision_notes

EVAL_SEED = 0  # draws the sentences that are scored: runs of two seeds are compared on the same ones


@dataclass
class TrainingSetup:
    """What the training loop works with."""

    accelerator: Any
    corpus: EncodedCorpus
    featurizer: Featurizer
    encoder_sha256: str
    precision: str
    train: Windows
    dev: Windows
    test: Windows
    model: Any  # as accelerate wrapped it
    tagger: Tagger  # the same model, bare
    param_groups: list[ParamGroup]
    optimizer: Any
    steps_per_epoch: int
    notes: tuple[str, ...]

    @property
    def device(self) -> torch.device:
        device: torch.device = self.accelerator.device
        return device

    @property
    def row_multiple(self) -> int:
        """What a batch's pieces, and one more, are filled up to a multiple of where the encoder computes on them alone.

        1 where it computes on padded windows.
        """
        by_rows = self.tagger.fast_encoder is not None and self.device.type == "cpu"
        return row_multiple_for(getattr(torch, self.precision)) if by_rows else 1

    def build_corpus_read(self, seconds: float) -> CorpusRead:
        """What is trained on, as the log tells it."""
        return CorpusRead(
            seconds=seconds,
            name=self.corpus.name,
            sha256=self.corpus.sha256,
            train_sentences=self.train.num_sentences,
            dev_sentences=self.dev.num_sentences,
            test_sentences=self.test.num_sentences,
            train_words=self.train.num_words,
            tags=list(self.corpus.tags),
            notes=list(self.notes),
            dev_sha256=fingerprint(self.corpus.texts["dev"], self.dev, self.corpus.tags),
            test_sha256=fingerprint(self.corpus.texts["test"], self.test, self.corpus.tags),
        )

    def build_training_planned(self, seconds: float, steps: int) -> TrainingPlanned:
        """What is going to happen, and on what, as the log tells it."""
        device = self.device
        return TrainingPlanned(
            seconds=seconds,
            steps=steps,
            steps_per_epoch=self.steps_per_epoch,
            device=str(device),
            device_name=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
            precision=self.precision,
            processes=self.accelerator.num_processes,
            encoder_sha256=self.encoder_sha256,
        )


def resolve_device_type(name: str) -> str:
    """Device type that a config's `device` means; `auto` is a GPU if torch finds one."""
    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"


def find_device(name: str) -> torch.device:
    """Device that a config's `device` means on this machine.

    Raises:
        ValueError: this machine has no such device.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device cuda was asked for, but torch finds no GPU here; `labkit devices` says why")
    if name == "mps" and not torch.backends.mps.is_available():
        raise ValueError("device mps was asked for, but this machine has none")
    return torch.device(resolve_device_type(name))


def open_accelerator(config: RunConfig, folder: Path | None) -> tuple[Any, str]:
    """Hugging Face accelerate, set to the config's device and precision, and the precision that was chosen."""
    device = find_device(config.device)
    precision = choose_precision(config.precision, device)
    if "LOCAL_RANK" not in os.environ:  # a second run in one process starts afresh
        AcceleratorState._reset_state(reset_partial_state=True)
    if device.type == "cuda":  # same seed, same losses; a few kernels warn that they have no such version
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
    trackers = check_trackers(config.trackers)
    accelerator = Accelerator(
        cpu=device.type == "cpu",
        mixed_precision={"float32": "no", "bfloat16": "bf16", "float16": "fp16"}[precision],
        log_with=trackers or None,
        project_dir=folder and str(folder),
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )
    if trackers:
        accelerator.init_trackers("labkit", config=config.as_dict())
    set_seed(config.seed)
    return accelerator, precision


@dataclass(frozen=True)
class PretrainedEncoder:
    """An encoder as it was loaded."""

    place: Path
    model: Any
    tokenizer: Any
    max_pieces: int  # longest window, by the config and by the encoder itself


def load_pretrained(config: RunConfig) -> PretrainedEncoder:
    """The config's encoder, downloaded where it is not here yet."""
    place = locate_encoder(config.encoder)
    model = load_encoder(place)
    return PretrainedEncoder(place, model, load_tokenizer(place), min(config.max_pieces, max_sequence_length(model)))


def load_corpus(
    config: RunConfig, source: CorpusFiles, pretrained: PretrainedEncoder
) -> tuple[EncodedCorpus, Featurizer]:
    """The config's corpus. Its split has a seed of its own: runs of two seeds are scored on the same sentences."""
    return load_encoded(
        source, pretrained.tokenizer, pretrained.max_pieces, dev_share=config.dev_share, repair=config.repair_tags
    )


def build_setup(
    config: RunConfig,
    accelerator: Any,
    precision: str,
    pretrained: PretrainedEncoder,
    corpus: EncodedCorpus,
    featurizer: Featurizer,
) -> TrainingSetup:
    """Builds the model and all else around the corpus."""
    train = subsample(corpus.train, config.sentence_limit("train"), config.seed)
    dev, test = (subsample(getattr(corpus, part), config.sentence_limit(part), EVAL_SEED) for part in ("dev", "test"))
    pieces = np.bincount(train.input_ids, minlength=featurizer.pad_token_id + 1)
    pieces[featurizer.pad_token_id] = 1  # read beside every short sentence
    largest = max(int(part.input_ids.max(initial=featurizer.pad_token_id)) for part in (train, dev, test))
    _check_vocab_size(config.encoder, largest, len(pretrained.model.get_input_embeddings().weight))
    replace_embedding(pretrained.model, torch.from_numpy(np.flatnonzero(pieces)))
    torch.manual_seed(config.seed)  # the head's first weights, whatever was drawn before
    tagger = build_tagger(pretrained.model, corpus.tags, config.as_dict())
    batches = count_batches(train.token_counts, config.batch_size, config.token_budget)
    steps_per_epoch = math.ceil(math.ceil(batches / accelerator.num_processes) / config.accumulate)
    groups = build_param_groups(tagger, config, steps_per_epoch * config.epochs)
    alone = accelerator.num_processes == 1
    if alone:
        freeze_encoder(tagger, groups)
    fuse_encoder(tagger, groups, accelerator)
    model = accelerator.prepare_model(tagger)
    if not alone:  # only what trains when several processes come together is averaged, should it thaw
        freeze_encoder(tagger, groups)
    optimizer = torch.optim.AdamW(
        build_optimizer_groups(groups), fused=accelerator.device.type in ("cpu", "cuda", "mps")
    )
    return TrainingSetup(
        accelerator, corpus, featurizer, hash_encoder(pretrained.place), precision, train, dev, test, model,
        tagger, groups, accelerator.prepare_optimizer(optimizer), steps_per_epoch,
        (
            *corpus.notes,
            *encoding_notes(train, dev, test),
            *adjustment_notes(config, train.num_sentences, max_sequence_length(pretrained.model)),
            *_notes_on_budget(train, config.token_budget),
            *precision_notes(precision, accelerator.device),
        ),
    )  # fmt: skip


def _notes_on_budget(train: Windows, budget: int) -> list[str]:
    beyond = int(np.count_nonzero(train.token_counts > budget)) if budget else 0
    if not beyond:
        return []
    return [f"{beyond:,} windows are longer than the token budget ({budget}); each is a batch of its own."]


def _check_vocab_size(encoder: str, largest: int, rows: int) -> None:
    if largest >= rows:
        raise ValueError(
            f"the tokenizer of {encoder!r} has pieces that the encoder has no vector for"
            f" (number {largest} of {rows}); do both belong to one model?"
        )


def subsample(windows: Windows, limit: int, seed: int) -> Windows:
    """Those of `limit` sentences drawn by the seed, in the order of the text; all of them where the limit is 0.

    By the same seed a larger limit draws the same sentences and more.
    """
    if not 0 < limit < windows.num_sentences:
        return windows
    drawn = torch.zeros(windows.num_sentences, dtype=torch.bool)
    drawn[torch.randperm(windows.num_sentences, generator=torch.Generator().manual_seed(seed))[:limit]] = True
    return windows[drawn.numpy()[windows.sentence_index]]


def fingerprint(texts: PackedWords, windows: Windows, tags: Sequence[str]) -> str:
    """SHA-256 of the words and gold tags of sentences that are scored, whatever else is in their corpus.

    About 0.1 ms for a thousand words: 20 ms for MSRA's test part.

    Args:
        texts: of the whole part; the windows are of some of its sentences, in the order of the text.
    """
    chosen = texts.take(np.unique(windows.sentence_index))
    used, numbers = np.unique(windows.tags, return_inverse=True)  # numbered by the tags of train: not part of it
    names = [tags[number] for number in used.tolist()]
    ranks = np.argsort(np.argsort(names)) if names else used
    found = hashlib.sha256(json.dumps(sorted(names)).encode())
    for array in (chosen.codepoints, chosen.word_offsets, chosen.sentence_offsets, ranks[numbers]):
        found.update(array.astype("<i4").tobytes())
    return found.hexdigest()


def freeze_encoder(tagger: Tagger, groups: Sequence[ParamGroup]) -> None:
    """Takes an encoder of rate 0 out of the backward pass, which saves most of a step; `thaw` brings it back."""
    rates = {group.name: group.peak_rate for group in groups}
    if rates.get("encoder") == 0 and any(rates.values()):
        tagger.encoder.requires_grad_(False)


def fuse_encoder(tagger: Tagger, groups: Sequence[ParamGroup], accelerator: Any) -> None:
    """Has an encoder's layers stepped as one, and its table keep its gradient, where nobody else needs a look at each
    gradient on its way."""
    alone = accelerator.device.type == "cpu" and accelerator.num_processes == 1
    if alone and tagger.fast_encoder and all(parameter.requires_grad for parameter in tagger.encoder.parameters()):
        joined = tagger.fast_encoder.enable_inplace_gradients()
        for group in groups:
            group.fused_into = joined
            if group.embedding:
                group.embedding.enable_inplace_gradients()


def unfreeze_encoder(tagger: Tagger) -> None:
    tagger.encoder.requires_grad_(True)


def shard_batches(epoch_batches: Sequence[Array], rank: int, processes: int) -> Iterator[Array]:
    """This process's share of an epoch's batches; the first ones come again so that all have equally many."""
    each = -(-len(epoch_batches) // processes)
    return islice(cycle(epoch_batches), rank, each * processes, processes)
