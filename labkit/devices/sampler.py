"""Device monitor of a run: its GPUs by NVML, its process on the CPU by psutil.

The only importer of pynvml, and only once a GPU is asked for. A figure that cannot be read is None, never 0, with the
reason beside it. NVML's utilisation covers a window of 1/6 s to 1 s, depending on the GPU: asking more often repeats
figures. It means that some kernel was running, not how much work was done.
"""

import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from labkit.devices import nvml
from labkit.devices.cpu import CPU_METRICS, ProcessSampler, cpu_name
from labkit.events import DeviceSampled
from labkit.messages import Message

METRICS = (*CPU_METRICS, "power_w", "temperature_c")

AllocatedMibReader = Callable[[int], float | None]

_MIB = 2**20
_RETRY_S = 5.0  # between two attempts to find a lost GPU again: restarting NVML may take a second
# Memory of a run beside torch's allocator (CUDA's context, libraries), or taken between two calls of a sample.
_SLACK_MIB = 2048
_UNLISTED = Message(
    "NVML does not list this process on the GPU: it has not used it yet, or a container hides process numbers"
)
_NO_PERCENTAGE = Message("NVML's utilisation is not between 0 and 100 %")
_OVERFULL = Message("NVML says that more memory is in use than the GPU has")
_NOT_THIS_GPU = Message(
    "the run's memory is more than NVML says is in use on the GPU: the figures are of different GPUs"
)
_NOT_THIS_PROCESS = Message(
    "NVML lists more memory under this process's number than is in use on the GPU: the number is another process's"
)


class Sampler:
    """Samples a run's devices: its visible GPUs and its process on the CPU.

    Args:
        device: device that the run, this process, trains on: `cpu`, `cuda`, `cuda:1`, `mps`.
        get_allocated_mib: returns the MiB that torch's allocator holds on the GPU of a number, as NVML's figures per
            process are missing in containers and under WSL. If both are known the larger one counts: the allocator does
            not know of CUDA's own few hundred MiB. Figures that contradict each other become gaps.
        gpu_uuids: the GPUs in CUDA's order, if the caller knows it (`torch.cuda.get_device_properties(n).uuid`).
            Without it NVML's order is taken, which can differ on a machine with different GPUs.
    """

    def __init__(
        self,
        device: str,
        get_allocated_mib: AllocatedMibReader | None = None,
        gpu_uuids: Sequence[str] = (),
    ):
        kind, _, number = device.partition(":")
        self._process = ProcessSampler(os.getpid())
        self._gpus = _Gpus(int(number or 0), get_allocated_mib, gpu_uuids) if kind == "cuda" else None
        self._mps = _Mps(get_allocated_mib) if kind == "mps" else None
        self._last_missing: dict[str, dict[str, Message]] = {}

    def sample(self, seconds: float) -> list[DeviceSampled]:
        """Samples each device, GPUs first; `seconds` goes into the samples.

        Reasons for missing figures are given only when they change. The process's utilisation is a share of the cores
        that it may use, since the last sample: the first sample has none.
        """
        samples = [self._process.sample(seconds)]
        if gpus := self._gpus or self._mps:
            samples = gpus.sample(seconds) + samples
        return [self._without_repeated_reasons(sample) for sample in samples]

    def close(self) -> None:
        """Shuts NVML down."""
        if self._gpus:
            self._gpus.stop()

    def _without_repeated_reasons(self, sample: DeviceSampled) -> DeviceSampled:
        if self._last_missing.get(sample.device, {}) == sample.missing:
            return msgspec.structs.replace(sample, missing={})
        self._last_missing[sample.device] = sample.missing
        return sample


@dataclass(frozen=True)
class DeviceInfo:
    """Device of this machine, with the metrics that can be read."""

    device: str  # "cpu", "gpu 0"; "gpu" where there is none
    name: str
    cores: float | None = None  # that this process may use; None for a GPU
    memory_total_mib: float | None = None
    driver: str = ""
    readable: tuple[str, ...] = ()  # of METRICS
    missing: dict[str, Message] = field(default_factory=dict)  # metric → why it cannot be read
    problem: Message | None = None  # why nothing at all can be read, in one sentence


