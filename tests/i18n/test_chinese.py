"""The catalogue of Chinese texts: complete, nothing in it that nobody says, the same places to fill."""

import ast
import re
import string
from pathlib import Path

import labkit
from labkit.cli.main import cli
from labkit.config import RunConfig, run_settings
from labkit.events import CorpusRead, Evaluated
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
SAYING = {"tr", "plot_tr", "say"}


def said_in_code():
    """Every literal that is handed to a function that translates: (text, where)."""
    rooms = [*sorted((PACKAGE / "lab").rglob("*.py")), *sorted((PACKAGE / "cli").rglob("*.py"))]
    for file in [*rooms, PACKAGE / "runs" / "compare.py", PACKAGE / "formatting.py"]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            name = called.id if isinstance(called, ast.Name) else None
            if (
                name in SAYING - ({"say"} if "cli" in file.parts else set())
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                yield node.args[0].value, f"{file.name}, line {node.lineno}"


def said_in_scripts():
    text = (PACKAGE / "lab" / "runs_table.js").read_text(encoding="utf-8")
    return set(re.findall(r'\bsay\("([^"]+)"\)', text))


def scored(dev_sentences):
    """A run that makes the table have every column that it can have beside one of another dev split."""
    run = Run(config=RunConfig(legal_only=True))
    run.add(CorpusRead(0.1, "mine", "c0ffee", 10, dev_sentences, 0, 100, ["O"], []))
    run.add(Evaluated(0.2, 1, 1.0, 100, 0.5, 0.5, 0.5, 0.5, {}))
    return run


def declared():
    """What is translated by a name: settings, parts of the time, columns and the like."""
    for knob in run_settings().values():
        yield from (knob.label, knob.help, knob.none_text, knob.zero_text, knob.unit)
        if knob.choices and not set(knob.choices) & {"cpu", "float32"}:
            yield from knob.choices
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
    missing = {text: where for text, where in said_in_code() if text and text not in UI_TEXTS}
    assert missing == {}, "add them to labkit/i18n/zh/"


def test_every_setting_part_state_column_and_phase_is_in_the_catalogue():
    texts = [*declared()]
    assert "loading the encoder" in texts, "phases are found by the name of the method that enters them"
    assert [text for text in texts if text and text not in UI_TEXTS] == [], "add them to labkit/i18n/zh/"


def test_the_script_of_the_table_says_only_what_it_was_given():
    assert said_in_scripts() <= {*SCRIPT_TEXTS}
    assert set(SCRIPT_TEXTS) <= UI_TEXTS.keys()


def test_nothing_in_the_catalogue_is_said_nowhere():
    files = [file for file in PACKAGE.rglob("*.py") if "zh" not in file.parts]
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    spoken = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    asked = {*declared(), "true", "false"}
    assert [text for text in UI_TEXTS if text not in spoken | asked] == []


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
