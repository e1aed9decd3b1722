"""Encoded corpus: read and encoded once, then loaded from the disk cache."""

import hashlib
import importlib.metadata
import json
from dataclasses import dataclass, fields
from typing import Any

from labkit import paths
from labkit.data import cache
from labkit.data.corpora import Corpus, CorpusFiles, read_corpus
from labkit.data.featurize import Featurizer
from labkit.data.source_hash import hash_source_code
from labkit.data.windows import Array, PackedWords, Windows, pack_words
from labkit.data.word_splitting import Granularity, detect_granularity
from labkit.messages import Message

SPLITS = ("train", "dev", "test")
SCORED_SPLITS = ("dev", "test")


@dataclass(frozen=True)
class EncodedCorpus:
    """Corpus encoded as windows, for training; the other fields are Corpus's."""

    name: str
    sha256: str
    tags: tuple[str, ...]
    notes: tuple[Message, ...]
    granularity: Granularity
    train: Windows
    dev: Windows
    test: Windows
    texts: dict[str, PackedWords]  # words of the scored splits, to show errors in the original text


def load_encoded(
    source: CorpusFiles, tokenizer: Any, max_pieces: int, *, dev_share: float, repair: bool, types: str = ""
) -> tuple[EncodedCorpus, Featurizer]:
    """Returns a corpus as `read_corpus` and `Featurizer` encode it, and the featurizer.

    It is cached in `paths.cache()` under a hash of the files' content and of everything else that determines the
    result, the source code of `labkit.data` included. Raises ValueError as `read_corpus` does.
    """
    folder = paths.cache() / "corpora"
    options: dict[str, Any] = {"dev_share": dev_share, "repair": repair, "types": types}
    fingerprint = Featurizer(tokenizer, (), max_pieces).fingerprint()  # None: not cached
    entry = None
    if fingerprint:
        entry = cache.load(folder, _cache_key(source, source.compute_sha256(), options, fingerprint))
    if entry is None:
        corpus = read_corpus(source, **options)
        entry = _to_arrays(corpus, Featurizer(tokenizer, corpus.tags, max_pieces))
        if fingerprint:
            # Under the hash of what was read, as the files may have been edited since `source` was hashed.
            key = _cache_key(source, corpus.sha256, options, fingerprint)
            del corpus
            cache.store(folder, key, *entry)
            entry = cache.load(folder, key) or entry  # mapped, so that the memory is free again
    encoded = _from_arrays(*entry)
    return encoded, Featurizer(tokenizer, encoded.tags, max_pieces, encoded.granularity)


def _cache_key(source: CorpusFiles, sha256: str, options: dict[str, Any], featurizer_fingerprint: str) -> str:
    shown = {split: [one.display_path for one in sources] for split, sources in source.files.items()}  # in the notes
    parts = [source.name, shown, source.notes, source.repair, sha256, options, featurizer_fingerprint]
    parts += [hash_source_code(), importlib.metadata.version("tokenizers")]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _to_arrays(corpus: Corpus, featurizer: Featurizer) -> tuple[dict[str, Array], dict[str, Any]]:
    """Encodes a corpus; returns what is stored in the cache: arrays and facts."""
    arrays: dict[str, Array] = {}
    for split in SPLITS:
        windows = featurizer.featurize(getattr(corpus, split), keep_entities=split == "train")
        arrays |= {f"{split}.{name}": array for name, array in windows.to_arrays().items()}
    for split in SCORED_SPLITS:
        words = pack_words([sentence.words for sentence in getattr(corpus, split)])
        arrays |= {f"texts.{split}.{field.name}": getattr(words, field.name) for field in fields(PackedWords)}
    granularity = detect_granularity(sentence.words for sentence in corpus.train)
    notes = [note.to_json() for note in (*corpus.warnings, *corpus.notes)]
    facts = {"name": corpus.name, "sha256": corpus.sha256, "tags": corpus.tags, "notes": notes}
    return arrays, {**facts, "splitting": granularity}


def _from_arrays(arrays: dict[str, Array], facts: dict[str, Any]) -> EncodedCorpus:
    """Inverse of `_to_arrays`."""
    windows = {
        split: Windows(**{field.name: arrays[f"{split}.{field.name}"] for field in fields(Windows)}) for split in SPLITS
    }
    texts = {
        split: PackedWords(**{field.name: arrays[f"texts.{split}.{field.name}"] for field in fields(PackedWords)})
        for split in SCORED_SPLITS
    }
    return EncodedCorpus(
        name=facts["name"],
        sha256=facts["sha256"],
        tags=tuple(facts["tags"]),
        notes=tuple(map(Message.from_json, facts["notes"])),
        granularity=Granularity(facts["splitting"]),
        **windows,
        texts=texts,
    )
