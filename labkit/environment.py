"""Environment variables for processes that import torch: OpenMP and oneDNN.

They are read once, when torch is imported. Values that the user has set stay.
"""

import os
from collections.abc import Mapping

# Iterations that OpenMP's threads spin before they sleep, if nothing else wants the cores; beside other processes
# labkit.training.openmp_spinning makes them sleep sooner. By default it is some ms.
OMP_SPIN_COUNT = "30000"

# Number of products whose generated code oneDNN caches; 1024 by default. It generates code for each shape, in about a
# millisecond. A run of the Chinese pair in bfloat16 has some 1,050 shapes, and would generate a few hundred twice.
_ONEDNN_CACHE_VARIABLES, ONEDNN_CACHE_SIZE = (
    ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "DNNL_PRIMITIVE_CACHE_CAPACITY"),
    "4096",
)


def torch_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """`environment` (default: `os.environ`) plus the variables that torch processes need."""
    variables = dict(os.environ if environment is None else environment)
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & set(variables):
        variables["GOMP_SPINCOUNT"] = OMP_SPIN_COUNT
    if not set(_ONEDNN_CACHE_VARIABLES) & set(variables):
        variables[_ONEDNN_CACHE_VARIABLES[0]] = ONEDNN_CACHE_SIZE
    return variables
