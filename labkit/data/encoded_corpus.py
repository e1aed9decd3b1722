"""A corpus ready for the model, read and encoded once and then taken from disk."""

import hashlib
import importlib.metadata
import json
import logging
from dataclasses import dataclass, fields
from typing import Any

from labkit import paths
from labkit.data import cache
from labkit.data.corpora import Corpus, CorpusFiles, read_corpus
from labkit.data.featurize import Featurizer
from labkit.data.source_hash import hash_source_code
from labkit.data.windows import Array, PackedWords, Windows, pack_words
from labkit.data.word_splitting import Granularity, detect_granularity

SPLITS = ("train", "dev", "test")
SCORED_SPLITS = ("dev", "test")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EncodedCorpus:
    """What training needs of a corpus; the fields but splitting, parts and texts are those of Corpus."""

    name: str
    sha256: str
    tags: tuple[str, ...]
    notes: tuple[str, ...]
    granularity: Granularity
    train: Windows
    dev: Windows
    test: Windows
    texts: dict[str, PackedWords]  # by part, of those that are scored: what was got wrong is shown as it was written


def load_encoded(
    source: CorpusFiles, tokenizer: Any, max_pieces: int, *, dev_share: float, repair: bool
) -> tuple[EncodedCorpus, Featurizer]:
    """The corpus as `read_corpus` and `Encoder` give it, and that encoder.

    Kept in folders.cache() under a key made of the files' content and all else that decides the outcome, the code of
    this room included: whatever changes, it is made anew. Raises ValueError as `read_corpus` does.
    """
    folder, asked = paths.cache() / "corpora", {"dev_share": dev_share, "repair": repair}
    read_by = Featurizer(tokenizer, (), max_pieces).fingerprint()
    found = cache.load(folder, _cache_key(source, source.compute_sha256(), asked, read_by)) if read_by else None
    if found is None:
        corpus = read_corpus(source, dev_share=dev_share, repair=repair)
        encoder = Featurizer(tokenizer, corpus.tags, max_pieces)
        arrays, facts = _to_arrays(corpus, encoder)
        if read_by:
            key = _cache_key(source, corpus.sha256, asked, read_by)  # of what was read: it may just have been edited
            del corpus
            cache.store(folder, key, arrays, facts)
            found = cache.load(folder, key)  # mapped, so that the memory is free again
        found = found or (arrays, facts)
    encoded = _from_arrays(*found)
    return encoded, Featurizer(tokenizer, encoded.tags, max_pieces, encoded.granularity)


def _cache_key(source: CorpusFiles, sha256: str, options: dict[str, Any], featurizer_fingerprint: str) -> str:
    shown = {role: shown for role, (_, shown) in source.files.items()}  # notes tell these
    parts = [source.name, shown, source.notes, source.repair, sha256, options, featurizer_fingerprint]
    parts += [hash_source_code(), importlib.metadata.version("tokenizers")]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _to_arrays(corpus: Corpus, featurizer: Featurizer) -> tuple[dict[str, Array], dict[str, Any]]:
    arrays = {
        f"{part}.{name}": array
        for part in SPLITS
        for name, array in featurizer.featurize(getattr(corpus, part), keep_entities=part == "train")
        .to_arrays()
        .items()
    }
    for part in SCORED_SPLITS:
        texts = pack_words([sentence.words for sentence in getattr(corpus, part)])
        arrays |= {f"texts.{part}.{field.name}": getattr(texts, field.name) for field in fields(PackedWords)}
    splitting = detect_granularity(sentence.words for sentence in corpus.train)
    facts = {"name": corpus.name, "sha256": corpus.sha256, "tags": corpus.tags, "notes": corpus.notes}
    return arrays, {**facts, "splitting": splitting}


def _from_arrays(arrays: dict[str, Array], facts: dict[str, Any]) -> EncodedCorpus:
    parts = {
        part: Windows(
            **{name.partition(".")[2]: array for name, array in arrays.items() if name.startswith(f"{part}.")}
        )
        for part in SPLITS
    }
    texts = {
        part: PackedWords(**{field.name: arrays[f"texts.{part}.{field.name}"] for field in fields(PackedWords)})
        for part in SCORED_SPLITS
    }
    tags, notes, splitting = tuple(facts["tags"]), tuple(facts["notes"]), Granularity(facts["splitting"])
    train, dev, test = (parts[part] for part in SPLITS)
    return EncodedCorpus(facts["name"], facts["sha256"], tags, notes, splitting, train, dev, test, texts)
