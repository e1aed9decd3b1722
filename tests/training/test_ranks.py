import os
import subprocess
import sys

ASKING = """
import os, pathlib, sys, time
from labkit.training.ranks import is_main, told_by_main

told = []
for text in ("first", "second"):
    time.sleep(is_main())
    told.append(told_by_main(text if is_main() else None, "number"))
pathlib.Path(sys.argv[1], os.environ["RANK"]).write_text(" ".join(told))  # of two at once, lines on stdout may mix
"""


def test_what_is_told_twice_is_heard_twice(tmp_path):
    script = tmp_path / "ask.py"
    script.write_text(ASKING)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command += [str(script), str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    assert [(tmp_path / rank).read_text() for rank in "01"] == ["first second"] * 2
