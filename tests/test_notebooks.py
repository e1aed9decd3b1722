"""The shipped notebooks: executed, valid, small, without functions or widget state."""

import ast
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_the_three_notebooks():
    assert [path.stem for path in NOTEBOOKS] == ["01_tuning_lab", "02_compare_runs", "03_what_to_turn"]


def test_it_opens_with_one_line_and_a_cell(notebook):
    first, second = notebook.cells[:2]
    assert (first.cell_type, len(first.source.splitlines()), second.cell_type) == ("markdown", 1, "code")


def test_it_is_shipped_executed_from_top_to_bottom(notebook):
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


def test_all_but_the_tuning_lab_are_shipped_with_results_of_their_runs():
    """Below a live lab, the results of another run would be taken for one's own."""
    tuning, *others = (code_cells(nbformat.read(path, as_version=4)) for path in NOTEBOOKS)
    assert len(tuning) == 1
    outputs = [[output for cell in cells for output in cell.outputs] for cells in others]
    assert [sum("image/png" in output.get("data", {}) for output in of_one) for of_one in outputs] == [2, 1]


def test_it_ships_no_widget_state_which_hosting_sites_refuse(notebook):
    assert "widgets" not in notebook.metadata


def test_it_holds_prose_and_calls_but_no_functions_or_classes(notebook):
    for cell in code_cells(notebook):
        kinds = {type(node) for node in ast.walk(ast.parse(cell.source))}
        assert not kinds & {ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda}


def test_no_output_is_an_error_or_a_warning(notebook):
    for cell in code_cells(notebook):
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr"


def test_it_is_valid_and_small_enough_to_be_shown(notebook):
    nbformat.validate(notebook)
    assert len(nbformat.writes(notebook)) < 1_000_000
