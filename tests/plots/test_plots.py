"""Plots: what they show, that they stay put, and that they are cheap."""

import io
import itertools
import math
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
import pytest
from matplotlib import rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from PIL import Image

from labkit.config import RunConfig
from labkit.events import (
    CorpusRead,
    DeviceSampled,
    Evaluated,
    Event,
    PathsCompleted,
    RunFinished,
    StepDone,
    WeightsMoved,
)
from labkit.i18n import translation
from labkit.plots import fonts, renderer
from labkit.plots.comparison import LAYOUTS
from labkit.plots.live import THEMES, ComparePlot, LivePlot, colour_of, compare_figure, dashes_of, figure_of, to_png
from labkit.plots.pictures import PictureSize
from labkit.plots.series import downsample, smooth
from labkit.plots.theme import Theme, mark_of
from labkit.runs.curves import Axis
from labkit.runs.run import Run
from labkit.runs.run_names import name_runs
from labkit.runs.store import RunStore
from tests.long_cases import mostly_long
from tests.runs.samples import events, scored, write_run


def run_of(log: list[Event], config: RunConfig | None = None) -> Run:
    run = Run(config=config or RunConfig())
    for event in log:
        run.add(event)
    return run


def several(folder: Path, count: int, steps: int = 60) -> list[Run]:
    for number in range(count):
        write_run(folder, RunConfig(head_rate=10 ** (-4 + number / 10)), steps, seed=number)
    return RunStore(folder).runs()


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible() and text.get_text()]


def titled(figure: Figure, title: str) -> Axes:
    return next(axes for axes in figure.axes if any(text.get_text() == title for text in axes.texts))


def drawn(axes: Axes) -> list[Line2D]:
    """Curves of the axes, without the lines between epochs."""
    return [line for line in axes.lines if line.get_zorder() == 5 and len(np.asarray(line.get_xdata()))]


def slices(log: list[Event]) -> list[list[Event]]:
    """Split a log into ten slices, as a display thread reads it."""
    size = math.ceil(len(log) / 10)
    return [log[start : start + size] for start in range(0, len(log), size)]


@pytest.fixture
def full_draws(monkeypatch: pytest.MonkeyPatch) -> list[FigureCanvasAgg]:
    """Canvases that were drawn as a whole, one entry a time."""
    done: list[FigureCanvasAgg] = []
    original = FigureCanvasAgg.draw
    monkeypatch.setattr(FigureCanvasAgg, "draw", lambda canvas: done.append(canvas) or original(canvas))
    return done


# What is on the picture.


def test_a_new_plot_says_what_it_waits_for() -> None:
    found = words(figure_of(run_of(events(state="queued"))))
    assert "waiting to start" in found
    found = words(figure_of(run_of(events(steps=60)[:3])))
    assert "waiting for the first step\nreading the corpus" in found
    assert "waiting for the first evaluation" in found


def test_a_run_that_failed_at_once_says_why_in_the_picture() -> None:
    log = [*events(steps=60)[:3], RunFinished(1.0, "failed", 0, "the corpus has no train file")]
    assert any("the corpus has no train file" in text for text in words(figure_of(run_of(log))))


def test_a_run_that_broke_off_says_where() -> None:
    run = run_of(events(steps=60, state="failed"))
    assert f"failed at step {run.steps.step[-1]:.0f}" in words(figure_of(run))


@pytest.mark.parametrize("width", [380, 524, 684, 960, 1400])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_letters_are_at_least_11_pixels_and_lie_neither_on_each_other_nor_outside(
    width: int, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(translation, "_language", language)
    run = run_of(events(RunConfig(epochs=3), steps=567))
    figure = figure_of(run, size=PictureSize(width, 1.0))
    assert any(text.endswith(run.corpus.name) for text in words(figure)), "it names its run and corpus"
    figure.canvas.draw()
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    assert min(text.get_fontsize() for text in texts) * figure.dpi / 72 >= 11
    boxes = [text.get_window_extent() for text in texts]
    right, top = figure.canvas.get_width_height()
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= right and box.y1 <= top for box in boxes)
    closer = [box.padded(-2) for box in boxes]
    assert not [texts[i].get_text() for i, box in enumerate(closer) if box.count_overlaps(closer[:i])]


