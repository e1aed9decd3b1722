"""A script in two processes at once, which find each other as if torchrun had started them."""

import os
import socket
import subprocess
import sys
from pathlib import Path


def in_two_processes(script: str, folder: Path, *arguments: str) -> None:
    """Raises AssertionError where one fails. They tell in files what they have to tell: lines on stdout may mix."""
    path = folder / "script.py"
    path.write_text(script)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(probe.getsockname()[1])}
    shared |= {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    shared |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [
        subprocess.Popen(
            [sys.executable, str(path), *arguments],
            env={**os.environ, **shared, "RANK": rank, "LOCAL_RANK": rank},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in "01"
    ]
    try:
        for process in processes:
            said = process.communicate(timeout=240)[1]
            assert process.returncode == 0, said[-3000:]
    finally:
        for process in processes:
            process.kill()
