"""Several processes of one run: who they are, and how all of them learn what the main one decided."""

import os
from typing import Any

SYNC_STEPS = 10  # from one step at which all of them report and listen to the next: either costs a transfer

_stores: list[Any] = []  # the store lives in the main process: the others may still be reading when it goes on


def is_main_process() -> bool:
    """Whether this is the process that speaks and writes; true where there is only one."""
    return os.environ.get("RANK", "0") == "0"


def is_distributed() -> bool:
    """Whether `accelerate launch` or `torchrun` started more than this process."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def broadcast_text(text: str | None, name: str) -> str:
    """What the main process passed as `text`, in every process; the others pass None and wait for it.

    Through the store that torch's processes meet at anyway, so before any process group and on any device. All of them
    must ask equally often, for what one run was told stays in the store when the next one asks.
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