def test_every_plot_has_all_planned_steps_from_the_start() -> None:
    log = events(steps=300)
    first = next(i for i, event in enumerate(log) if isinstance(event, StepDone))
    figure = figure_of(run_of(log[: first + 1]))
    assert {axes.get_xlim() for axes in figure.axes} == {(0.0, 300.0)}
    assert {"step 0", "epoch 1", "100", "epoch 2", "200", "epoch 3", "300"} <= set(words(figure))


@pytest.mark.parametrize(
    ("epochs", "width"),
    mostly_long(
        itertools.product([1, 2, 5, 7, 10, 50], [400, 660, 960]), lambda case: case[0] in (7, 50) or case[1] == 400
    ),
)
def test_ticks_stay_apart_whatever_the_number_of_epochs(epochs: int, width: int) -> None:
    figure = figure_of(run_of(events(RunConfig(epochs=epochs), steps=epochs * 123)), size=PictureSize(width, 1.0))
    axis = titled(figure, "Learning rates").xaxis
    figure.canvas.draw()
    labels = [*axis.get_majorticklabels(), *axis.get_minorticklabels()]
    spans = sorted((box.x0, box.x1) for box in (label.get_window_extent() for label in labels if label.get_text()))
    assert len(axis.get_majorticklocs()) <= 5
    assert all(left[1] < right[0] for left, right in itertools.pairwise(spans))


def test_the_device_plot_is_called_by_what_was_sampled() -> None:
    log = events(steps=60)
    assert "CPU use, this run" in words(figure_of(run_of(log)))
    log = [msgspec.structs.replace(each, device="gpu 1") if isinstance(each, DeviceSampled) else each for each in log]
    assert "GPU 1 use" in words(figure_of(run_of(log)))


def test_a_missing_reading_is_a_gap_with_its_reason_and_never_a_zero() -> None:
    figure = figure_of(run_of(events(steps=600)))
    use = np.concatenate([line.get_ydata() for line in drawn(titled(figure, "CPU use, this run"))])
    assert np.isnan(use).any()
    assert np.nanmin(use) >= 60, "as sampled"
    assert "gaps: the process was swapped out" in words(figure)


def test_a_gap_survives_when_there_are_more_readings_than_can_be_drawn() -> None:
    y = np.full(10_000, 50.0)
    y[7_000] = np.nan
    _, kept = downsample(np.arange(10_000.0), y)
    assert np.isnan(kept).sum() == 1


def test_what_can_never_be_read_is_said_instead_of_drawn() -> None:
    why = {"utilization": "MIG has no utilisation figure"}
    log = [
        msgspec.structs.replace(each, device="gpu 0", utilization=None, missing=why)
        if isinstance(each, DeviceSampled)
        else each
        for each in events(steps=200)
    ]
    figure = figure_of(run_of(log))
    assert "not available: MIG has no utilisation figure" in words(figure)
    assert all(np.isnan(line.get_ydata()).all() for line in drawn(titled(figure, "GPU 0 use")))


def test_a_rate_of_zero_is_left_out_and_named() -> None:
    figure = figure_of(run_of(events(RunConfig(encoder_rate=0.0), steps=60), RunConfig(encoder_rate=0.0)))
    rates = np.concatenate([line.get_ydata() for line in drawn(titled(figure, "Learning rates"))])
    assert "encoder 0 (frozen)" in words(figure)
    assert "head 1e-2" in words(figure)
    assert np.nanmin(rates) > 0


def test_a_late_start_of_the_encoder_is_a_curve_from_there_on_and_leaves_the_axis_as_it_is() -> None:
    ordinary = events(RunConfig(encoder_warmup=0.2), steps=300)
    late = [
        msgspec.structs.replace(each, rates={**each.rates, "encoder": 5e-5 * min(max(each.step - 100, 0) / 40, 1.0)})
        if isinstance(each, StepDone)
        else each
        for each in ordinary
    ]
    plots = [titled(figure_of(run_of(log)), "Learning rates") for log in (ordinary, late)]
    assert plots[0].get_ylim() == plots[1].get_ylim()
    assert min(np.isfinite(line.get_ydata()).sum() for line in drawn(plots[1])) == 200


