"""JSON records of words and tags, as the Hugging Face hub has them: `{"tokens", "ner_tags"}`."""

from collections.abc import Sequence

from labkit.data.formats.json_records import Fields, JsonRecord
from labkit.data.formats.parsed_file import ParsedFile, RawSentence
from labkit.data.formats.tag_forms import normalise_tags
from labkit.data.word_splitting import is_invisible
from labkit.messages import N_, Message

WORD_KEYS = ("tokens", "words")
TAG_KEYS = ("ner_tags", "tags", "labels")

_NUMBERS = Message(
    "the tags are numbers, and a JSON file does not hold their names (the features of the data set do); expected names "
    "such as B-PER: write these, or save the data set as Parquet, which has its features"
)


def recognises(fields: Fields) -> bool:
    """True for a record with a list of words and a list of tags."""
    return bool(_find_list(fields, WORD_KEYS) and _find_list(fields, TAG_KEYS))


def read(parsed: ParsedFile, records: Sequence[JsonRecord]) -> None:
    """Adds a sentence for each record that has words."""
    empty, invisible = [], []
    for record in records:
        pairs = _read_pairs(record)
        visible = [(word, tag) for word, tag in pairs if word and not is_invisible(word)]
        invisible += [record.line] * (len(pairs) - len(visible))
        if visible:
            words, tags = zip(*visible, strict=True)
            parsed.sentences.append(RawSentence(words, tags, record.line))
        else:
            empty.append(record.line)
    normalise_tags(parsed)
    text = N_("{file}: {count:,} records without words left out, the first {place}.")
    parsed.note_left_out(text, empty)
    text = N_("{file}: {count:,} empty or invisible words left out, the first {place}.")
    parsed.note_left_out(text, invisible)


def _find_list(fields: Fields, keys: Sequence[str]) -> str:
    """First of the keys that has a list; empty if none has."""
    return next((key for key in keys if isinstance(fields.get(key), list)), "")


def _read_pairs(record: JsonRecord) -> list[tuple[str, str]]:
    word_key = _find_list(record.fields, WORD_KEYS) or WORD_KEYS[0]
    tag_key = _find_list(record.fields, TAG_KEYS)
    words = [record.expect(word, str, word_key) for word in record.get(word_key, list)]
    tags = record.get(tag_key, list) if tag_key else ["O"] * len(words)
    if len(words) != len(tags):
        text = N_("{count:,} {tags} for {words_count:,} {words}; expected one for each")
        names = {"tags": tag_key, "words": word_key}
        raise record.error(Message(text, count=len(tags), words_count=len(words), **names))
    for tag in tags:
        if isinstance(tag, int) or (isinstance(tag, str) and tag.isdecimal()):
            raise record.error(_NUMBERS)
        record.expect(tag, str, tag_key)
    return list(zip(words, tags, strict=True))
