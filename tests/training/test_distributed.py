from tests.several import in_two_processes

ASKING = """
import os, pathlib, sys, time
from labkit.training.distributed import is_main_process, broadcast_text

told = []
for text in ("first", "second"):
    time.sleep(0.3 * is_main_process())
    told.append(broadcast_text(text if is_main_process() else None, "number"))
pathlib.Path(sys.argv[1], os.environ["RANK"]).write_text(" ".join(told))
"""


def test_what_is_told_twice_is_heard_twice(tmp_path):
    in_two_processes(ASKING, tmp_path, str(tmp_path))
    assert [(tmp_path / rank).read_text() for rank in "01"] == ["first second"] * 2