def test_losses_that_are_no_numbers_are_gaps() -> None:
    log = [
        msgspec.structs.replace(each, loss=None) if isinstance(each, StepDone | Evaluated) and each.step > 20 else each
        for each in events(steps=60)
    ]
    raw = drawn(titled(figure_of(run_of(log)), "Loss per word (lower is better)"))[0]
    assert np.isfinite(raw.get_ydata()).sum() == 20


def with_entropies(log: list[Event], tags: float, conditional: float) -> Run:
    fields = {"tag_entropy": tags, "conditional_tag_entropy": conditional}
    return run_of([msgspec.structs.replace(each, **fields) if isinstance(each, CorpusRead) else each for each in log])


def entropies_drawn(figure: Figure) -> list[float]:
    lines = [line for line in figure.findobj(Line2D) if line.get_zorder() == 4.5]
    return [float(line.get_ydata()[0]) for line in lines if len(line.get_ydata())]


def test_losses_of_tags_alone_are_two_named_lines_inside_the_axis() -> None:
    figure = figure_of(with_entropies(events(steps=60), 0.52, 0.24))
    assert entropies_drawn(figure) == [0.52, 0.24]
    assert {"tag frequencies", "tag after tag"} <= set(words(figure))
    figure = figure_of(with_entropies(events(steps=60), 0.52, 0.001))
    assert entropies_drawn(figure) == [0.52], "the other is below the axis"
    assert "tag after tag" not in words(figure)
    assert not entropies_drawn(figure_of(with_entropies(events(steps=60)[:5], 0.52, 0.24))), "before the first step"
    assert not entropies_drawn(figure_of(run_of(events(steps=60)))), "of an older run"


@pytest.mark.parametrize("layout", ["side by side", "overlaid"])
def test_losses_of_tags_alone_are_compared_only_between_runs_on_the_same_sentences(layout: str) -> None:
    one, alike = (with_entropies(events(steps=60, seed=seed), 0.52, 0.24) for seed in (0, 1))
    assert set(entropies_drawn(compare_figure([one, alike], layout=layout))) == {0.52, 0.24}
    assert not entropies_drawn(compare_figure([one, with_entropies(events(), 0.5, 0.24)], layout=layout))


def test_the_sync_meter_draws_distances_live_and_shares_at_the_end() -> None:
    log = events(steps=60)
    live = run_of([event for event in log if not isinstance(event, PathsCompleted | RunFinished)])
    figure = figure_of(live)
    encoder, head, crf = (np.asarray(line.get_ydata()) for line in drawn(titled(figure, "Distance from the start")))
    np.testing.assert_allclose(head[-1] / encoder[-1], 1.3 / 0.03)
    assert crf[-1] == 6.0
    assert not drawn(titled(figure, "Share of its own way to the end"))
    assert "known when the run has ended" in words(figure)
    figure = figure_of(run_of(log))
    assert [line.get_ydata()[-1] for line in drawn(titled(figure, "Share of its own way to the end"))] == [1.0] * 3
    assert "90 % made by step: encoder 54, head 54, CRF 54" in words(figure)
    older = figure_of(run_of([event for event in log if not isinstance(event, PathsCompleted | WeightsMoved)]))
    assert words(older).count("not measured") == 2


def test_a_distance_that_is_none_or_zero_is_left_out() -> None:
    run = run_of(events(steps=60)[:6])
    for step, head in enumerate((None, 0.0, 0.5), 1):
        run.add(WeightsMoved(1.0, step, {"encoder": 0.0, "head": head}))
    (encoder, head) = (line.get_ydata() for line in drawn(titled(figure_of(run), "Distance from the start"))[:2])
    assert np.isnan(encoder).all()
    assert np.isfinite(head).tolist() == [False, False, True]


def test_the_best_score_is_written_beside_its_point() -> None:
    run = run_of(events(steps=60))
    assert run.best
    assert f"{run.best.f1:.3f}" in words(figure_of(run))


# Cheap, and still.


