"""Chinese catalogue: complete, without unused texts, with the same placeholders."""

import ast
import re
import string
from pathlib import Path

import labkit
from labkit.cli.main import cli
from labkit.config import RunConfig, run_settings
from labkit.events import CorpusRead, Evaluated
from labkit.i18n.translation import LANGUAGES
from labkit.i18n.zh import COMMAND_HELP, MESSAGES, UI_TEXTS
from labkit.i18n.zh.page import PAGE_TEXTS
from labkit.i18n.zh.pictures import PLOT_TEXTS
from labkit.i18n.zh.settings import SETTING_TEXTS
from labkit.i18n.zh.terminal import TERMINAL_TEXTS
from labkit.lab import run_html
from labkit.lab.runs_table import SCRIPT_TEXTS
from labkit.presets import PRESETS
from labkit.runs.compare import _SHORT_LABELS, ComparisonTableBuilder
from labkit.runs.curves import AXES
from labkit.runs.run import Run
from labkit.runs.time_breakdown import TIME_PARTS

PACKAGE = Path(labkit.__file__).parent
CATALOGUE = PACKAGE / "i18n" / "zh"
TRANSLATORS = {"tr", "plot_tr", "translate"}  # the names of functions, and of parameters, that translate a text


def translated_in_code():
    """Every literal that is handed to a function that translates, a choice of two included: (text, file, line)."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in TRANSLATORS:
                texts = [node.args[0]]
                if isinstance(texts[0], ast.IfExp):
                    texts = [texts[0].body, texts[0].orelse]
                for text in texts:
                    if isinstance(text, ast.Constant) and text.value not in LANGUAGES:
                        yield text.value, str(file.relative_to(PACKAGE)), node.lineno


def translated_in_scripts():
    text = (PACKAGE / "lab" / "runs_table.js").read_text(encoding="utf-8")
    return set(re.findall(r'\bsay\("([^"]+)"\)', text))


def scored(dev_sentences):
    """A run that gives the table all its columns, beside one of another dev split."""
    run = Run(config=RunConfig(legal_only=True))
    run.add(CorpusRead(0.1, "mine", "c0ffee", 10, dev_sentences, 0, 100, ["O"], []))
    run.add(Evaluated(0.2, 1, 1.0, 100, 0.5, 0.5, 0.5, 0.5, {}))
    return run


def declared():
    """Texts that are translated by a variable: of settings, time parts, columns and others."""
    for setting in run_settings().values():
        yield from (setting.label, setting.help, setting.none_text, setting.zero_text, setting.unit)
        if setting.choices and not set(setting.choices) & {"cpu", "float32"}:
            yield from setting.choices
    yield from (
        *PRESETS,
        *TIME_PARTS,
        *TIME_PARTS.values(),
        *run_html.STATE_TEXTS,
        *run_html.STATE_TEXTS.values(),
        *AXES,
        *_SHORT_LABELS.values(),
    )
    for column in ComparisonTableBuilder([scored(1), scored(2)]).columns:
        yield from (column.label, column.help)
    for node in ast.walk(ast.parse((PACKAGE / "training" / "trainer.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "_enter_phase":
            yield node.args[0].value


def test_every_text_that_is_said_is_in_the_catalogue():
    missing = {text: (file, line) for text, file, line in translated_in_code() if text and text not in UI_TEXTS}
    assert missing == {}, "add them to labkit/i18n/zh/"


def test_texts_are_found_in_every_room_that_translates_some():
    found = {file for _, file, _ in translated_in_code()}
    assert {"formatting.py", "settings.py", "runs/compare.py"} <= found
    assert {"lab/run_html.py", "cli/tables.py", "cli/progress.py", "cli/options.py", "plots/f1_plot.py"} <= found


def test_every_setting_part_state_column_and_phase_is_in_the_catalogue():
    texts = [*declared()]
    assert "loading the encoder" in texts, "phases are found by the name of the method that enters them"
    assert [text for text in texts if text and text not in UI_TEXTS] == [], "add them to labkit/i18n/zh/"


def test_the_script_of_the_table_says_only_what_it_was_given():
    assert translated_in_scripts() <= {*SCRIPT_TEXTS}
    assert set(SCRIPT_TEXTS) <= UI_TEXTS.keys()


def test_nothing_in_the_catalogue_is_said_nowhere():
    files = [file for file in PACKAGE.rglob("*.py") if CATALOGUE not in file.parents]
    assert CATALOGUE.is_dir(), "else every text is found where it is translated"
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    spoken = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert [text for text in UI_TEXTS if text not in spoken | {*declared()}] == []


def test_no_text_is_told_twice():
    assert len(UI_TEXTS) == len(SETTING_TEXTS) + len(PAGE_TEXTS) + len(PLOT_TEXTS) + len(TERMINAL_TEXTS)


def test_every_command_and_option_has_its_help_in_chinese():
    settings = run_settings()
    for name, command in {"cli": cli, **cli.commands}.items():
        own = [option for option in command.params if option.name not in settings and getattr(option, "help", None)]
        options = {option.opts[-1] for option in own} - {"--version", "--help"}
        untold = {"--seed", "--layers", "--width", "--heads"}  # whose help is their name
        assert set(COMMAND_HELP[name]) - untold == {"", *options}, name
    assert set(COMMAND_HELP) == {"cli", *cli.commands}


def test_both_languages_have_the_same_places_to_fill_and_the_same_markup():
    for english, chinese in {**UI_TEXTS, **MESSAGES}.items():
        assert chinese, english
        for what in (_places, _tags):
            assert sorted(what(chinese)) == sorted(what(english)), english


def _places(text):
    return [name for _, name, _, _ in string.Formatter().parse(text) if name]


def _tags(text):
    return re.findall(r"</?\w+>", text)
