"""Devices in every way they are known to misbehave, answered through the real NVML binding (see fake_nvml.py)."""

import os
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pynvml
import pytest

from labkit.devices.sampler import METRICS, Sampler, list_devices
from labkit.events import DeviceSampled
from tests.devices.fake_nvml import MIB, UNKNOWN_MEMORY, FakeGpu, FakeLibrary, install

# An exception inside one of the fake's functions must not pass for success.
pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")

HOST_PID = 4_111_111  # above what this system gives out
UUIDS = [f"GPU-{digit * 8}-aaaa-bbbb-cccc-000000000000" for digit in "123"]
SLICE = "MIG-22222222-aaaa-bbbb-cccc-000000000000"


@pytest.fixture(autouse=True)
def no_cuda_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(platform, "release", lambda: "6.1.0-generic")


@dataclass(frozen=True)
class Scenario:
    """A driver's way to be; `figures` are those of gpu 0 in the order of METRICS, `reasons` a part of each reason."""

    name: str
    library: Callable[[], FakeLibrary | None]
    figures: tuple[float | None, ...]
    reasons: dict[str, str] = field(default_factory=dict)
    own: float | None = 900.0  # MiB by torch's allocator
    release: str = ""
    environment: dict[str, str] = field(default_factory=dict)


def one(**how: Any) -> Callable[[], FakeLibrary]:
    return lambda: FakeLibrary(FakeGpu(**{"processes": {os.getpid(): 1400 * MIB}, **how}))


def failing(code: int) -> Callable[[], FakeLibrary]:
    return lambda: FakeLibrary(FakeGpu(), init_error=code)


NONE_BUT_OWN = (None, 900.0, None, None, None, None)
ALL_BUT_OWN = [name for name in METRICS if name != "memory_run_mib"]