@pytest.mark.parametrize("steps", [999, 1_001, 4_000, 30_000])
def test_no_curve_has_more_than_a_thousand_points(steps: int) -> None:
    figure = figure_of(run_of(events(steps=steps, step_s=0.5)))
    assert max(len(np.asarray(line.get_xdata())) for line in figure.findobj(Line2D)) <= 1_000


def test_spikes_survive_thinning() -> None:
    y = np.sin(np.arange(50_000.0))
    y[[123, 40_404]] = 70.0, -70.0
    x, kept = downsample(np.arange(50_000.0), y)
    assert (kept.max(), kept.min()) == (70.0, -70.0)
    assert x[kept.argmax()] == 123
    assert (np.diff(x) > 0).all()


def test_smoothing_is_the_moving_geometric_mean_that_it_says() -> None:
    values = np.array([3.0, np.nan, 1.0, 2.0, 8.0] * 9)
    slow, total, weight = [], 0.0, 0.0
    for value in values:
        total, weight = total * 0.8, weight * 0.8
        if not math.isnan(value):
            total, weight = total + math.log(value), weight + 1
        slow.append(math.exp(total / weight))
    np.testing.assert_allclose(smooth(values, 9), slow)
    assert np.isnan(smooth(np.array([np.nan, 0.0, 1.0]), 9)[:2]).all()


def test_limits_stay_put_for_long_and_move_only_outwards(full_draws: list[FigureCanvasAgg]) -> None:
    run, plot, limits = Run(config=RunConfig()), LivePlot(), []
    for event in events(steps=600):
        run.add(event)
        if isinstance(event, StepDone) and event.step % 4 == 0:
            plot.draw(run)
            limits.append(full_draws[-1].figure.axes[0].get_ylim())
    assert all(new[0] <= old[0] and new[1] >= old[1] for old, new in itertools.pairwise(limits))
    assert len(set(limits)) < 10
    assert len(full_draws) < 20


def test_nothing_is_drawn_when_nothing_is_new() -> None:
    run = run_of(events(steps=60)[:30])
    plot = LivePlot()
    pictures = [plot.draw(run)]
    assert plot.draw(run) is pictures[-1]
    run.add(events(steps=60)[30])
    pictures.append(plot.draw(run))
    plot.theme = "dark"
    pictures.append(plot.draw(run))
    pictures.append(plot.draw(run_of(events(steps=60)[:31])))
    assert len(set(map(id, pictures))) == 4


def test_the_picture_keeps_its_size_from_the_first_moment_to_the_last() -> None:
    run, plot = Run(config=RunConfig()), LivePlot()
    sizes = set()
    for some in slices(events(steps=200)):
        for event in some:
            run.add(event)
        sizes.add(Image.open(io.BytesIO(plot.draw(run))).size)
    assert len(sizes) == 1


@pytest.mark.parametrize("theme", THEMES)
def test_drawing_only_what_moves_gives_the_same_picture_as_drawing_everything(
    theme: str, full_draws: list[FigureCanvasAgg]
) -> None:
    run, plot = Run(config=RunConfig()), LivePlot(theme)
    for some in slices(events(steps=300)):
        for event in some:
            run.add(event)
        png = plot.draw(run)
    assert len(full_draws) < 10
    now = np.asarray(full_draws[-1].buffer_rgba())[..., :3].copy()
    assert png == LivePlot(theme).draw(run)
    np.testing.assert_array_equal(now, pixels(to_png(figure_of(run, theme))))


def test_a_picture_is_drawn_again_only_after_it_was_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[bytes] = []
    monkeypatch.setattr(renderer, "to_png", lambda figure: done.append(to_png(figure)) or done[-1])
    picture = figure_of(run_of(events(steps=40)))
    assert picture._repr_png_() is picture.png() is picture._repr_png_()
    assert len(done) == 1
    changes: list[Callable[[], object]] = [
        lambda: picture.axes[0].set_title("mine"),
        lambda: drawn(picture.axes[0])[0].set_linewidth(5),
        lambda: picture.set_facecolor("grey"),
    ]
    for change in changes:
        before = picture.png()
        change()
        assert picture.png() != before
    assert len(done) == 4


