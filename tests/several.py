"""A script in two processes at once, as torchrun starts them."""

import os
import subprocess
import sys
from pathlib import Path


def in_two_processes(script: str, folder: Path, *arguments: str) -> None:
    """Raises AssertionError where one fails. They tell in files what they have to tell: lines on stdout may mix."""
    path = folder / "script.py"
    path.write_text(script)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
