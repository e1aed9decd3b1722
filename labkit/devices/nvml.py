"""NVML calls: the GPUs that CUDA shows to this process, and readable errors.

Does not import pynvml: sampler.py does, and passes the module in as `nvml`.
"""

import contextlib
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from labkit.messages import N_, Message

T = TypeVar("T")

GPU_LOST = Message("the GPU is lost: it fell off the bus, was reset, or its driver was stopped")

_START_ERRORS = {
    "NVMLError_LibraryNotFound": N_("no NVIDIA driver (or a container that was not given the driver's utilities)"),
    "NVMLError_DriverNotLoaded": N_("an NVIDIA driver is installed but not loaded"),
    "NVMLError_LibRmVersionMismatch": N_("the NVIDIA driver was changed while in use; restart the machine"),
    "NVMLError_NoPermission": N_("this user may not talk to the NVIDIA driver"),
}
_UNSUPPORTED_ERRORS = ("NVMLError_NotSupported", "NVMLError_FunctionNotFound", "NVMLLibraryMismatchError")
_LOST_ERRORS = ("NVMLError_GpuIsLost", "NVMLError_ResetRequired", "NVMLError_Uninitialized")


@dataclass
class Gpu:
    """GPU, or a MIG slice of one, by its number in CUDA."""

    number: int
    name: str  # its number in NVML's order or (the beginning of) its UUID; once found, its whole UUID
    handle: Any = None
    is_mig: bool = False
    problem: Message | None = None  # why nothing can be read from it now


def start(nvml: Any) -> Message | None:
    """Starts NVML; returns the reason if that fails."""
    try:
        nvml.nvmlInit()
        return None
    except nvml.NVMLError as error:
        if known := _START_ERRORS.get(type(error).__name__):
            return Message(known)
        return Message("NVML does not start: {error}", error=str(error))


def stop(nvml: Any) -> None:
    with contextlib.suppress(nvml.NVMLError):
        nvml.nvmlShutdown()


def query(nvml: Any, gpu: Gpu, missing: dict[str, Message], metric: str, call: Callable[[], T]) -> T | None:
    """Makes one guarded call to NVML.

    On an error returns None and puts the reason in `missing[metric]`, and in `gpu.problem` if the GPU is lost.
    """
    try:
        return call()
    except (nvml.NVMLError, nvml.NVMLLibraryMismatchError) as error:
        kind = type(error).__name__
        missing[metric] = _explain_error(kind, error, gpu)
        if kind in _LOST_ERRORS:
            gpu.problem = missing[metric]
        return None


def count_gpus(nvml: Any) -> int:
    """Number of GPUs in the machine, visible or not; 0 if unknown."""
    try:
        return int(nvml.nvmlDeviceGetCount())
    except nvml.NVMLError:
        return 0


def iter_visible_gpus(nvml: Any, uuids: Sequence[str] = ()) -> Iterator[Gpu]:
    """Yields the GPUs in CUDA's order.

    The order is that of `uuids`, else of CUDA_VISIBLE_DEVICES, else NVML's. Like CUDA, stops at the first entry of the
    variable that names no GPU. `uuids` are ignored if NVML does not know all of them: for a MIG slice some versions of
    CUDA give the UUID of its GPU, others its own.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [str(index) for index in range(count_gpus(nvml))] if visible is None else visible.split(",")
    if uuids and "MIG-" not in (visible or ""):
        gpus = list(_resolve_gpus(nvml, [uuid if uuid.startswith("GPU-") else f"GPU-{uuid}" for uuid in uuids]))
        if len(gpus) == len(uuids):
            yield from gpus
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
    """Sets a GPU's handle by its name.

    With neither a handle nor a problem afterwards, there is no such GPU.
    """
    missing: dict[str, Message] = {}
    gpu.problem = None
    gpu.handle = query(nvml, gpu, missing, "handle", lambda: _find_handle(nvml, gpu.name))
    gpu.problem = missing.get("handle")
    if gpu.handle is None:
        return
    named_slice = gpu.name.startswith("MIG-")
    first_slice = None if named_slice else _first_slice(nvml, gpu.handle)
    gpu.is_mig = named_slice or first_slice is not None
    gpu.handle = first_slice or gpu.handle
    # Numbers shift when a GPU is lost, its UUID stays.
    gpu.name = query(nvml, gpu, missing, "uuid", lambda: str(nvml.nvmlDeviceGetUUID(gpu.handle))) or gpu.name


def read_total_and_used_mib(nvml: Any, handle: Any) -> tuple[float, float]:
    """Total and used memory of a GPU, in MiB.

    The second version of the call does not count what the driver reserves as used; old drivers lack it.
    """
    try:
        memory = nvml.nvmlDeviceGetMemoryInfo(handle, nvml.nvmlMemory_v2)
    except nvml.NVMLError:
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    return memory.total / 2**20, memory.used / 2**20


def read_temperature_c(nvml: Any, handle: Any) -> float:
    """Temperature of a GPU, in °C.

    The first call goes away with CUDA 14; older drivers lack the second.
    """
    try:
        return float(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))
    except (nvml.NVMLError_FunctionNotFound, AttributeError):
        return float(nvml.nvmlDeviceGetTemperatureV(handle, nvml.NVML_TEMPERATURE_GPU))


def _find_handle(nvml: Any, name: str) -> Any:
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
    """Slice that CUDA shows of a GPU in MIG mode, or None."""
    with contextlib.suppress(nvml.NVMLError):
        if nvml.nvmlDeviceGetMigMode(handle)[0]:
            for index in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
                with contextlib.suppress(nvml.NVMLError_NotFound):
                    return nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, index)
    return None


def _explain_error(kind: str, error: Exception, gpu: Gpu) -> Message:
    if kind in _LOST_ERRORS:
        return GPU_LOST
    if kind == "NVMLError_NoPermission":
        return Message("this user may not read it")
    if kind not in _UNSUPPORTED_ERRORS:
        return Message("NVML says: {error}", error=str(error))
    if gpu.is_mig:
        return Message("NVML does not give it for a MIG slice")
    is_wsl = "microsoft" in platform.release().lower()
    return Message("NVML does not give it under WSL" if is_wsl else "this GPU or its driver does not give it")