def test_few_colours_are_close_to_all_colours() -> None:
    run = run_of(events(steps=300))
    png = LivePlot().draw(run)
    few, all_of_them = pixels(png).astype(int), pixels(to_png(figure_of(run))).astype(int)
    assert len(np.unique(few.reshape(-1, 3), axis=0)) <= 64
    assert np.abs(few - all_of_them).mean() < 1
    assert len(png) < 70_000


def test_a_run_can_be_drawn_while_another_thread_adds_to_it() -> None:
    run, log, plot = Run(config=RunConfig()), events(steps=2_000), LivePlot()
    with ThreadPoolExecutor(3) as pool:
        adding = pool.submit(lambda: [run.add(event) for event in log])
        drawing = [pool.submit(lambda: [plot.draw(run) for _ in range(5)]) for _ in range(2)]
        for each in (adding, *drawing):
            each.result()
    assert plot.draw(run) == LivePlot().draw(run), "the last draw has all of the run"


# Comparing.


@pytest.mark.parametrize("layout", ["side by side", "overlaid"])
@pytest.mark.parametrize("x", ["step", "epoch", "tokens", "seconds"])
def test_runs_are_compared_along_any_axis_on_the_same_limits(tmp_path: Path, layout: str, x: str) -> None:
    figure = compare_figure(several(tmp_path, 3), x, layout)  # type: ignore[arg-type]
    framed = [axes for axes in figure.axes if axes.axison]
    assert len({axes.get_xlim() for axes in framed}) == 1
    assert any(f"{x} 0" == text or text.startswith("0 ") for text in words(figure))


@pytest.mark.parametrize("layout", ["side by side", "overlaid"])
def test_every_compared_run_is_named_and_scored(tmp_path: Path, layout: str) -> None:
    runs = several(tmp_path, 3)
    found = " ".join(words(compare_figure(runs, layout=layout)))
    for run in runs:
        assert run.best
        assert f"#{run.number} " in found
        assert f"best F1 {run.best.f1:.3f}" in found


LOSSES = np.random.default_rng(0).uniform(0.5, 2.0, 1000).tolist()


def noisy(steps: int) -> Run:
    """A run of `steps` planned steps; runs of any length have the same losses."""
    log = events(steps=steps)
    return run_of([msgspec.structs.replace(e, loss=LOSSES[e.step]) if isinstance(e, StepDone) else e for e in log])


@pytest.mark.parametrize("layout", ["side by side", "overlaid"])
@pytest.mark.parametrize("x", ["step", "epoch", "tokens"])
def test_equal_losses_are_drawn_as_equal_curves_however_long_the_runs_are(layout: str, x: Axis) -> None:
    figure = compare_figure([noisy(300), noisy(900)], x, layout)
    curves = [np.asarray(line.get_ydata()) for line in figure.findobj(Line2D)]
    begun = [curve for curve in curves if len(curve) >= 300 and np.isclose(curve[0], LOSSES[1])]
    short, long = [curve for curve in begun if not np.isclose(curve[1], LOSSES[2])]
    np.testing.assert_allclose(long[:300], short)
    assert any("smoothed over about 10 steps" in text for text in words(figure))


def test_overlaid_equal_curves_are_striped_so_that_none_hides_another() -> None:
    runs = [run_of(events(config, 60, seed=seed), config) for seed, config in enumerate([RunConfig()] * 2)]
    runs += [run_of(events(RunConfig(head_rate=2e-2), 60, seed=3)), run_of(events(steps=60)[:20])]
    figure = compare_figure(runs, layout="overlaid")
    lines = drawn(titled(figure, "Encoder rate"))
    at = {line.get_linestyle() for line in lines}
    assert at == {"--"}, "the same for all, also for one that has only begun"
    starts = [line._unscaled_dash_pattern for line in lines]
    assert len({start for start, _ in starts}) == 4
    assert [line.get_linestyle() for line in drawn(titled(figure, "Head rate"))] == ["--", "--", "-", "--"]
    assert [line.get_linestyle() for line in drawn(titled(figure, "Loss per word (lower is better)"))][1:3] == ["-"] * 2
    assert "striped: equal curves" in words(figure)
    assert "striped: equal curves" not in words(compare_figure(runs[2:3], layout="overlaid"))


