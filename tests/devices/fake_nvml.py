"""A stand-in for the NVIDIA driver's library, for tests of the real pynvml binding on machines without a GPU.

`install` makes pynvml's own loader find a FakeLibrary instead of `libnvidia-ml.so.1`. Its functions are native code
pointers made by ctypes: the binding passes them its own structures by reference, as it does to the driver, and they are
filled in through those references. No C compiler is needed.
"""

import ctypes
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_uint, c_void_p
from dataclasses import dataclass, field
from typing import Any

import pynvml
import pytest

MIB = 2**20
UNKNOWN_MEMORY = 2**64 - 1  # NVML's mark for "not available"


@dataclass
class FakeGpu:
    """A GPU, or a slice of one in `slices`; `errors` holds the code that a call answers with instead of a figure."""

    uuid: str = "GPU-11111111-aaaa-bbbb-cccc-000000000000"
    name: str = "NVIDIA Fake 40GB"
    utilization: int = 73
    total_mib: int = 40_960
    reserved_mib: int = 560
    used_mib: int = 12_000  # without what is reserved
    power_mw: int = 251_300
    temperature: int = 61
    processes: dict[int, int] = field(default_factory=dict)  # pid → bytes
    slices: list["FakeGpu"] = field(default_factory=list)  # MIG mode is on where there are any
    errors: dict[str, int] = field(default_factory=dict)  # name of a call (without nvmlDevice), or "*" → code


class FakeLibrary:
    """What `ctypes.CDLL` would give. `absent` functions are not in the library, `init_error` is what nvmlInit says."""

    def __init__(self, *gpus: FakeGpu, init_error: int = 0, absent: tuple[str, ...] = ()):
        self.gpus = list(gpus)
        self.init_error = init_error
        self.absent = absent
        self.started = 0  # inits minus shutdowns
        self.calls: list[str] = []
        self._pointers: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name in self.absent or name not in _FUNCTIONS:
            raise AttributeError(name)
        if name not in self._pointers:
            self._pointers[name] = self._pointer(name)
        return self._pointers[name]

    def _pointer(self, name: str) -> Any:
        arguments, answer = _FUNCTIONS[name]

        def call(*values: Any) -> int:
            self.calls.append(name)
            if not self.started and not name.startswith("nvmlInit"):
                return int(pynvml.NVML_ERROR_UNINITIALIZED)
            return int(answer(self, *values) or 0)

        return CFUNCTYPE(c_int, *arguments)(call)

    def device(self, handle: int) -> FakeGpu:
        """Handles are addresses: 0x1000 for the first GPU, its first slice 0x1001."""
        index, slice_ = divmod(handle - 0x1000, 0x100)
        return self.gpus[index] if slice_ == 0 else self.gpus[index].slices[slice_ - 1]


def install(monkeypatch: pytest.MonkeyPatch, library: FakeLibrary | None) -> None:
    """Let pynvml load `library`; None: there is no such file on this machine."""

    def load(file: str) -> FakeLibrary:
        if library is None:
            raise OSError(f"{file}: cannot open shared object file: No such file or directory")
        return library

    monkeypatch.setattr(pynvml, "CDLL", load)
    monkeypatch.setattr(pynvml, "nvmlLib", None)
    monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})


def _at(address: int, kind: Any) -> Any:
    """The C value at an address, to be read or written."""
    return ctypes.cast(address, POINTER(kind)).contents


def _write_text(address: int, text: str, length: int) -> None:
    data = text.encode() + b"\0"
    assert len(data) <= length
    ctypes.memmove(address, data, len(data))


def _init(library: FakeLibrary, flags: int) -> int:
    library.started += 0 if library.init_error else 1
    return library.init_error


def _shutdown(library: FakeLibrary) -> None:
    library.started -= 1


def _count(library: FakeLibrary, count: int) -> None:
    _at(count, c_uint).value = len(library.gpus)


def _driver(library: FakeLibrary, text: int, length: int) -> None:
    _write_text(text, "570.86.15", length)


def _handle_by_index(library: FakeLibrary, index: int, handle: int) -> int | None:
    if index >= len(library.gpus):
        return int(pynvml.NVML_ERROR_INVALID_ARGUMENT)
    _at(handle, c_void_p).value = 0x1000 + 0x100 * index
    return library.gpus[index].errors.get("GetHandleByIndex")


def _handle_by_uuid(library: FakeLibrary, uuid: bytes, handle: int) -> int | None:
    for index, gpu in enumerate(library.gpus):
        for number, device in enumerate([gpu, *gpu.slices]):
            if device.uuid == uuid.decode():
                _at(handle, c_void_p).value = 0x1000 + 0x100 * index + number
                return None
    return int(pynvml.NVML_ERROR_NOT_FOUND)


def _of_device(name: str, answer: Any) -> Any:
    """A function whose first argument is a handle, and which can be told to answer with an error."""

    def call(library: FakeLibrary, handle: int, *values: Any) -> int | None:
        gpu = library.device(handle)
        for key in ("*", name):
            if key in gpu.errors:
                return gpu.errors[key]
        result: int | None = answer(gpu, handle, *values)
        return result

    return call