SCENARIOS = [
    Scenario("healthy", one(), (73.0, 1400.0, 10_600.0, 40_960.0, 251.3, 61.0)),
    Scenario("no allocator to ask", one(), (73.0, 1400.0, 10_600.0, 40_960.0, 251.3, 61.0), own=None),
    Scenario("no library", lambda: None, NONE_BUT_OWN, dict.fromkeys(ALL_BUT_OWN, "no NVIDIA driver")),
    Scenario(
        "no driver",
        failing(pynvml.NVML_ERROR_DRIVER_NOT_LOADED),
        NONE_BUT_OWN,
        dict.fromkeys(ALL_BUT_OWN, "not loaded"),
    ),
    Scenario(
        "driver updated under a running system",
        failing(pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH),
        NONE_BUT_OWN,
        dict.fromkeys(ALL_BUT_OWN, "restart"),
    ),
    Scenario("library without a GPU", FakeLibrary, NONE_BUT_OWN, dict.fromkeys(ALL_BUT_OWN, "no NVIDIA GPU")),
    Scenario(
        "every GPU hidden",
        one(),
        NONE_BUT_OWN,
        dict.fromkeys(ALL_BUT_OWN, "CUDA_VISIBLE_DEVICES"),
        environment={"CUDA_VISIBLE_DEVICES": ""},
    ),
    Scenario(
        "MIG",
        one(
            slices=[
                FakeGpu(
                    uuid=SLICE,
                    total_mib=9_856,
                    used_mib=2_000,
                    processes={os.getpid(): 1400 * MIB},
                    errors={
                        "GetPowerUsage": pynvml.NVML_ERROR_NOT_SUPPORTED,
                        "GetTemperature": pynvml.NVML_ERROR_NOT_SUPPORTED,
                    },
                )
            ]
        ),
        (None, 1400.0, 600.0, 9_856.0, None, None),
        dict.fromkeys(["utilization", "power_w", "temperature_c"], "MIG"),
    ),
    Scenario(
        "no power figure",
        one(errors={"GetPowerUsage": pynvml.NVML_ERROR_NOT_SUPPORTED}),
        (73.0, 1400.0, 10_600.0, 40_960.0, None, 61.0),
        {"power_w": "does not give it"},
    ),
    Scenario(
        "no utilisation figure",
        one(errors={"GetUtilizationRates": pynvml.NVML_ERROR_NOT_SUPPORTED}),
        (None, 1400.0, 10_600.0, 40_960.0, 251.3, 61.0),
        {"utilization": "does not give it"},
    ),
    Scenario(
        "no memory figure",  # as on machines where GPU and CPU share theirs
        one(errors={"GetMemoryInfo": pynvml.NVML_ERROR_NOT_SUPPORTED}),
        (73.0, 1400.0, None, None, 251.3, 61.0),
        dict.fromkeys(["memory_others_mib", "memory_total_mib"], "does not give it"),
    ),
    Scenario(
        "a figure that takes permission",
        one(errors={"GetTemperature": pynvml.NVML_ERROR_NO_PERMISSION}),
        (73.0, 1400.0, 10_600.0, 40_960.0, 251.3, None),
        {"temperature_c": "may not read"},
    ),
    Scenario(
        "an error nobody foresaw",
        one(errors={"GetPowerUsage": pynvml.NVML_ERROR_UNKNOWN}),
        (73.0, 1400.0, 10_600.0, 40_960.0, None, 61.0),
        {"power_w": "Unknown Error"},
    ),
    Scenario(
        "WSL",
        one(errors={"GetComputeRunningProcesses": pynvml.NVML_ERROR_NOT_SUPPORTED}),
        (73.0, 900.0, 11_100.0, 40_960.0, 251.3, 61.0),
        release="5.15.153.1-microsoft-standard-WSL2",
    ),
    Scenario(
        "WSL without an allocator",
        one(errors={"GetComputeRunningProcesses": pynvml.NVML_ERROR_NOT_SUPPORTED}),
        (73.0, None, None, 40_960.0, 251.3, 61.0),
        dict.fromkeys(["memory_run_mib", "memory_others_mib"], "WSL"),
        own=None,
        release="5.15.153.1-microsoft-standard-WSL2",
    ),
    Scenario(
        "Windows, which lists processes without their memory",
        one(processes={os.getpid(): UNKNOWN_MEMORY}),
        (73.0, 900.0, 11_100.0, 40_960.0, 251.3, 61.0),
    ),
    Scenario(
        "container that lists the host's processes",
        one(processes={HOST_PID: 1400 * MIB}),
        (73.0, 900.0, 11_100.0, 40_960.0, 251.3, 61.0),
    ),
    Scenario(
        "container without an allocator",
        one(processes={HOST_PID: 1400 * MIB}),
        (73.0, None, None, 40_960.0, 251.3, 61.0),
        dict.fromkeys(["memory_run_mib", "memory_others_mib"], "container"),
        own=None,
    ),
    Scenario(
        "old driver",  # whose memory figure counts what it reserves for itself, 560 MiB
        lambda: FakeLibrary(
            FakeGpu(), absent=("nvmlDeviceGetMemoryInfo_v2", "nvmlDeviceGetComputeRunningProcesses_v3")
        ),
        (73.0, 900.0, 11_660.0, 40_960.0, 251.3, 61.0),
    ),
    Scenario(
        "coming driver",
        lambda: FakeLibrary(FakeGpu(), absent=("nvmlDeviceGetTemperature", "nvmlDeviceGetMigMode")),
        (73.0, 900.0, 11_100.0, 40_960.0, 251.3, 61.0),
    ),
    Scenario(
        "utilisation above all",
        one(utilization=4_294_967_295),
        (None, 1400.0, 10_600.0, 40_960.0, 251.3, 61.0),
        {"utilization": "not between 0 and 100"},
    ),
    Scenario(
        "more in use than there is",
        one(used_mib=41_000),
        (73.0, 1400.0, None, None, 251.3, 61.0),
        dict.fromkeys(["memory_others_mib", "memory_total_mib"], "more memory is in use than the GPU has"),
    ),
    Scenario(
        "container whose process number is another process's on the machine",
        one(processes={os.getpid(): 9_000 * MIB}, used_mib=10_000),
        (73.0, 500.0, 9_500.0, 40_960.0, 251.3, 61.0),
        own=500.0,
    ),
    Scenario(
        "process with more memory than the GPU has, and no allocator to ask",
        one(processes={os.getpid(): 60_000 * MIB}),
        (73.0, None, None, 40_960.0, 251.3, 61.0),
        dict.fromkeys(["memory_run_mib", "memory_others_mib"], "another process's"),
        own=None,
    ),
    Scenario(
        "run that is not on this GPU",
        one(processes={}, used_mib=300, total_mib=8_000),
        (73.0, None, None, 8_000.0, 251.3, 61.0),
        dict.fromkeys(["memory_run_mib", "memory_others_mib"], "different GPUs"),
        own=9_000.0,
    ),
    Scenario(
        "lost before it was found",
        one(errors={"GetHandleByIndex": pynvml.NVML_ERROR_GPU_IS_LOST}),
        NONE_BUT_OWN,
        dict.fromkeys(ALL_BUT_OWN, "lost"),
    ),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_figures_that_can_be_read_are_there_and_the_others_say_why_not(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, scenario.library())
    if scenario.release:
        monkeypatch.setattr(platform, "release", lambda: scenario.release)
    for name, value in scenario.environment.items():
        monkeypatch.setenv(name, value)
    gpu, cpu = Sampler("cuda", get_allocated_mib=lambda number: scenario.own).sample(2.5)
    assert (gpu.device, gpu.seconds, cpu.device) == ("gpu 0", 2.5, "cpu")
    assert figures(gpu) == pytest.approx(scenario.figures)
    assert set(gpu.missing) == {name for name in METRICS if getattr(gpu, name) is None} == set(scenario.reasons)
    assert [name for name, part in scenario.reasons.items() if part not in gpu.missing[name]] == []


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_reasons_are_told_once_and_figures_again_and_again(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, scenario.library())
    for name, value in scenario.environment.items():
        monkeypatch.setenv(name, value)
    sampler = Sampler("cuda", get_allocated_mib=lambda number: 900.0)
    first, second = sampler.sample(0.0)[0], sampler.sample(0.5)[0]
    assert second.missing == {}
    assert figures(first) == figures(second)


def test_a_driver_that_is_not_there_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    library = FakeLibrary(FakeGpu(), init_error=pynvml.NVML_ERROR_DRIVER_NOT_LOADED)
    install(monkeypatch, library)
    sampler = Sampler("cuda")
    for tick in range(100):
        sampler.sample(tick * 0.5)
    assert library.calls == ["nvmlInitWithFlags"]


def test_a_gpu_lost_in_the_middle_leaves_a_gap_with_its_reason_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    lost, well = FakeGpu(uuid=UUIDS[0]), FakeGpu(uuid=UUIDS[1], utilization=20)
    library = FakeLibrary(lost, well)
    install(monkeypatch, library)
    sampler = Sampler("cuda", get_allocated_mib=lambda number: 900.0)
    before = sampler.sample(0.0)
    lost.errors["*"] = pynvml.NVML_ERROR_GPU_IS_LOST
    gone = [sampler.sample(tick * 0.5) for tick in range(1, 31)]
    lost.errors.clear()
    after = [sampler.sample(15.5 + tick * 0.5) for tick in range(11)][-1]

    assert all(figures(sample[0]) == NONE_BUT_OWN for sample in gone)
    assert all(figures(sample[1]) == figures(before[1]) for sample in gone)
    assert "lost" in gone[0][0].missing["utilization"]
    assert all(sample[0].missing == {} for sample in gone[1:])
    assert (figures(after[0]), figures(after[1])) == (figures(before[0]), figures(before[1]))
    assert library.started == 1
    assert library.calls.count("nvmlInitWithFlags") <= 5  # every five seconds, not with every sample


def test_a_gpu_that_fails_half_way_through_a_sample_leaves_no_half_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = FakeGpu()
    install(monkeypatch, FakeLibrary(gpu))
    sampler = Sampler("cuda")
    sampler.sample(0.0)
    gpu.errors["GetTemperature"] = pynvml.NVML_ERROR_GPU_IS_LOST
    assert figures(sampler.sample(0.5)[0]) == (None,) * 6


def test_a_second_loss_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = FakeGpu(processes={os.getpid(): MIB})
    install(monkeypatch, FakeLibrary(gpu))
    sampler = Sampler("cuda")
    told = []
    for tick, error in enumerate([0, pynvml.NVML_ERROR_GPU_IS_LOST, 0, pynvml.NVML_ERROR_GPU_IS_LOST]):
        gpu.errors = {"*": error} if error else {}
        told.append(bool(sampler.sample(tick * 10.0)[0].missing))
    assert told == [False, True, False, True]


def test_a_driver_unloaded_for_good_is_a_gap_and_no_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    library = FakeLibrary(FakeGpu())
    install(monkeypatch, library)
    sampler = Sampler("cuda")
    sampler.sample(0.0)
    library.started, library.init_error = 0, pynvml.NVML_ERROR_DRIVER_NOT_LOADED
    samples = [sampler.sample(tick * 1.0)[0] for tick in range(1, 20)]
    assert {figures(sample) for sample in samples} == {(None,) * 6}
    assert any("not loaded" in sample.missing.get("utilization", "") for sample in samples)


def test_a_gpu_keeps_its_number_when_the_one_before_it_vanishes(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = FakeGpu(uuid=UUIDS[0], temperature=40), FakeGpu(uuid=UUIDS[1], temperature=80)
    library = FakeLibrary(first, second)
    install(monkeypatch, library)
    sampler = Sampler("cuda")
    sampler.sample(0.0)
    first.errors["*"] = pynvml.NVML_ERROR_GPU_IS_LOST
    sampler.sample(1.0)
    library.gpus.remove(first)
    samples = sampler.sample(10.0)
    assert [(sample.device, sample.temperature_c) for sample in samples[:2]] == [("gpu 0", None), ("gpu 1", 80.0)]


@pytest.mark.parametrize(
    ("shown", "temperatures"),
    [
        (None, [41, 42, 43]),
        ("2", [43]),
        ("2,0", [43, 41]),
        (" 1 , 2 ", [42, 43]),
        ("1,-1,2", [42]),  # CUDA stops at what it does not know
        ("1,9,2", [42]),
        (UUIDS[1], [42]),
        (f"{UUIDS[2]},{UUIDS[0]}", [43, 41]),
        ("GPU-333", [43]),  # the beginning of a UUID will do
    ],
)
def test_gpus_are_those_that_cuda_shows_in_its_order(
    shown: str | None, temperatures: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, FakeLibrary(*(FakeGpu(uuid=uuid, temperature=41 + n) for n, uuid in enumerate(UUIDS))))
    if shown is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
    *gpus, cpu = Sampler("cuda").sample(0.0)
    assert [gpu.device for gpu in gpus] == [f"gpu {number}" for number in range(len(temperatures))]
    assert [gpu.temperature_c for gpu in gpus] == temperatures
    assert cpu.device == "cpu"


def test_the_order_that_torch_knows_goes_before_that_of_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, FakeLibrary(*(FakeGpu(uuid=uuid, temperature=41 + n) for n, uuid in enumerate(UUIDS))))
    bare = [UUIDS[2].removeprefix("GPU-"), UUIDS[0].removeprefix("GPU-")]  # as torch writes them
    *gpus, _ = Sampler("cuda", gpu_uuids=bare).sample(0.0)
    assert [gpu.temperature_c for gpu in gpus] == [43, 41]


def test_an_order_that_nvml_does_not_know_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a MIG slice, whose own UUID some versions of CUDA tell."""
    install(monkeypatch, FakeLibrary(*(FakeGpu(uuid=uuid, temperature=41 + n) for n, uuid in enumerate(UUIDS))))
    *gpus, _ = Sampler("cuda", gpu_uuids=[UUIDS[2], "99999999-aaaa-bbbb-cccc-000000000000"]).sample(0.0)
    assert [gpu.temperature_c for gpu in gpus] == [41, 42, 43]


def test_a_mig_slice_named_in_the_environment_shows_its_own_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    slices = [FakeGpu(uuid="MIG-one", total_mib=5_000), FakeGpu(uuid=SLICE, total_mib=10_000, used_mib=2_000)]
    install(monkeypatch, FakeLibrary(FakeGpu(uuid=UUIDS[0]), FakeGpu(uuid=UUIDS[1], slices=slices)))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", SLICE)
    *gpus, _ = Sampler("cuda", gpu_uuids=[UUIDS[1]]).sample(0.0)
    assert [(gpu.device, gpu.memory_total_mib, gpu.utilization) for gpu in gpus] == [("gpu 0", 10_000, None)]
    assert "MIG" in gpus[0].missing["utilization"]


def test_each_gpu_has_its_own_memory_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, FakeLibrary(FakeGpu(uuid=UUIDS[0]), FakeGpu(uuid=UUIDS[1])))
    *gpus, _ = Sampler("cuda", get_allocated_mib=lambda number: 100.0 * (number + 1)).sample(0.0)
    assert [gpu.memory_run_mib for gpu in gpus] == [100, 200]


def test_an_allocator_that_fails_costs_its_own_figure_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(number: int) -> float:
        raise RuntimeError("CUDA error: unspecified launch failure")

    install(monkeypatch, FakeLibrary(FakeGpu()))
    gpu, _ = Sampler("cuda", get_allocated_mib=broken).sample(0.0)
    assert (gpu.memory_run_mib, gpu.utilization) == (None, 73)


def test_closing_gives_nvml_back(monkeypatch: pytest.MonkeyPatch) -> None:
    library = FakeLibrary(FakeGpu())
    install(monkeypatch, library)
    sampler = Sampler("cuda")
    sampler.sample(0.0)
    assert library.started == 1
    sampler.close()
    sampler.close()
    assert library.started == 0


def test_a_run_on_the_cpu_never_touches_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    library = FakeLibrary(FakeGpu())
    install(monkeypatch, library)
    samples = Sampler("cpu").sample(0.0)
    assert [sample.device for sample in samples] == ["cpu"]
    assert library.calls == []


def test_an_apple_gpu_says_why_it_has_no_figures_and_still_shows_the_runs_memory() -> None:
    gpu, cpu = Sampler("mps", get_allocated_mib=lambda number: 300.0).sample(0.0)
    assert figures(gpu) == (None, 300.0, None, None, None, None)
    assert set(gpu.missing) == set(ALL_BUT_OWN)
    assert cpu.device == "cpu"


def test_whatever_this_machine_has_every_gap_has_its_reason() -> None:
    sampler = Sampler("cuda")
    gpu = sampler.sample(0.0)[0]
    sampler.close()
    assert {name for name in METRICS if getattr(gpu, name) is None} == set(gpu.missing)


def test_devices_are_described_with_what_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    library = FakeLibrary(FakeGpu(errors={"GetPowerUsage": pynvml.NVML_ERROR_NOT_SUPPORTED}))
    install(monkeypatch, library)
    gpu, cpu = list_devices()
    assert (gpu.device, gpu.name, gpu.driver, gpu.memory_total_mib) == (
        "gpu 0",
        "NVIDIA Fake 40GB",
        "570.86.15",
        40_960,
    )
    assert gpu.readable == tuple(name for name in METRICS if name != "power_w")
    assert list(gpu.missing) == ["power_w"]
    assert (cpu.device, bool(cpu.name)) == ("cpu", True)
    assert cpu.cores
    assert cpu.memory_total_mib
    assert library.started == 0


def test_a_machine_without_a_driver_is_described_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, None)
    gpu, cpu = list_devices()
    assert (gpu.device, gpu.name, gpu.missing, gpu.readable) == ("gpu", "", {}, ())
    assert "no NVIDIA driver" in gpu.problem
    assert cpu.device == "cpu"


def test_importing_devices_brings_in_neither_nvml_nor_torch() -> None:
    code = "import sys, labkit.devices.sampler as devices; devices.Sampler('cpu').sample(0); "
    code += "print({'pynvml', 'torch'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def figures(sample: DeviceSampled) -> tuple[float | None, ...]:
    return tuple(getattr(sample, name) for name in METRICS)
