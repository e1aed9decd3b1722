"""Catalogues: up to date with the source, complete, and with the same values as the English texts."""

import ast
import io
import re
import string

import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from labkit.i18n.translation import LANGUAGES, language_name
from labkit.lab.runs_table import SCRIPT_TEXTS
from tools.translations import KEYWORDS, LOCALES, ROOT, extract_texts, format_po, update_catalogue

CATALOGUES = sorted(LOCALES.glob("*/LC_MESSAGES/labkit.po"))
# Errors that only a programmer meets stay plain English.
FOR_PROGRAMMERS = (
    "data/cache.py",
    "jobs/fork_server.py",
    "lab/runs_table.py",
    "messages.py",
    "model/crf/layer.py",
    "model/fast",
    "model/softmax.py",
    "training/param_groups.py",
)


def read_catalogue(path=LOCALES / "zh" / "LC_MESSAGES" / "labkit.po"):
    with path.open("rb") as file:
        return _texts(read_po(file, locale=path.parent.parent.name))


def _texts(catalogue):
    return {_last_form(message.id): _last_form(message.string) for message in catalogue if message.id}


def _last_form(text):
    """The plural, where click has two forms; Chinese has one."""
    return text if isinstance(text, str) else text[-1]


@pytest.fixture(scope="module")
def source_texts():
    return extract_texts()


@pytest.mark.parametrize("path", CATALOGUES, ids=str)
def test_a_catalogue_has_the_texts_of_the_source_and_no_others(path, source_texts):
    assert read_catalogue(path).keys() == {*map(_last_form, source_texts)}, "run `make translations`"


def test_every_text_is_translated_into_chinese():
    assert [text for text, chinese in read_catalogue().items() if not chinese] == [], "translate them in the .po file"


@pytest.mark.parametrize("path", CATALOGUES, ids=str)
def test_a_compiled_catalogue_is_that_of_the_source(path):
    with path.with_suffix(".mo").open("rb") as file:
        compiled = _texts(read_mo(file))
    assert compiled == {english: text for english, text in read_catalogue(path).items() if text}, (
        "run `make translations`"
    )


@pytest.mark.parametrize("path", CATALOGUES, ids=str)
def test_texts_and_translations_have_the_same_values_and_markup(path):
    for english, text in read_catalogue(path).items():
        for parts in (_places, _tags):
            assert not text or sorted(parts(text)) == sorted(parts(english)), english


def _places(text):
    return [(name, how, kind) for _, name, how, kind in string.Formatter().parse(text) if name is not None]


def _tags(text):
    return re.findall(r"</?\w+>", text)


def test_a_new_language_is_an_empty_file(tmp_path, source_texts):
    path = tmp_path / "fr" / "LC_MESSAGES" / "labkit.po"
    path.parent.mkdir(parents=True)
    path.touch()
    catalogue = read_po(io.BytesIO(format_po(update_catalogue(path))))
    assert _texts(catalogue).keys() == {*map(_last_form, source_texts)}


def test_languages_are_the_folders_and_are_called_by_their_own_names():
    assert ("en", *(path.parent.parent.name for path in CATALOGUES)) == LANGUAGES
    assert [language_name(language) for language in ("en", "zh")] == ["English", "中文"]


def test_texts_are_found_in_every_room_that_has_some(source_texts):
    files = {file.removeprefix("labkit/") for texts in source_texts.values() for file in texts}
    rooms = {file.split("/")[0] for file in files}
    assert {"cli", "devices", "lab", "plots", "runs", "training", "config.py", "events.py", "presets.py"} <= rooms
    assert {"cli/main.py", "training/trainer.py", "runs/compare.py"} <= files


def test_the_script_of_the_table_uses_only_the_texts_it_was_given():
    script = (ROOT / "labkit" / "lab" / "runs_table.js").read_text(encoding="utf-8")
    assert set(re.findall(r'\bsay\("([^"]+)"\)', script)) <= {*SCRIPT_TEXTS}


@pytest.fixture(scope="module")
def nodes():
    """(file, node) for each node of the package's syntax trees."""
    files = sorted((ROOT / "labkit").rglob("*.py"))
    trees = {
        path.relative_to(ROOT / "labkit").as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in files
    }
    return [(file, node) for file, tree in trees.items() for node in ast.walk(tree)]


def test_no_text_to_translate_is_put_together_before(nodes):
    """An f-string or a sum would not be found in the catalogue."""
    calls = [(file, node) for file, node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    built = [
        f"{file}:{node.lineno}"
        for file, node in calls
        for place in KEYWORDS.get(node.func.id, ())
        if isinstance(place, int) and place < len(node.args)
        if isinstance(node.args[place], ast.JoinedStr | ast.BinOp)
    ]
    assert built == []


def test_errors_for_users_are_raised_with_a_message(nodes):
    """So that they can be translated. Other exceptions, like an AssertionError, are for programmers."""
    kinds = {"ValueError", "OSError", "RuntimeError", "FileNotFoundError", "TimeoutError", "AssetError"}
    plain = [
        f"{file}:{node.lineno}"
        for file, node in nodes
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args
        if getattr(node.exc.func, "id", "") in kinds
        if isinstance(node.exc.args[0], ast.Constant | ast.JoinedStr | ast.BinOp)
        if not file.startswith(FOR_PROGRAMMERS)
    ]
    assert plain == [], "raise them with a Message"
