"""What a process that computes is started with: variables that are read once, before torch is there or even Python.

What a user has set himself stays.
"""

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

# How long OpenMP's threads spin before they sleep, where nothing else wants the cores; beside a neighbour
# labkit.training.openmp_spinning sees to it that they sleep sooner. Measured on two cores, ms a step alone and beside a
# process that never rests: 1000 183, 299; 3000 180, 363; 10000 174, 665; 30000 152, 1114; 100000 168. By default it is
# some ms.
OMP_SPIN_COUNT = "30000"

# How many products oneDNN keeps its generated code for. It generates code for each shape, which takes it about a
# millisecond, and by default keeps 1024. Counted by shapes, a run of the Chinese pair in bfloat16 needs some 1,050, and
# would have to make a few hundred of them twice.
_ONEDNN_CACHE_VARIABLES, ONEDNN_CACHE_SIZE = (
    ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "DNNL_PRIMITIVE_CACHE_CAPACITY"),
    "4096",
)

# Memory of the C library in pages of 2 MiB, where the system leaves the choice to programs ("madvise", as most do). A
# training step touches some 300 MB, for which 4 KiB pages are too many for a processor's tables; and the first steps of
# a run spend a third of a second on asking for 150,000 of them.
_GLIBC_TUNABLES = "GLIBC_TUNABLES"
_HUGE_PAGES = "glibc.malloc.hugetlb=1"


def torch_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a process that is going to import torch: that of this one, if not given, with additions."""
    variables = dict(os.environ if environment is None else environment)
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & set(variables):
        variables["GOMP_SPINCOUNT"] = OMP_SPIN_COUNT
    if not set(_ONEDNN_CACHE_VARIABLES) & set(variables):
        variables[_ONEDNN_CACHE_VARIABLES[0]] = ONEDNN_CACHE_SIZE
    tunables = variables.get(_GLIBC_TUNABLES, "")
    if _HUGE_PAGES.split("=")[0] not in tunables and _has_glibc():
        variables[_GLIBC_TUNABLES] = f"{tunables}:{_HUGE_PAGES}".lstrip(":")
    return variables


def reexec_for_torch() -> None:
    """Starts this program of labkit anew, as the same process, where the C library needs variables it was not given.

    Does nothing where Python was started for something else and has only called labkit.
    """
    variables = torch_environment()
    if variables.get(_GLIBC_TUNABLES) != os.environ.get(_GLIBC_TUNABLES) and _is_labkit_command(
        sys.orig_argv, sys.argv
    ):
        sys.stdout.flush(), sys.stderr.flush()
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], variables)


def _is_labkit_command(started: Sequence[str], arguments: Sequence[str]) -> bool:
    """Whether Python was started with `-m labkit` or the script `labkit`, and these arguments behind it."""
    place = len(started) - len(arguments)
    return place > 0 and list(started[place + 1 :]) == list(arguments[1:]) and Path(started[place]).name == "labkit"


def _has_glibc() -> bool:
    with contextlib.suppress(ValueError, OSError, AttributeError):
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    return False
