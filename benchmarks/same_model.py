"""Whether labkit's tagger and the peer's are one model: same first weights, same loss, same gradients.

    python benchmarks/same_model.py '{"seed": 0}'

The argument is a RunConfig as JSON. Compares on the CPU in float32, without dropout, on one batch, to TOLERANCE of the
largest gradient of each weight. Prints what was found as a line of JSON, and fails where something differs.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from peer import Collator, Peer, new_peer, rows_of

from labkit.config import RunConfig
from labkit.data.assets import locate_encoder
from labkit.training.workshop import Workshop, open_accelerator, open_workshop, read_for

TOLERANCE = 1e-4


def main() -> None:
    torch.manual_seed(1234)  # neither side may depend on what was drawn before
    config = RunConfig.from_dict(json.loads(sys.argv[1]))
    with tempfile.TemporaryDirectory(prefix="labkit-bench-") as place:
        still = without_dropout(config, Path(place) / "encoder")
        accelerator, precision = open_accelerator(still, None)
        shop = open_workshop(still, accelerator, precision, read_for(still))
        peer = new_peer(still, len(shop.corpus.tags))
    weights = largest_difference(shop.tagger.state_dict(), peer.state_dict())
    loss, gradients = compare_losses(shop, peer)
    print(json.dumps({"weights": weights, "loss": loss, "gradients": gradients}))
    if weights > 0 or max(loss, gradients) > TOLERANCE:
        sys.exit(f"the models differ: weights by {weights:g}, loss by {loss:g}, gradients by {gradients:g}")


def without_dropout(config: RunConfig, folder: Path) -> RunConfig:
    """The config for one batch, with an encoder in `folder` whose own configuration has no dropout."""
    shutil.copytree(locate_encoder(config.encoder), folder)
    settings = json.loads((folder / "config.json").read_bytes())
    settings |= {name: 0.0 for name in settings if "drop" in name and isinstance(settings[name], float)}
    (folder / "config.json").write_text(json.dumps(settings))
    still = {"dropout": 0.0, "precision": "float32", "device": "cpu", "train_limit": config.batch_size}
    return config.replace(encoder=str(folder), dev_limit=1, keep="none", **still)


def compare_losses(shop: Workshop, peer: Peer) -> tuple[float, float]:
    """How far losses and gradients are apart, as shares of the larger, on one batch of ragged sentences."""
    windows = shop.train.windows
    shop.model.train()
    ours = shop.model(shop.encoder.collate(windows))
    ours.backward()
    theirs = peer.train()(**Collator(shop.encoder.padding)(rows_of(windows)))["loss"]
    theirs.backward()
    gradients = [gradients_of(model) for model in (shop.tagger, peer)]
    return abs(ours.item() - theirs.item()) / abs(theirs.item()), largest_difference(*gradients)


def gradients_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    found = {name: parameter.grad for name, parameter in model.named_parameters()}
    return {name: grad.to_dense() if grad.is_sparse else grad for name, grad in found.items() if grad is not None}


def largest_difference(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    """The largest difference of any tensor, as a share of that tensor's largest value. Raises ValueError for names.

    A key's bias moves no attention, so its gradient is rounding alone; tensors that small are measured by all of them.
    """
    if set(one) != set(other):
        raise ValueError(f"only one of the two models has {', '.join(sorted(set(one) ^ set(other)))}")
    floor = 1e-3 * max(value.abs().max().item() for value in other.values())
    apart = {name: (one[name] - other[name]).abs().max().item() for name in other}
    return max(apart[name] / max(floor, other[name].abs().max().item()) for name in other)


if __name__ == "__main__":
    main()
