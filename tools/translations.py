"""Catalogues of translations, updated from the source: `make translations`.

Texts are literals in the calls of KEYWORDS, the helps of commands, what assets are, and click's own texts. A catalogue
keeps the translations of texts that are still there, and gets the others with an empty translation. A new language is
an empty file `labkit/i18n/locale/LANGUAGE/LC_MESSAGES/labkit.po`.
"""

import ast
import inspect
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from labkit.cli.main import cli
from labkit.data.downloads import CORPORA, ENCODERS, PRETRAINING_TEXTS

ROOT = Path(__file__).resolve().parent.parent
LOCALES = ROOT / "labkit" / "i18n" / "locale"
HEADER = b"""\
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"

"""
# Function → its arguments that are texts, by position or name.
KEYWORDS: dict[str, tuple[int | str, ...]] = {
    "tr": (0,),
    "plot_tr": (0,),
    "Message": (0,),
    "plural": (1, 2),
    "N_": (0,),
    "setting": (1, 2, "none_text", "zero_text", "unit"),
    "ComparisonColumn": (1, 4),
}
CLICK_MODULES = ("core", "decorators", "exceptions", "formatting", "parser", "types")
CLICK_KEYWORDS = {"_": None, "ngettext": (1, 2)}


def extract_texts() -> dict[str | tuple[str, ...], list[str]]:
    """All texts to translate, each with the files that hold it; one with a plural is a pair."""
    texts: dict[str | tuple[str, ...], list[str]] = {}
    for path in sorted((ROOT / "labkit").rglob("*.py")):
        calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        for call in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
            for place in KEYWORDS.get(call.func.id, ()) if isinstance(call.func, ast.Name) else ():
                arguments = dict(enumerate(call.args)) | {word.arg: word.value for word in call.keywords}
                for text in _literals(arguments.get(place)):
                    texts.setdefault(text, []).append(path.relative_to(ROOT).as_posix())
    for command in (cli, *cli.commands.values()):
        for text in (command.help, *(getattr(option, "help", None) for option in command.params)):
            if text:
                texts.setdefault(inspect.cleandoc(text), []).append("labkit/cli/main.py")
    for asset in (*ENCODERS.values(), *CORPORA.values(), *PRETRAINING_TEXTS.values()):
        texts.setdefault(asset.about, []).append("labkit/data/pins.toml")
    for module in CLICK_MODULES:
        path = Path(click.__file__).with_name(f"{module}.py")
        for _, text, *_ in extract_from_file("python", path, keywords=CLICK_KEYWORDS):
            texts.setdefault(text, []).append(f"click/{module}.py")
    return texts


def _literals(node: ast.AST | None) -> Iterator[str]:
    """Literals of an argument, also in a choice, a list, a tuple or a dict."""
    match node:
        case ast.Constant(value=str(text)) if text:
            yield text
        case ast.IfExp() | ast.List() | ast.Tuple() | ast.Dict():
            for child in ast.iter_child_nodes(node):
                yield from _literals(child)


def update_catalogue(path: Path) -> Catalog:
    """Catalogue of a .po file with the texts of today."""
    template = Catalog()
    for text, files in extract_texts().items():
        template.add(text, locations=[(file, 1) for file in dict.fromkeys(files)])
    with path.open("rb") as file:
        catalogue = read_po(file, locale=path.parent.parent.name)
    catalogue.update(template, no_fuzzy_matching=True)
    catalogue.creation_date = datetime(2026, 1, 1, tzinfo=UTC)  # is in the .mo, which should change with its texts only
    return catalogue


def format_po(catalogue: Catalog) -> bytes:
    """Text of a .po file: without line numbers, dates and outdated texts."""
    file = io.BytesIO(HEADER)
    file.seek(0, io.SEEK_END)
    write_po(file, catalogue, width=120, omit_header=True, include_lineno=False, ignore_obsolete=True)
    return file.getvalue()


def main() -> None:
    for path in sorted(LOCALES.glob("*/LC_MESSAGES/labkit.po")):
        catalogue = update_catalogue(path)
        path.write_bytes(format_po(catalogue))
        with path.with_suffix(".mo").open("wb") as file:
            write_mo(file, catalogue)
        missing = [message.id for message in catalogue if message.id and not "".join(message.string or "")]
        print(
            f"{path.relative_to(ROOT)}: {len(catalogue)} texts, {len(missing)} of them untranslated", *missing, sep="\n"
        )


if __name__ == "__main__":
    main()
