"""Environment variables for processes that import torch: OpenMP, oneDNN and glibc.

They are read once, before torch is imported or before Python starts. Values that the user has set stay.
"""

import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

# Iterations that OpenMP's threads spin before they sleep, if nothing else wants the cores; beside other processes
# labkit.training.openmp_spinning makes them sleep sooner. Measured on two cores, ms a step alone and beside a process
# that never rests: 1000 183, 299; 3000 180, 363; 10000 174, 665; 30000 152, 1114; 100000 168. By default it is some ms.
OMP_SPIN_COUNT = "30000"

# Number of products whose generated code oneDNN caches; 1024 by default. It generates code for each shape, in about a
# millisecond. A run of the Chinese pair in bfloat16 has some 1,050 shapes, and would generate a few hundred twice.
_ONEDNN_CACHE_VARIABLES, ONEDNN_CACHE_SIZE = (
    ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "DNNL_PRIMITIVE_CACHE_CAPACITY"),
    "4096",
)

# Memory of the C library in pages of 2 MiB, if the system leaves the choice to programs ("madvise", as most do). A
# training step touches some 300 MB: as 4 KiB pages these are too many for a processor's page tables, and the first
# steps of a run spend a third of a second on 150,000 page faults.
_GLIBC_TUNABLES = "GLIBC_TUNABLES"
_HUGE_PAGES = "glibc.malloc.hugetlb=1"


def torch_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """`environment` (default: `os.environ`) plus the variables that torch processes need."""
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
    """Exec this labkit command again if the C library lacks its variables.

    The process stays the same. Does nothing if Python was started for another program that only calls labkit.
    """
    variables = torch_environment()
    arguments = sys.argv[1:]
    place = len(sys.orig_argv) - len(arguments) - 1  # of `labkit` in `python -m labkit …`, or of the script `labkit`
    is_labkit = place > 0 and sys.orig_argv[place + 1 :] == arguments and Path(sys.orig_argv[place]).name == "labkit"
    if is_labkit and variables.get(_GLIBC_TUNABLES) != os.environ.get(_GLIBC_TUNABLES):
        sys.stdout.flush(), sys.stderr.flush()
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], variables)


def _has_glibc() -> bool:
    # confstr is missing on Windows, and does not know the name on macOS
    with contextlib.suppress(ValueError, OSError, AttributeError):
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    return False