def list_devices() -> list[DeviceInfo]:
    """Devices of this machine: NVIDIA GPUs, then the CPU.

    Without a GPU, the first entry gives the reason.
    """
    gpus = _Gpus(get_allocated_mib=lambda number: 0.0)  # a run's memory is known to its own allocator only
    process = ProcessSampler(os.getpid())
    try:
        infos = [gpus.info(sample) for sample in gpus.sample(0.0)]
    finally:
        gpus.stop()
    if gpus.problem:
        infos = [DeviceInfo("gpu", "", problem=gpus.problem)]
    total = process.sample(0.0).memory_total_mib
    return [*infos, DeviceInfo("cpu", cpu_name(), process.cores, total, readable=CPU_METRICS)]


class _Gpus:
    """Samples the GPUs that CUDA shows to this process, through NVML.

    Each call is guarded on its own.
    """

    def __init__(self, number: int = 0, get_allocated_mib: AllocatedMibReader | None = None, uuids: Sequence[str] = ()):
        self.problem: Message | None = None  # why NVML cannot be used at all; it is tried once
        self._get_allocated_mib = get_allocated_mib
        self._uuids = uuids
        self._nvml: Any = None
        self._gpus = [nvml.Gpu(number, str(number))]  # without NVML, the one that trains still gets a line
        self._retry_at = float("inf")

    def sample(self, seconds: float) -> list[DeviceSampled]:
        if self._nvml is None and not self.problem:
            self.problem = self._start()
        if seconds >= self._retry_at:
            self._reconnect()
        samples = [self._sample(gpu, seconds) for gpu in self._gpus]
        if self._retry_at == float("inf") and any(gpu.problem for gpu in self._gpus):
            self._retry_at = seconds + _RETRY_S
        return samples

    def info(self, sample: DeviceSampled) -> DeviceInfo:
        gpu = next(gpu for gpu in self._gpus if _label(gpu) == sample.device)
        readable = tuple(name for name in METRICS if getattr(sample, name) is not None)
        name = driver = None
        if self._nvml and not gpu.problem:
            query = functools.partial(nvml.query, self._nvml, gpu, {})
            name = query("name", lambda: str(self._nvml.nvmlDeviceGetName(gpu.handle)))
            driver = query("driver", lambda: str(self._nvml.nvmlSystemGetDriverVersion()))
        total = sample.memory_total_mib
        return DeviceInfo(sample.device, name or "", None, total, driver or "", readable, sample.missing, gpu.problem)

    def stop(self) -> None:
        if self._nvml:
            nvml.stop(self._nvml)
            self._nvml = None

    def _start(self) -> Message | None:
        """Starts NVML and finds the GPUs; returns the reason if that fails."""
        try:
            import pynvml
        except ImportError:
            return Message("the package nvidia-ml-py is not installed")
        if problem := nvml.start(pynvml):
            return problem
        self._nvml = pynvml
        gpus = list(nvml.iter_visible_gpus(pynvml, self._uuids))
        self._gpus = gpus or self._gpus
        if gpus:
            return None
        return Message(
            "CUDA_VISIBLE_DEVICES hides every GPU" if nvml.count_gpus(pynvml) else "NVML shows no NVIDIA GPU"
        )

    def _reconnect(self) -> None:
        """Restarts NVML and finds every GPU again by its UUID.

        Without a restart a lost GPU stays lost to NVML.
        """
        self._retry_at = float("inf")
        nvml.stop(self._nvml)
        problem = nvml.start(self._nvml)
        for gpu in self._gpus:
            if problem:
                gpu.problem = problem
                continue
            nvml.resolve_handle(self._nvml, gpu)
            if gpu.handle is None:
                gpu.problem = gpu.problem or nvml.GPU_LOST

    def _sample(self, gpu: nvml.Gpu, seconds: float) -> DeviceSampled:
        if self.problem or gpu.problem:
            return self._blank(gpu, seconds)
        lib, missing = self._nvml, dict[str, Message]()
        query = functools.partial(nvml.query, lib, gpu, missing)
        utilization = None
        if gpu.is_mig:  # some drivers return 0 here
            missing["utilization"] = Message("NVML gives no utilisation for a MIG slice")
        else:
            utilization = query("utilization", lambda: float(lib.nvmlDeviceGetUtilizationRates(gpu.handle).gpu))
        if utilization is not None and not 0 <= utilization <= 100:
            utilization, missing["utilization"] = None, _NO_PERCENTAGE
        total, used = query("memory_total_mib", lambda: nvml.read_total_and_used_mib(lib, gpu.handle)) or (None, None)
        if total is not None and used is not None and used > total:
            total, used, missing["memory_total_mib"] = None, None, _OVERFULL
        limit = None if used is None or total is None else min(total, used + _SLACK_MIB)
        run = self._read_run_memory_mib(gpu, limit, missing)
        others = None
        if used is not None and run is not None:
            others = max(0.0, used - run)
        else:
            missing["memory_others_mib"] = missing.get("memory_total_mib") or missing["memory_run_mib"]
        power = query("power_w", lambda: float(lib.nvmlDeviceGetPowerUsage(gpu.handle) / 1000))
        temperature = query("temperature_c", lambda: nvml.read_temperature_c(lib, gpu.handle))
        if gpu.problem:  # lost meanwhile: no half samples
            return self._blank(gpu, seconds)
        return DeviceSampled(seconds, _label(gpu), utilization, run, others, total, power, temperature, missing)

    def _blank(self, gpu: nvml.Gpu, seconds: float) -> DeviceSampled:
        run = _read_allocated_mib(self._get_allocated_mib, gpu.number)
        missing = dict.fromkeys(METRICS, self.problem or gpu.problem or Message(""))
        if run is not None:
            del missing["memory_run_mib"]
        return DeviceSampled(seconds, _label(gpu), None, run, None, None, missing=missing)

    def _read_run_memory_mib(self, gpu: nvml.Gpu, limit: float | None, missing: dict[str, Message]) -> float | None:
        """Memory of the run on a GPU: the larger figure of torch's allocator and NVML.

        In a container the run's process number may be another process's on the machine. So NVML's figure counts only if
        it agrees with the allocator and with `limit`, the MiB that can be in use.
        """
        reasons = {"memory_run_mib": _UNLISTED}
        list_processes = self._nvml.nvmlDeviceGetComputeRunningProcesses
        processes = nvml.query(self._nvml, gpu, reasons, "memory_run_mib", lambda: list_processes(gpu.handle)) or []
        listed = [entry.usedGpuMemory / _MIB for entry in processes if entry.pid == os.getpid() and entry.usedGpuMemory]
        allocated = _read_allocated_mib(self._get_allocated_mib, gpu.number)
        if allocated is not None:
            known = [allocated, *(mib for mib in listed if mib <= allocated + _SLACK_MIB)]
        else:
            known = listed
        run = max(known, default=None)
        if run is not None and limit is not None and run > limit:
            run, reasons["memory_run_mib"] = None, _NOT_THIS_PROCESS if allocated is None else _NOT_THIS_GPU
        if run is None:
            missing.update(reasons)
        return run


class _Mps:
    """Samples Apple's GPU, of which macOS gives few figures."""

    def __init__(self, get_allocated_mib: AllocatedMibReader | None):
        self._get_allocated_mib = get_allocated_mib

    def sample(self, seconds: float) -> list[DeviceSampled]:
        run = _read_allocated_mib(self._get_allocated_mib, 0)
        missing = dict.fromkeys(METRICS, Message("macOS tells a GPU's figures to administrators only"))
        missing["memory_others_mib"] = missing["memory_total_mib"] = Message("the GPU shares the memory of the CPU")
        if run is not None:
            del missing["memory_run_mib"]
        return [DeviceSampled(seconds, "gpu 0", None, run, None, None, missing=missing)]


def _label(gpu: nvml.Gpu) -> str:
    return f"gpu {gpu.number}"


def _read_allocated_mib(get_allocated_mib: AllocatedMibReader | None, number: int) -> float | None:
    try:
        return get_allocated_mib(number) if get_allocated_mib else None
    except RuntimeError:  # torch's, of a GPU that is gone
        return None
