"""The README in both languages: the same figures, commands and places."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENGLISH, CHINESE = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md"))


def rows(text: str) -> list[tuple[list[str], list[str]]]:
    """Figures and commands of each table row, sorted, as languages order words differently."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [(sorted(re.findall(r"\d[\d.,e-]*\d|\d", line)), re.findall(r"`[^`]+`", line)) for line in lines]


def commands(text: str) -> list[str]:
    """Blocks of code, without comments and descriptions of folders."""
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    return [re.split(r"\s+#|\s{3,}", line)[0] for block in blocks for line in block.splitlines()]


def test_tables_hold_the_same_figures_and_commands() -> None:
    assert rows(CHINESE) == rows(ENGLISH)


def test_blocks_of_code_are_the_same() -> None:
    assert commands(CHINESE) == commands(ENGLISH)


def test_they_have_the_same_headings_in_number_and_lead_to_each_other() -> None:
    assert re.findall(r"^#+", CHINESE, re.MULTILINE) == re.findall(r"^#+", ENGLISH, re.MULTILINE)
    assert "](README.zh-CN.md)" in ENGLISH
    assert "](README.md)" in CHINESE


def test_what_they_lead_to_is_there() -> None:
    for text in (ENGLISH, CHINESE):
        missing = [name for name in re.findall(r"\]\(([^):]+)\)", text) if not (ROOT / name).exists()]
        assert missing == []
