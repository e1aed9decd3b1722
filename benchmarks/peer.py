"""The peer of step_speed.py: the same tagger as a user of transformers.Trainer writes it, trained by the Trainer.

    python benchmarks/peer.py '{"seed": 0, "epochs": 3}' [careful]

The argument is a RunConfig as JSON, of which only what the Trainer has too may differ from the defaults. Prints the
seconds of every epoch and of every evaluation, and dev F1, as one line of JSON. Precision, sampler, optimizer and
schedule are the Trainer's own defaults, or with `careful` what its documentation offers for speed (CAREFUL, and
bfloat16 on a CPU that is fast in it); corpus, split and windows are labkit's, so that both sides see the same pieces.
Nothing of labkit's model or training loop is used, so that this does not change with them.
"""

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader
from torchcrf import CRF
from transformers import AutoModel, AutoTokenizer, Trainer, TrainerCallback, TrainingArguments

from labkit.config import RunConfig
from labkit.data.corpora import Corpus, Sentence, read_corpus
from labkit.data.downloads import locate_encoder
from labkit.data.featurize import Featurizer, Window, Windows
from labkit.training.evaluation import EntityCounts
from labkit.training.precision import choose_precision

Row = dict[str, Any]
CAREFUL = {"train_sampling_strategy": "group_by_length", "optim": "adamw_torch_fused"}


@dataclass(frozen=True)
class Data:
    """What both sides train on, and are scored on."""

    corpus: Corpus
    encoder: Featurizer
    train: Windows
    dev: Windows


def data_of(config: RunConfig) -> Data:
    """The config's corpus in windows of pieces, by the config's encoder."""
    corpus = read_corpus(config.corpus, dev_share=config.dev_share)
    encoder = Featurizer(AutoTokenizer.from_pretrained(locate_encoder(config.encoder)), corpus.tags, config.max_pieces)
    return Data(corpus, encoder, encoder.featurize(drawn(corpus.train, config)), encoder.featurize(corpus.dev))


def drawn(sentences: Sequence[Sentence], config: RunConfig) -> Sequence[Sentence]:
    """The sentences that a run with a `train_limit` trains on."""
    if not 0 < config.train_limit < len(sentences):
        return sentences
    order = torch.randperm(len(sentences), generator=torch.Generator().manual_seed(config.seed))
    return [sentences[place] for place in sorted(order[: config.train_limit].tolist())]


def rows_of(windows: Sequence[Window]) -> list[Row]:
    """Windows as a data set: one dictionary a window, lists of plain numbers."""
    return [
        {"input_ids": list(each.input_ids), "first": list(each.first_token), "tags": list(each.tags)}
        for each in windows
    ]


