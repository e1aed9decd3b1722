"""Which GPUs CUDA shows to this process, found in NVML; and NVML's errors in words a user can act on.

Imports no pynvml itself: sampler.py does, and hands the module in as `nvml`.
"""

import contextlib
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

GPU_LOST = "the GPU is lost: it fell off the bus, was reset, or its driver was stopped"

_NOT_STARTED = {
    "NVMLError_LibraryNotFound": "no NVIDIA driver (or a container that was not given the driver's utilities)",
    "NVMLError_DriverNotLoaded": "an NVIDIA driver is installed but not loaded",
    "NVMLError_LibRmVersionMismatch": "the NVIDIA driver was changed while in use; restart the machine",
    "NVMLError_NoPermission": "this user may not talk to the NVIDIA driver",
}
_NOT_GIVEN = ("NVMLError_NotSupported", "NVMLError_FunctionNotFound", "NVMLLibraryMismatchError")
_LOST = ("NVMLError_GpuIsLost", "NVMLError_ResetRequired", "NVMLError_Uninitialized")


@dataclass
class Gpu:
    """A GPU, or a MIG slice of one, under the number that CUDA gives it."""

    number: int
    name: str  # its number in NVML's order or (the beginning of) its UUID; once found, its whole UUID
    handle: Any = None
    is_mig: bool = False
    problem: str = ""  # why nothing can be read from it now


def start(nvml: Any) -> str:
    """Start NVML; why it does not start, in one sentence, or nothing."""
    try:
        nvml.nvmlInit()
        return ""
    except nvml.NVMLError as error:
        return _NOT_STARTED.get(type(error).__name__, f"NVML does not start: {error}")


def stop(nvml: Any) -> None:
    with contextlib.suppress(nvml.NVMLError):
        nvml.nvmlShutdown()


def query(nvml: Any, gpu: Gpu, missing: dict[str, str], metric: str, call: Callable[[], T]) -> T | None:
    """One guarded call: its answer, or None with the reason under `missing[figure]`; notes when the GPU is lost."""
    try:
        return call()
    except (nvml.NVMLError, nvml.NVMLLibraryMismatchError) as error:
        kind = type(error).__name__
        missing[metric] = _explain_error(kind, error, gpu)
        if kind in _LOST:
            gpu.problem = missing[metric]
        return None


def count_gpus(nvml: Any) -> int:
    """GPUs of the machine, whether CUDA shows them or not; 0 where NVML does not tell."""
    try:
        return int(nvml.nvmlDeviceGetCount())
    except nvml.NVMLError:
        return 0


def iter_visible_gpus(nvml: Any, uuids: Sequence[str] = ()) -> Iterator[Gpu]:
    """The GPUs in CUDA's order: as `uuids` says, else as CUDA_VISIBLE_DEVICES says, else NVML's order.

    Like CUDA, stops at the first entry of the variable that names no GPU. `uuids` are not believed where NVML knows
    one of them not: of a MIG slice some versions of CUDA tell that of its GPU, others its own.
    """
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [str(index) for index in range(count_gpus(nvml))] if shown is None else shown.split(",")
    if uuids and "MIG-" not in (shown or ""):
        told = list(_resolve_gpus(nvml, [uuid if uuid.startswith("GPU-") else f"GPU-{uuid}" for uuid in uuids]))
        if len(told) == len(uuids):
            yield from told
            return
    yield from _resolve_gpus(nvml, names)


def _resolve_gpus(nvml: Any, names: Sequence[str]) -> Iterator[Gpu]:
    for number, name in enumerate(names):
        gpu = Gpu(number, name.strip())
        resolve_handle(nvml, gpu)
        if gpu.handle is None and not gpu.problem:
            return
        yield gpu


def resolve_handle(nvml: Any, gpu: Gpu) -> None:
    """Give a GPU its handle by its name. No handle and no problem: there is no such GPU."""
    missing: dict[str, str] = {}
    gpu.problem = ""
    gpu.handle = query(nvml, gpu, missing, "handle", lambda: _handle(nvml, gpu.name))
    gpu.problem = missing.get("handle", "")
    if gpu.handle is None:
        return
    named_slice = gpu.name.startswith("MIG-")
    first_slice = None if named_slice else _first_slice(nvml, gpu.handle)
    gpu.is_mig = named_slice or first_slice is not None
    gpu.handle = first_slice or gpu.handle
    # Numbers shift when a GPU is lost, its UUID stays.
    gpu.name = query(nvml, gpu, missing, "uuid", lambda: str(nvml.nvmlDeviceGetUUID(gpu.handle))) or gpu.name


def read_total_and_used_mib(nvml: Any, handle: Any) -> tuple[float, float]:
    """MiB. The second version does not count what the driver reserves for itself as used; old drivers lack it."""
    try:
        memory = nvml.nvmlDeviceGetMemoryInfo(handle, nvml.nvmlMemory_v2)
    except nvml.NVMLError:
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    return memory.total / 2**20, memory.used / 2**20


def read_temperature_c(nvml: Any, handle: Any) -> float:
    """°C. The first call goes away with CUDA 14, the second one is missing from older drivers."""
    try:
        return float(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))
    except (nvml.NVMLError_FunctionNotFound, AttributeError):
        return float(nvml.nvmlDeviceGetTemperatureV(handle, nvml.NVML_TEMPERATURE_GPU))


def _handle(nvml: Any, name: str) -> Any:
    if name.isdecimal():
        return nvml.nvmlDeviceGetHandleByIndex(int(name)) if int(name) < count_gpus(nvml) else None
    if name.startswith("MIG-"):
        with contextlib.suppress(nvml.NVMLError_NotFound):
            return nvml.nvmlDeviceGetHandleByUUID(name)
        return None
    for index in range(count_gpus(nvml)) if name.startswith("GPU-") else ():
        with contextlib.suppress(nvml.NVMLError):  # another GPU may be lost
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            if nvml.nvmlDeviceGetUUID(handle).startswith(name):
                return handle
    return None


def _first_slice(nvml: Any, handle: Any) -> Any:
    """The one slice that CUDA shows of a GPU in MIG mode; None where it is not in that mode."""
    with contextlib.suppress(nvml.NVMLError):
        if nvml.nvmlDeviceGetMigMode(handle)[0]:
            for index in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
                with contextlib.suppress(nvml.NVMLError_NotFound):
                    return nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, index)
    return None


def _explain_error(kind: str, error: Exception, gpu: Gpu) -> str:
    if kind in _LOST:
        return GPU_LOST
    if kind == "NVMLError_NoPermission":
        return "this user may not read it"
    if kind not in _NOT_GIVEN:
        return f"NVML says: {error}"
    if gpu.is_mig:
        return "NVML does not give it for a MIG slice"
    return "NVML does not give it under WSL" if is_wsl() else "this GPU or its driver does not give it"


def is_wsl() -> bool:
    return "microsoft" in platform.release().lower()
