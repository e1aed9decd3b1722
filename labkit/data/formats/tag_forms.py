"""Tag forms: types alone, letters alone, placeholders; others are refused with a hint at the cause."""

import re
from collections.abc import Set
from itertools import chain

from labkit.data.formats.parsed_file import ParsedFile, RawSentence
from labkit.data.tags import ENTITY_TYPE, TAG_PATTERN
from labkit.messages import N_, Message

LETTERS = frozenset("BIMELSUW")  # of all schemes
HEADER = (r"words?|tokens?|characters?|chars?|text", r"tags?|labels?|ner|ner[_ ]?tags?|entity|bio|iob")
PLACEHOLDERS = {"_", "-", "?", "*", "-X-"}  # of tags that are kept secret
MAX_TYPES = 200  # Few-NERD has 66; a column of words or lemmas has more

_WITH_LETTERS = "{}"  # forms: what a tag becomes
_LETTERS_ALONE = f"{{}}-{ENTITY_TYPE}"
_TYPES_ALONE = "I-{}"

_TAG_BEFORE_LAST = re.compile(rb"[\t ][BIMELSUW]-\S+[\t ]+\S")  # the last column is another one, then
_CHUNK = re.compile(rb"[BIMELSUW]-(?:NP|VP|PP|ADJP|ADVP|SBAR|PRT|CONJP|INTJ|LST|UCP)\s")  # as in CoNLL-2003
_SEVERAL_TAGS = re.compile(rf"(?:{TAG_PATTERN.pattern})(?:\s+(?:{TAG_PATTERN.pattern}))+")
OUTSIDE = {"0", "_", "-", "other", "others", "none", "null", "nan", "out", "outside"}  # lower case; words for O

HINTS = {  # by the form of a tag; the first that matches counts
    _SEVERAL_TAGS.pattern: N_("a sentence a line: write a line for each word and its tag"),
    r"(?i:o|[BIMELSUW]-\S+)": N_("capital letters"),
    r"[BIMELSUW]_\S+": N_("a hyphen, not an underscore"),
    r"[BIMELSUW][^\w-]\S+": N_("a hyphen between the letter and the type"),
    r"[BIMELSUW]-?": N_("the type is missing"),
    r"\S+[-_][BIMELSUW]": N_("the letter goes in front of the type"),
    r"\S+[/|](?:O|[BIMELSUW]-\S+)": N_("words and tags are joined: write a word a line, and its tag behind a tab"),
    r"X|\[\w+\]|##.*": N_("a mark of a tokenizer's pieces: write whole words, each with its tag"),
    r"[A-Z]-\S+": N_("no scheme has this letter"),
    r"-?\d+": N_("a number: write the name of the tag"),
}


def normalise_tags(parsed: ParsedFile, text: bytes = b"") -> None:
    """Turns the tags of a file into those of a scheme, if all are of another known form, with a note.

    Types alone become `I-` tags, letters alone get the type ENTITY, spaces in types become underscores. A file whose
    tags are all one placeholder has no labels.

    Args:
        text: content of the file, if it has a word a line: a hint is looked for in the line of an unknown tag.

    Raises ValueError with file, line and the first unknown tag.
    """
    sequences = {id(sentence.tags): sentence.tags for sentence in parsed.sentences}  # most sentences share one
    tags = set(chain.from_iterable(sequences.values()))
    if all(map(TAG_PATTERN.fullmatch, tags)):
        return
    if len(tags) == 1 and tags <= PLACEHOLDERS and not _TAG_BEFORE_LAST.search(_CHUNK.sub(b"", text)):
        parsed.mark_unlabelled(Message("every tag is {tag}", tag=min(tags)))
        return
    names = {tag: _join_words(tag) for tag in tags}
    form = _find_form({*names.values()})
    if form is None or _has_header(parsed) or (form == _TYPES_ALONE and _TAG_BEFORE_LAST.search(text)):
        raise _unknown_tag_error(parsed, tags, text)
    if spaced := sorted(tag for tag, name in names.items() if tag != name):
        note = N_("{file}: white space in {count:,} tags replaced by _, as in {tag!r}.")
        parsed.notes.append(Message(note, file=parsed.display_path, count=len(spaced), tag=spaced[0]))
    if form == _LETTERS_ALONE:
        note = N_("{file}: the tags have no type; all entities are of the type {type}.")
        parsed.notes.append(Message(note, file=parsed.display_path, type=ENTITY_TYPE))
    renamed = {tag: "O" if name == "O" else form.format(name) for tag, name in names.items()}
    of_scheme = {key: tuple(map(renamed.__getitem__, sequence)) for key, sequence in sequences.items()}
    parsed.sentences[:] = [RawSentence(one.words, of_scheme[id(one.tags)], one.line) for one in parsed.sentences]