class Peer(nn.Module):
    """Encoder → first piece of each word → BiLSTM → linear → pytorch-crf; returns the loss, as the Trainer wants it."""

    def __init__(self, encoder: Any, tags: int, lstm_size: int, dropout: float):
        super().__init__()
        encoder.pooler = None  # not used
        self.encoder = encoder
        self.lstm = nn.LSTM(encoder.config.hidden_size, lstm_size, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(2 * lstm_size, tags)
        self.crf = CRF(tags, batch_first=True)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        first: torch.Tensor,
        tags: torch.Tensor,
        mask: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """Negative log likelihood per word. Arguments are (batch, pieces), and (batch, words) from `first` on."""
        scores = self.scores(input_ids, attention_mask, first, mask)
        return {"loss": -self.crf(scores, tags, mask=mask, reduction="token_mean")}

    def scores(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, first: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Unnormalised tag scores, (batch, words, tags)."""
        vectors = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        words = self.dropout(vectors.gather(1, first[:, :, None].expand(-1, -1, vectors.shape[-1])))
        packed = pack_padded_sequence(words, mask.sum(1).cpu(), batch_first=True, enforce_sorted=False)
        out, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=words.shape[1])
        scores: torch.Tensor = self.linear(self.dropout(out))
        return scores

    @torch.no_grad()
    def decode(self, batch: dict[str, torch.Tensor]) -> list[list[int]]:
        """The best tag sequence of each row of a collated batch."""
        scores = self.scores(batch["input_ids"], batch["attention_mask"], batch["first"], batch["mask"])
        best: list[list[int]] = self.crf.decode(scores, mask=batch["mask"])
        return best


def new_peer(config: RunConfig, tags: int) -> Peer:
    """The pretrained encoder with a head whose first weights are decided by the seed."""
    encoder = AutoModel.from_pretrained(locate_encoder(config.encoder), use_safetensors=True, dtype=torch.float32)
    torch.manual_seed(config.seed)
    return Peer(encoder, tags, config.lstm_size, config.dropout)


class Collator:
    """Pads each batch to its longest row."""

    def __init__(self, padding: int):
        self.padding = padding

    def __call__(self, rows: Sequence[Row]) -> dict[str, torch.Tensor]:
        def padded(name: str, value: int = 0) -> torch.Tensor:
            return pad_sequence([torch.tensor(row[name]) for row in rows], batch_first=True, padding_value=value)

        def ones(name: str) -> torch.Tensor:
            return pad_sequence([torch.ones(len(row[name]), dtype=torch.long) for row in rows], batch_first=True)

        return {
            "input_ids": padded("input_ids", self.padding),
            "attention_mask": ones("input_ids"),
            "first": padded("first"),
            "tags": padded("tags"),
            "mask": ones("tags").bool(),
        }


class TwoRates(Trainer):
    """The Trainer with its default optimizer over an encoder's and a head's parameter group."""

    def __init__(self, config: RunConfig, **settings: Any):
        self.config = config
        super().__init__(**settings)

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        if self.optimizer is None:
            kind, settings = self.get_optimizer_cls_and_kwargs(self.args)
            assert isinstance(self.model, Peer)
            self.optimizer = kind(grouped(self.model, self.config), **settings)
        optimizer: torch.optim.Optimizer = self.optimizer
        return optimizer


def grouped(model: Peer, config: RunConfig) -> list[dict[str, Any]]:
    """Encoder and head, each with its rate; no decay where a parameter has one dimension, as biases and norms have."""
    own = {id(parameter) for parameter in model.encoder.parameters()}
    sides = (
        (list(model.encoder.parameters()), config.encoder_rate, config.encoder_weight_decay),
        ([each for each in model.parameters() if id(each) not in own], config.head_rate, config.head_weight_decay),
    )
    groups = []
    for parameters, rate, decay in sides:
        groups.append({"params": [each for each in parameters if each.dim() > 1], "lr": rate, "weight_decay": decay})
        groups.append({"params": [each for each in parameters if each.dim() < 2], "lr": rate, "weight_decay": 0.0})
    return groups


class Watch(TrainerCallback):
    """Times epochs from their beginning to the end of their last step, and evaluations between them."""

    def __init__(self, data: Data, collator: Collator):
        self.data, self.collator = data, collator
        self.epochs_s: list[float] = []
        self.evaluations_s: list[float] = []
        self.f1: list[float] = []

    def on_epoch_begin(self, *_: Any, **__: Any) -> None:
        self._begin = now()

    def on_epoch_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        end = now()
        self.epochs_s.append(end - self._begin)
        self.f1.append(self._score(others["model"], args.per_device_eval_batch_size))
        self.evaluations_s.append(now() - end)

    def _score(self, model: Peer, batch_size: int) -> float:
        """Dev F1, counted as labkit counts it."""
        corpus, device = self.data.corpus, model.linear.weight.device
        model.eval()
        found: list[list[int]] = [[] for _ in corpus.dev]
        rows = iter(self.data.dev)
        for batch in DataLoader(rows_of(self.data.dev), batch_size, collate_fn=self.collator):  # type: ignore[arg-type]
            for tags in model.decode({name: value.to(device) for name, value in batch.items()}):
                found[next(rows).sentence_index] += tags
        model.train()
        counts = EntityCounts()
        for sentence, predicted in zip(corpus.dev, found, strict=True):
            counts.add(sentence.tags, [corpus.tags[number] for number in predicted])
        return counts.overall().f1


def now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def train(config: RunConfig, is_careful: bool = False) -> dict[str, Any]:
    """Trains and evaluates after each epoch; what it took, in seconds and pieces without padding."""
    data = data_of(config)
    collator = Collator(data.encoder.pad_token_id)
    watch = Watch(data, collator)
    model = new_peer(config, len(data.corpus.tags))
    with tempfile.TemporaryDirectory(prefix="labkit-bench-") as place:
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        has_bfloat16 = choose_precision("auto", device) == "bfloat16"
        careful = CAREFUL | {"bf16": has_bfloat16} if is_careful else {}
        steps = -(-len(data.train) // config.batch_size) * config.epochs
        trainer = TwoRates(config, model=model, args=arguments(config, steps, place, careful), data_collator=collator,
                           train_dataset=rows_of(data.train), callbacks=[watch])  # fmt: skip
        trainer.train()
    return {
        "tokens": sum(len(window.input_ids) for window in data.train) * config.epochs,
        "steps": int(trainer.state.global_step),
        "epochs_s": watch.epochs_s,
        "evaluations_s": watch.evaluations_s,
        "f1": watch.f1,
        "precision": "bfloat16" if trainer.args.bf16 else "float16" if trainer.args.fp16 else "float32",
    }


def arguments(config: RunConfig, steps: int, place: str, careful: dict[str, Any]) -> TrainingArguments:
    """The Trainer's defaults, but for what the config and `careful` say and for writing nothing.

    Raises ValueError for a config that the Trainer cannot follow with one schedule and one warm-up.
    """
    if (config.encoder_schedule, config.encoder_warmup) != (config.head_schedule, config.head_warmup):
        raise ValueError("encoder and head must have one schedule and warm-up, as the Trainer has one for all groups")
    if (config.encoder_schedule, config.downstream, config.lstm_layers) != ("linear", "bilstm", 1):
        raise ValueError("the peer knows the linear schedule and a BiLSTM of one layer only")
    return TrainingArguments(
        output_dir=place,
        per_device_train_batch_size=config.batch_size,
        num_train_epochs=config.epochs,
        learning_rate=config.encoder_rate,
        weight_decay=config.encoder_weight_decay,
        warmup_steps=round(config.encoder_warmup * steps),
        max_grad_norm=config.clip_norm,
        seed=config.seed,
        report_to="none",
        save_strategy="no",
        **careful,
    )


if __name__ == "__main__":
    print(json.dumps(train(RunConfig.from_dict(json.loads(sys.argv[1])), sys.argv[2:] == ["careful"])))