def compared(layout: str, *runs: Run) -> str:
    return " ".join(words(compare_figure(runs, layout=layout)))


@pytest.mark.parametrize("layout", ["side by side", "overlaid"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_runs_on_other_dev_sentences_are_said_not_to_compare_and_starred_apart(
    layout: str, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(translation, "_language", language)
    monkeypatch.setattr(fonts, "has_chinese", lambda: True)
    note = {"en": "different dev sentences, not comparable", "zh": "验证句子不同，不可比较"}[language]
    alike = [scored(f1, dev_sha256="a") for f1 in (0.5, 0.6)]
    toy = scored(1.0, dev_sha256="b", gold=1)
    assert note not in compared(layout, *alike)
    assert note in compared(layout, *alike, toy)
    assert "★" not in compared(layout, alike[1], toy)
    starred = [text for text in words(compare_figure([*alike, toy], layout=layout)) if "★" in text]
    assert ["0.600" in text for text in starred] == [True]


@pytest.mark.parametrize("layout", ["side by side", "overlaid"])
def test_compared_scores_tell_on_how_many_entities_they_rest(layout: str) -> None:
    assert "180 entities" in compared(layout, scored(), scored())
    told = compared(layout, scored(dev_sha256="a"), scored(1.0, dev_sha256="b", gold=1))
    for count in ("(180", "(1" if layout == "overlaid" else "(1 entity)"):
        assert count in told
    nothing = compared(layout, *[scored(0.0, gold=0)] * 2)
    assert "no F1" in nothing
    assert "0.000" not in nothing


def test_the_plot_of_f1_tells_what_it_rests_on_and_draws_nothing_where_there_is_no_entity() -> None:
    assert "F1 on dev (higher is better): 1 entity" in words(figure_of(scored(1.0, gold=1)))
    run = scored(0.0, gold=0)
    run.add(msgspec.structs.replace(run.best, split="test"))
    found = words(figure_of(run))
    assert "no entity in the dev split" in found
    assert "no entity on test" in found
    assert not any("0.000" in text or "best" in text for text in found)


def test_a_crf_with_a_rate_of_its_own_has_its_curve_side_by_side() -> None:
    log = [
        msgspec.structs.replace(event, rates={**event.rates, "crf": 0.123}) if isinstance(event, StepDone) else event
        for event in events(steps=60)
    ]
    curves = [line.get_ydata() for axes in compare_figure([run_of(log)]).axes for line in axes.lines]
    assert any(len(curve) and np.allclose(curve, 0.123) for curve in map(np.asarray, curves))


def test_names_are_never_read_as_mathematics(tmp_path: Path) -> None:
    runs = several(tmp_path, 2)
    names = {run.folder: "pays $x_{$ 中文" for run in runs}
    for layout in ("side by side", "overlaid"):
        assert ComparePlot().draw(runs, layout=layout, names=names)


def test_what_does_not_fit_is_told(tmp_path: Path) -> None:
    runs = several(tmp_path, 10, steps=10)
    assert "2 more runs have no room side by side; overlaid shows all" in words(compare_figure(runs))
    assert "and 14 more" in words(compare_figure(runs * 4, layout="overlaid"))


@pytest.mark.parametrize("width", [560, 780, 946, 1200])
def test_no_words_leave_a_comparison_or_lie_on_each_other(tmp_path: Path, width: int) -> None:
    for layout, count in (("overlaid", 10), ("side by side", 4)):
        runs = several(tmp_path / layout, count)
        names = list(name_runs(runs).values())
        comparison = LAYOUTS[layout](THEMES["light"], PictureSize(width, 1.0), runs, names, "step")
        comparison.update()
        for area in comparison.areas:
            area.freeze()
        figure = comparison.figure
        assert figure.canvas.get_width_height()[0] == width
        with renderer.exclusive_drawing():  # as it is drawn: fonts are hinted otherwise
            figure.canvas.draw()
            texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
            boxes = [text.get_window_extent() for text in texts]
        width, height = figure.canvas.get_width_height()
        assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height for box in boxes)
        # a pixel of the line spacing may be shared
        closer = [box.padded(-2) for box in boxes]
        assert not [1 for i, box in enumerate(closer) if box.count_overlaps(closer[:i])]


def test_a_live_run_joins_a_comparison(tmp_path: Path) -> None:
    log = events(steps=60)
    live, done = run_of(log[:40]), several(tmp_path, 1)[0]
    plot = ComparePlot()
    first = plot.draw([done, live], layout="overlaid")
    assert plot.draw([done, live], layout="overlaid") is first
    live.add(next(event for event in log[40:] if isinstance(event, StepDone)))
    second = plot.draw([done, live], layout="overlaid")
    assert second != first
    assert Image.open(io.BytesIO(first)).size == Image.open(io.BytesIO(second)).size
    assert second == ComparePlot().draw([done, live], layout="overlaid")


def test_an_unknown_layout_axis_or_theme_is_refused(tmp_path: Path) -> None:
    runs = several(tmp_path, 2, steps=10)
    with pytest.raises(ValueError, match="layout must be one of side by side, overlaid, not 'stacked'"):
        ComparePlot().draw(runs, layout="stacked")
    with pytest.raises(ValueError, match="axis must be one of"):
        ComparePlot().draw(runs, x="hours")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="theme must be one of light, dark, not 'sepia'"):
        LivePlot("sepia")


@pytest.mark.parametrize("hinting", ["none", "native"])
def test_pictures_are_the_same_however_a_notebook_fits_letters_to_pixels(tmp_path: Path, hinting: str) -> None:
    (run,) = several(tmp_path, 1)
    as_usual = LivePlot().draw(run), to_png(figure_of(run))
    with rc_context({"text.hinting": hinting}):
        assert (LivePlot().draw(run), to_png(figure_of(run))) == as_usual
        assert rcParams["text.hinting"] == hinting


# Colours.


def test_a_run_keeps_its_colour_and_no_two_of_thirty_look_alike(tmp_path: Path) -> None:
    runs = several(tmp_path, 30, steps=3)
    looks = [(colour_of(run), dashes_of(run)) for run in runs]
    assert len(set(looks)) == 30
    assert len({(colour_of(run), mark_of(run)) for run in runs}) == 30
    assert [(colour_of(run), dashes_of(run)) for run in RunStore(tmp_path).runs()] == looks


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES.keys())
def test_every_colour_stands_out_from_the_background(theme: Theme) -> None:
    for colour in theme.runs:
        assert contrast(colour, theme.background) >= 3
    for colour in (theme.text, theme.muted):
        assert contrast(colour, theme.background) >= 4.5