def _has_header(parsed: ParsedFile) -> bool:
    """True if the first line names its columns."""
    first = parsed.sentences[0]
    names = zip(HEADER, (first.words[0], first.tags[0]), strict=True)
    return all(re.fullmatch(pattern, name.lower()) for pattern, name in names)


def _join_words(tag: str) -> str:
    """Tag without the white space of its type; several tags stay as they are."""
    return tag if _SEVERAL_TAGS.fullmatch(tag) else "_".join(tag.split())


def _find_form(tags: Set[str]) -> str | None:
    """Format of the scheme's tags, from tags without white space; None for tags of no known form."""
    if all(map(TAG_PATTERN.fullmatch, tags)):
        return _WITH_LETTERS
    if tags <= LETTERS | {"O"}:
        return _LETTERS_ALONE
    if "O" in tags and len(tags) <= MAX_TYPES and all(map(_is_type, tags - {"O"})):
        return _TYPES_ALONE
    return None


def _is_type(tag: str) -> bool:
    return not TAG_PATTERN.fullmatch(tag) and not _find_hint(tag) and re.search(r"[^\W\d_]", tag) is not None


def _find_hint(tag: str) -> Message | None:
    return next((Message(hint) for form, hint in HINTS.items() if re.fullmatch(form, tag)), None)


def _unknown_tag_error(parsed: ParsedFile, tags: Set[str], text: bytes) -> ValueError:
    if _has_header(parsed):
        return parsed.error(parsed.sentences[0].line, Message("the header of a table; expected a word and its tag"))
    unknown = {tag for tag in tags if not TAG_PATTERN.fullmatch(_join_words(tag))}
    outside = {tag for tag in unknown if tag.lower() in OUTSIDE} if "O" not in tags else set()
    if _find_form({_join_words(tag) for tag in tags - outside} | {"O"}) is None or outside == tags:
        outside = set()  # more is wrong than that
    hinted = {tag for tag in unknown if "O" in tags and _find_hint(tag)}  # of types alone without O, all are unknown
    suspects = outside or hinted or unknown
    sentence = next(one for one in parsed.sentences if not suspects.isdisjoint(one.tags))
    index = next(index for index, tag in enumerate(sentence.tags) if tag in suspects)
    line, tag = parsed.find_line(sentence, index), sentence.tags[index]
    problem = N_("unknown tag {tag!r}; expected O, or a letter of the scheme, a hyphen and a type, such as B-PER")
    message = Message(problem, tag=tag[:80])
    hint = _find_hint(tag) or _find_hint_in_columns(parsed, line, text)
    if outside:
        hint = Message("write O for words outside of entities")
    elif hint is None and unknown == tags:
        hint = Message(
            "no tag is known: does each line hold a word, and the tag last? Types alone are read only if words outside "
            "of entities have the tag O"
        )
    return parsed.error(line, Message("{problem} ({hint})", problem=message, hint=hint) if hint else message)


def _find_hint_in_columns(parsed: ParsedFile, line: int, text: bytes) -> Message | None:
    """Hint at a tag in another column than the last one."""
    if all(map(TAG_PATTERN.fullmatch, chain.from_iterable(sentence.words for sentence in parsed.sentences))):
        return Message("the words look like tags: are the columns swapped?")
    columns = re.split("[\t ]+", text.split(b"\n")[line - 1].decode().strip()) if text else []
    if like_tag := next((column for column in columns[1:-1] if TAG_PATTERN.fullmatch(column)), ""):
        hint = N_("{column} in front of it looks like the tag: write the tag last, and no space in a type")
        return Message(hint, column=like_tag)
    return None
