"""Plot of CRF transition scores."""

import io

import msgspec
import numpy as np
import pytest
from matplotlib.collections import PatchCollection
from matplotlib.text import Text
from PIL import Image

from labkit.config import RunConfig
from labkit.events import CrfTransitions, Evaluated, StepDone, TypeScore
from labkit.plots.crf_transitions import TransitionsPlot, build_transition_grid, transitions_figure
from labkit.plots.pictures import PictureSize
from labkit.runs.run import Run
from tests.runs.samples import events

MANY = [f"type-{number}" for number in range(14)]


def learnt(types, forbidden=-1.0):
    """Transitions with a score of 0.5 wherever BIO allows them."""
    tags = ["O", *(f"B-{name}" for name in types), *(f"I-{name}" for name in types)]

    def score(before, after):
        return forbidden if after[0] == "I" and before[2:] != after[2:] else 0.5

    table = [[score(before, after) for after in tags] for before in tags]
    return CrfTransitions(9.0, 100, tags, [score("", tag) for tag in tags], table, [0.5] * len(tags))


def a_run(types=("LOC", "PER"), forbidden=-1.0, illegal=(90, 7, 0)):
    run, left = Run(config=RunConfig()), list(illegal)
    for event in events(RunConfig(), 300):
        if not isinstance(event, Evaluated):
            run.add(event)
            continue
        scores = {name: TypeScore(0.5, 0.5, 0.5, 10 + place) for place, name in enumerate(types)}
        told = {name: getattr(event, name) for name in ("seconds", "step", "epoch", "tokens", "loss")}
        run.add(Evaluated(**told, precision=0.5, recall=0.5, f1=0.5, types=scores, illegal=left.pop(0)))
        run.add(learnt(types, forbidden))
    return run


def words(figure):
    return " ".join(text.get_text() for axes in figure.axes for text in axes.texts if text.get_visible())


def test_rows_are_tags_before_and_columns_tags_after_with_both_edges_of_the_sentence():
    told = learnt(["LOC", "PER"])
    told.start[0], told.end[0], told.transitions[0][1] = 7.0, 8.0, 9.0  # O first, O last, B-LOC after O
    grid = build_transition_grid(told, {})
    assert grid.tags == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert (grid.scores[0, 0], grid.scores[1, -1], grid.scores[1, 1]) == (7.0, 8.0, 9.0)
    assert np.isnan(grid.scores[0, -1])
    assert not grid.allowed[0, 2], "an entity must not begin with I-LOC"
    assert not grid.allowed[1, 2]
    assert grid.allowed[2, 2]
    assert grid.allowed[3, 2]
    assert not grid.allowed[4, 2], "nor go on another one"
    assert grid.allowed[:, -1].all()
    assert (grid.scores[~grid.allowed] == -1.0).all()


def test_of_many_types_those_with_the_most_entities_are_shown():
    grid = build_transition_grid(learnt(MANY), {name: number for number, name in enumerate(MANY)})
    assert grid.tags == ("O", *(f"{letter}-{name}" for name in MANY[4:] for letter in "BI"))
    assert grid.left_out == 4
    assert grid.scores.shape == grid.allowed.shape == (22, 22)
    assert "10 of 14 types" in words(transitions_figure(a_run(MANY)))


def test_the_map_is_centred_at_zero_and_hatches_what_is_forbidden():
    figure = transitions_figure(a_run())
    (image,) = figure.axes[0].images
    assert image.norm.vmin == -image.norm.vmax == -1.0
    (hatched,) = [each for each in figure.axes[0].collections if isinstance(each, PatchCollection)]
    assert len(hatched.get_paths()) == np.count_nonzero(~build_transition_grid(learnt(["LOC", "PER"]), {}).allowed)
    assert hatched.get_hatch()
    assert figure.axes[0].get_ylim()[0] > figure.axes[0].get_ylim()[1], "the first row is on top"