def contrast(colour: str, background: str) -> float:
    """Contrast ratio of WCAG 2.1."""
    one, other = sorted((luminance(colour), luminance(background)))
    return (other + 0.05) / (one + 0.05)


def luminance(colour: str) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(("theme", "background"), [("light", (255, 255, 255)), ("dark", (17, 17, 17))])
def test_the_background_is_that_of_the_notebook(theme: str, background: tuple[int, int, int]) -> None:
    run = run_of(events(steps=20))
    live, compared = LivePlot(theme).draw(run), ComparePlot(theme).draw([run, run])
    assert live
    assert compared
    for picture in (live, compared, to_png(figure_of(run, theme))):
        assert {tuple(corner) for corner in pixels(picture)[[0, 0, -1, -1], [0, -1, 0, -1]].tolist()} == {background}


def test_plots_need_neither_pyplot_nor_torch_and_draw_without_a_warning(tmp_path: Path) -> None:
    folder = write_run(tmp_path, steps=20)
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from labkit.plots.live import LivePlot, compare_figure, to_png\n"
        "from labkit.runs.run import Run\n"
        f"run = Run(Path({str(folder)!r}))\n"
        "assert LivePlot().draw(run) and to_png(compare_figure([run, run]))\n"
        "assert not {'matplotlib.pyplot', 'torch', 'transformers'} & set(sys.modules)\n"
    )
    strict = ["-W", "error", "-W", "ignore::DeprecationWarning"]  # older matplotlib calls older names of pyparsing
    done = subprocess.run([sys.executable, *strict, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
