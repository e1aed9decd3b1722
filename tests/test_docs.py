"""Pages in two languages: the same figures, code and headings. Their links are checked by `make docs`."""

import re
from pathlib import Path

import pytest

import labkit

ROOT = Path(__file__).resolve().parent.parent
PAIRS = {
    "README.md": "README.zh-CN.md",
    **{f"docs/{name}.md": f"docs/zh/{name}.md" for name in ("tutorial", "the-lab", "reading-the-plots", "corpora")},
}


@pytest.fixture(params=PAIRS.items(), ids=lambda pair: pair[0])
def pair(request: pytest.FixtureRequest) -> tuple[str, str]:
    english, chinese = request.param
    return (ROOT / english).read_text(encoding="utf-8"), (ROOT / chinese).read_text(encoding="utf-8")


def rows(text: str) -> list[tuple[list[str], list[str]]]:
    """Figures and code of each table row, sorted, as languages order words differently."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [
        (sorted(re.findall(r"\d[\d.,e-]*\d|\d", line.replace("`", " "))), sorted(re.findall(r"`[^`]+`", line)))
        for line in lines
    ]


def code(text: str) -> list[str]:
    """Blocks of code, without comments and descriptions of folders."""
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    return [re.split(r"\s+#|\s{3,}", line)[0] for block in blocks for line in block.splitlines()]


def test_tables_hold_the_same_figures_and_code(pair: tuple[str, str]) -> None:
    english, chinese = pair
    assert rows(chinese) == rows(english)


def test_blocks_of_code_are_the_same(pair: tuple[str, str]) -> None:
    english, chinese = pair
    assert code(chinese) == code(english)


def test_they_have_the_same_headings_in_number(pair: tuple[str, str]) -> None:
    english, chinese = pair
    assert re.findall(r"^#+", chinese, re.MULTILINE) == re.findall(r"^#+", english, re.MULTILINE)


def test_a_readme_is_read_in_a_minute() -> None:
    for name in ("README.md", "README.zh-CN.md"):
        assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= 120


def test_the_python_page_holds_every_public_name() -> None:
    documented = re.findall(r"auto\w+:: (\w+)", (ROOT / "docs" / "python.md").read_text(encoding="utf-8"))
    assert set(labkit.__all__) - set(documented) == {"__version__"}