@pytest.mark.parametrize(("forbidden", "said"), [(0.5, "has not learnt the BIO rules"), (-1.0, "has begun to learn")])
def test_whether_the_crf_learns_is_told_in_words(forbidden, said):
    assert said in words(transitions_figure(a_run(forbidden=forbidden)))


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ({}, "a larger head or CRF rate"),
        ({"crf": 1e-3}, "a larger CRF rate"),
        ({"crf": 0.0}, "Its rate is 0, so it keeps its initial"),
        ({"head": 0.0}, "Its rate is 0, so it keeps its initial"),
        ({"head": 0.0, "crf": 1e-3}, "a larger CRF rate"),
    ],
)
def test_what_would_teach_the_crf_is_told_by_the_rates_it_had(rates, said):
    run = Run(config=RunConfig())
    for event in events(RunConfig(), 300):
        step = isinstance(event, StepDone)
        run.add(msgspec.structs.replace(event, rates={**event.rates, **rates}) if step else event)
        if isinstance(event, Evaluated):
            run.add(learnt(("LOC", "PER"), 0.5))
    assert said in words(transitions_figure(run))


def test_illegal_transitions_are_a_curve_over_the_evaluations():
    figure = transitions_figure(a_run())
    curve = figure.axes[-1].lines[0]
    assert list(curve.get_ydata()) == [90, 7, 0]
    assert "latest 0" in words(figure)


def evaluated(illegal, predicted, legal_only=False):
    run = Run(config=RunConfig(legal_only=legal_only))
    for number, (count, found) in enumerate(zip(illegal, predicted, strict=True), 1):
        run.add(Evaluated(9.0, 100 * number, number, 9, 0.5, 0.5, 0.5, 0.5, {}, illegal=count, gold=9, predicted=found))
        run.add(learnt(["LOC"]))
    return transitions_figure(run)


def test_places_that_decoding_mended_are_told_as_mended():
    figure = evaluated([515, 7], [9, 9], legal_only=True)
    assert "latest 7, all mended" in words(figure)
    assert list(figure.axes[-1].lines[0].get_ydata()) == [515, 7]
    assert "mend" not in words(evaluated([515, 7], [9, 9]))


def test_no_illegal_place_where_no_entity_was_predicted_is_no_success():
    figure = evaluated([515, 0], [9, 0])
    assert "latest: no entity predicted" in words(figure)
    np.testing.assert_array_equal(figure.axes[-1].lines[0].get_ydata(), [515, np.nan])
    figure = evaluated([0], [0])
    assert "latest: no entity predicted" in words(figure)


def test_a_run_without_a_crf_and_one_that_is_not_evaluated_yet_say_so():
    waiting = Run(config=RunConfig())
    for event in events(RunConfig(), 300)[:6]:
        waiting.add(event)
    assert "waiting for the first evaluation" in words(transitions_figure(waiting))
    assert "this run has no CRF" in words(transitions_figure(Run(config=RunConfig(decoder="softmax"))))
    old = Run(config=RunConfig())
    for event in events(RunConfig(), 300):
        old.add(event)
    assert "not recorded" in words(transitions_figure(old))


def test_it_is_drawn_again_only_at_evaluations_and_keeps_its_size():
    run, plot, drawn = Run(config=RunConfig()), TransitionsPlot(), {}
    for event in a_run_log():
        run.add(event)
        png = plot.draw(run)
        drawn[id(png)] = png
    assert 3 < len(drawn) < 16
    assert {Image.open(io.BytesIO(png)).size for png in drawn.values()} == {(1200, 612)}
    assert png == TransitionsPlot().draw(run), "scores come after their evaluation"
    plot.theme = "dark"
    assert plot.draw(run) != png


def a_run_log():
    for event in events(RunConfig(), 300):
        yield event
        if isinstance(event, Evaluated):
            yield learnt(["LOC", "PER"])


@pytest.mark.parametrize("width", [660, 950, 1500])
def test_letters_are_at_least_11_pixels_and_none_leaves_the_picture(width):
    figure = transitions_figure(a_run(MANY), size=PictureSize(width, 1.0))
    figure.canvas.draw()
    right, top = figure.canvas.get_width_height()
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    assert min(text.get_fontsize() for text in texts) * figure.dpi / 72 >= 11
    boxes = [text.get_window_extent() for text in texts]
    # before 3.11 matplotlib rounds a box by a third of a pixel
    assert all(min(box.x0, box.y0, right - box.x1, top - box.y1) > -0.5 for box in boxes)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("types", [["LOC"], ["LOC", "ORG", "PER", "MISC"], ["机构", "人物"], MANY])
def test_any_number_of_tags_in_any_script_is_drawn_without_a_warning(types, theme, recwarn):
    transitions_figure(a_run(types), theme).png()
    assert not [str(warning.message) for warning in recwarn]
