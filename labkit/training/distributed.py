"""Distributed training: rank, world size, and broadcasts from the main process."""

import os
from typing import Any

SYNC_STEPS = 10  # steps between two exchanges of losses and requests, each of which costs a transfer

_stores: list[Any] = []  # the store lives in the main process: the others may still be reading when it goes on


def is_main_process() -> bool:
    """Returns True if this process (rank 0) writes and prints."""
    return os.environ.get("RANK", "0") == "0"


def is_distributed() -> bool:
    """Returns True if `accelerate launch` or `torchrun` started several processes."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def broadcast_text(text: str | None, name: str) -> str:
    """Broadcasts the main process's `text`; the other processes pass None.

    Goes through the store of torch's rendezvous, so it needs no process group and works on any device. Every process
    must call it equally often, as the values of one run stay in the store for the next one.
    """
    if not is_distributed():
        assert text is not None
        return text
    from torch.distributed.rendezvous import rendezvous

    store, _, _ = next(rendezvous("env://"))
    _stores.append(store)
    key = f"labkit/{name}/{len(_stores)}"
    if text is not None:
        store.set(key, text)
    return str(store.get(key).decode())
