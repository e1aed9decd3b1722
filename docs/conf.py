"""Sphinx configuration of the documentation: `make docs`.

The source folder is the repository, so that a link works here as it does where the files are browsed: README, change
log and notebooks are read where they lie. Settings and command line are written out from the code.
"""

import os
from pathlib import Path
from typing import Any

os.environ["LABKIT_LANGUAGE"] = "en"  # of the settings and helps below

import click

import labkit
from labkit.cli.main import cli
from labkit.config import run_settings
from labkit.presets import STARTER_PAIRS, make_config
from labkit.settings import Setting, format_rate, format_value

project, version = "labkit", labkit.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "docs/index"
include_patterns = ["*.md", "docs/**", "notebooks/*.ipynb", "**/README.md"]
exclude_patterns = [".*", "build", "cache", "runs", "data/samples", "data/texts", "**/.ipynb_checkpoints"]

html_theme = "furo"
html_title = f"labkit {version}"
html_show_copyright = False
html_show_sourcelink = False
highlight_language = "none"
myst_heading_anchors = 4  # as code hosts do, so that `page.md#a-heading` works there and here
nb_execution_mode = "off"  # the stored outputs are shown; `make notebooks` runs them
nb_render_markdown_format = "myst"  # the other one knows no tables
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
# Under -n each name must be found; types that are not documented here may not be.
nitpick_ignore_regex = [(r"py:.*", r"(?!labkit\.\w+$).*")]

for _name in labkit.__all__:  # documented as users import them, not by the modules that define them
    if hasattr(_public := getattr(labkit, _name), "__module__"):
        _public.__module__ = "labkit"


def settings_list() -> str:
    """All settings of RunConfig, as Markdown."""
    configs = {pair: make_config(pair) for pair in STARTER_PAIRS}
    text, group = "", ""
    for name, setting in run_settings().items():
        if setting.group != group:
            group = setting.group
            text += f"## {group.capitalize()}\n\n"
        defaults = {pair: format_value(setting, getattr(config, name)) for pair, config in configs.items()}
        if len(set(defaults.values())) == 1:
            default = f"**{next(iter(defaults.values()))}**"
        else:
            default = " or ".join(f"**{value}** ({pair} pair)" for pair, value in defaults.items())
        facts = "; ".join(
            [f"default {default}", *_range(setting), *([f"source: {setting.source}"] if setting.source else [])]
        )
        option = name.replace("_", "-")
        text += f"### {setting.label}\n\n`{name}`, in a terminal `--{option}`: {setting.help}\n\n{facts}\n\n"
    return text


def _range(setting: Setting) -> list[str]:
    """What a setting may be, in words."""

    def number(value: float) -> str:
        return format_rate(value) if setting.scale == "log" and value < 1 else f"{value:,.12g}"

    facts = []
    if setting.choices:
        facts.append(f"one of {', '.join(f'`{choice}`' for choice in setting.choices)}")
    if setting.low is not None and setting.high is not None:
        facts.append(f"from {number(setting.low)} to {number(setting.high)} {setting.unit}".strip())
    if setting.zero_text:
        facts.append(f"0: {setting.zero_text}")
    if setting.marks and setting.group == "main" and len(setting.marks) < 5:
        facts.append(f"usual: {', '.join(map(number, setting.marks))}")
    return facts


def commands_list() -> str:
    """Help of all commands, as Markdown."""
    text = ""
    for name, command in {"": cli, **cli.commands}.items():
        title = f"labkit {name}".strip()
        context = click.Context(command, info_name=title, terminal_width=92)
        text += f"## {title}\n\n```text\n{command.get_help(context)}\n```\n\n"
    return text


GENERATED = {"docs/settings": settings_list, "docs/command-line": commands_list}


def append_generated(app: Any, docname: str, source: list[str]) -> None:
    """Put what is made from code behind what was written by hand."""
    if docname in GENERATED:
        source[0] += f"\n{GENERATED[docname]()}"


def keep_sentences(app: Any, what: str, name: str, found: object, options: Any, lines: list[str]) -> None:
    """Hide the colon of "Peak rate by group: encoder, …" from napoleon, which takes what is before it for a type."""
    if what in ("attribute", "property"):
        lines[:] = [line.replace(": ", " – ") for line in lines]


def write_front_page(app: Any, error: Exception | None) -> None:
    """Lead from the top of the built pages to docs/index.html."""
    if app.builder.name == "html" and not error:
        target = '<meta http-equiv="refresh" content="0; url=docs/index.html">'
        Path(app.outdir, "index.html").write_text(target, encoding="utf-8")


def setup(app: Any) -> None:
    app.connect("source-read", append_generated)
    app.connect("autodoc-process-docstring", keep_sentences, priority=400)  # before napoleon
    app.connect("build-finished", write_front_page)