def _name(gpu: FakeGpu, handle: int, text: int, length: int) -> None:
    _write_text(text, gpu.name, length)


def _uuid(gpu: FakeGpu, handle: int, text: int, length: int) -> None:
    _write_text(text, gpu.uuid, length)


def _utilization(gpu: FakeGpu, handle: int, figures: int) -> None:
    # In MIG mode some drivers answer with success, and a 0 that means nothing.
    _at(figures, pynvml.c_nvmlUtilization_t).gpu = 0 if gpu.slices else gpu.utilization


def _memory(gpu: FakeGpu, handle: int, figures: int) -> None:
    memory = _at(figures, pynvml.c_nvmlMemory_t)
    memory.total, memory.used = gpu.total_mib * MIB, (gpu.used_mib + gpu.reserved_mib) * MIB


def _memory_v2(gpu: FakeGpu, handle: int, figures: int) -> int | None:
    memory = _at(figures, pynvml.c_nvmlMemory_v2_t)
    if memory.version != pynvml.nvmlMemory_v2:
        return int(pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH)
    memory.total, memory.used, memory.reserved = gpu.total_mib * MIB, gpu.used_mib * MIB, gpu.reserved_mib * MIB
    return None


def _power(gpu: FakeGpu, handle: int, milliwatts: int) -> None:
    _at(milliwatts, c_uint).value = gpu.power_mw


def _temperature(gpu: FakeGpu, handle: int, sensor: int, degrees: int) -> None:
    _at(degrees, c_uint).value = gpu.temperature


def _temperature_v(gpu: FakeGpu, handle: int, figures: int) -> None:
    _at(figures, pynvml.c_nvmlTemperature_v1_t).temperature = gpu.temperature


def _processes(gpu: FakeGpu, handle: int, count: int, entries: int | None) -> int | None:
    room, _at(count, c_uint).value = _at(count, c_uint).value, len(gpu.processes)
    if room < len(gpu.processes) or not entries:
        return int(pynvml.NVML_ERROR_INSUFFICIENT_SIZE) if gpu.processes else None
    for entry, (pid, held) in zip(
        _at(entries, pynvml.c_nvmlProcessInfo_v3_t * room), gpu.processes.items(), strict=False
    ):
        entry.pid, entry.usedGpuMemory = pid, held
    return None


def _mig_mode(gpu: FakeGpu, handle: int, current: int, pending: int) -> None:
    _at(current, c_uint).value = _at(pending, c_uint).value = 1 if gpu.slices else 0


def _mig_count(gpu: FakeGpu, handle: int, count: int) -> None:
    _at(count, c_uint).value = 7 if gpu.slices else 0


def _mig_handle(gpu: FakeGpu, handle: int, index: int, slice_handle: int) -> int | None:
    if index >= len(gpu.slices):
        return int(pynvml.NVML_ERROR_NOT_FOUND)
    _at(slice_handle, c_void_p).value = handle + index + 1
    return None


_P = c_void_p  # handles, and addresses of what is to be filled in

# C name → argument types, and the Python function that answers
_FUNCTIONS: dict[str, tuple[tuple[Any, ...], Any]] = {
    "nvmlInitWithFlags": ((c_uint,), _init),
    "nvmlShutdown": ((), _shutdown),
    "nvmlSystemGetDriverVersion": ((_P, c_uint), _driver),
    "nvmlDeviceGetCount_v2": ((_P,), _count),
    "nvmlDeviceGetHandleByIndex_v2": ((c_uint, _P), _handle_by_index),
    "nvmlDeviceGetHandleByUUID": ((c_char_p, _P), _handle_by_uuid),
    "nvmlDeviceGetName": ((_P, _P, c_uint), _of_device("GetName", _name)),
    "nvmlDeviceGetUUID": ((_P, _P, c_uint), _of_device("GetUUID", _uuid)),
    "nvmlDeviceGetUtilizationRates": ((_P, _P), _of_device("GetUtilizationRates", _utilization)),
    "nvmlDeviceGetMemoryInfo": ((_P, _P), _of_device("GetMemoryInfo", _memory)),
    "nvmlDeviceGetMemoryInfo_v2": ((_P, _P), _of_device("GetMemoryInfo", _memory_v2)),
    "nvmlDeviceGetPowerUsage": ((_P, _P), _of_device("GetPowerUsage", _power)),
    "nvmlDeviceGetTemperature": ((_P, c_uint, _P), _of_device("GetTemperature", _temperature)),
    "nvmlDeviceGetTemperatureV": ((_P, _P), _of_device("GetTemperature", _temperature_v)),
    "nvmlDeviceGetComputeRunningProcesses_v3": ((_P, _P, _P), _of_device("GetComputeRunningProcesses", _processes)),
    "nvmlDeviceGetMigMode": ((_P, _P, _P), _of_device("GetMigMode", _mig_mode)),
    "nvmlDeviceGetMaxMigDeviceCount": ((_P, _P), _of_device("GetMaxMigDeviceCount", _mig_count)),
    "nvmlDeviceGetMigDeviceHandleByIndex": ((_P, c_uint, _P), _of_device("GetMigDeviceHandleByIndex", _mig_handle)),
}
