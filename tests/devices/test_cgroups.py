"""Limits of containers, read from made-up trees of control groups of both versions."""

import os
from pathlib import Path

import pytest

from labkit.devices import cgroups

PID = os.getpid()
OWN_CORES = cgroups.count_usable_cores(PID, Path("/nowhere"), Path("/nowhere"))
MIB = 2**20


def tree(folder: Path, membership: str, files: dict[str, str]) -> tuple[Path, Path]:
    """A made-up /sys/fs/cgroup and /proc."""
    groups, proc = folder / "cgroup", folder / "proc"
    for name, text in {f"proc/{PID}/cgroup": membership, **{f"cgroup/{k}": v for k, v in files.items()}}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return groups, proc


@pytest.mark.parametrize(
    ("membership", "files", "cores", "memory_mib"),
    [
        ("0::/\n", {}, None, None),
        ("0::/\n", {"cpu.max": "50000 100000\n", "memory.max": f"{512 * MIB}\n"}, 0.5, 512),
        ("0::/\n", {"cpu.max": "max 100000\n", "memory.max": "max\n"}, None, None),
        ("0::/user/job\n", {"user/cpu.max": "50000 100000", "user/job/cpu.max": "90000 100000"}, 0.5, None),
        ("0::/user/job\n", {"memory.max": "max", "user/job/memory.max": f"{64 * MIB}"}, None, 64),
        ("0::/user/job\n", {"user/memory.max": f"{32 * MIB}", "user/job/memory.max": f"{64 * MIB}"}, None, 32),
        (
            "4:memory:/docker/abc\n1:cpu,cpuacct:/docker/abc\n",  # the host's path; our mount's root is that folder
            {
                "cpu/cpu.cfs_quota_us": "25000\n",
                "cpu/cpu.cfs_period_us": "100000\n",
                "memory/memory.limit_in_bytes": f"{128 * MIB}",
            },
            0.25,
            128,
        ),
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None, None),
        ("0::/../../elsewhere\n", {"cpu.max": "50000 100000"}, 0.5, None),
    ],
)
def test_the_tightest_limit_above_a_process_counts(
    membership: str, files: dict[str, str], cores: float | None, memory_mib: int | None, tmp_path: Path
) -> None:
    groups, proc = tree(tmp_path, membership, files)
    assert cgroups.count_usable_cores(PID, groups, proc) == (OWN_CORES if cores is None else cores)
    limit = cgroups.find_memory_limit(PID, groups, proc)
    assert (limit and limit.total_bytes // MIB) == memory_mib


def test_a_quota_above_the_affinity_changes_nothing(tmp_path: Path) -> None:
    groups, proc = tree(tmp_path, "0::/\n", {"cpu.max": f"{100_000 * 1000} 100000"})
    assert cgroups.count_usable_cores(PID, groups, proc) == OWN_CORES


@pytest.mark.parametrize(
    "files",
    [
        {"memory.current": "9000", "memory.stat": "anon 1\nactive_file 5\ninactive_file 2000\n"},
        {"memory.usage_in_bytes": "9000", "memory.stat": "inactive_file 7\ntotal_inactive_file 2000\n"},
    ],
    ids=["version 2", "version 1"],
)
def test_file_caches_that_can_be_dropped_are_not_in_use(files: dict[str, str], tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert cgroups.MemoryLimit(10_000, tmp_path).used_bytes() == 7000


def test_a_group_that_does_not_tell_its_use_is_none_and_not_zero(tmp_path: Path) -> None:
    assert cgroups.MemoryLimit(10_000, tmp_path).used_bytes() is None
