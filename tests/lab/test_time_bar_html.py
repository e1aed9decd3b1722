"""Where the time goes, as the lab shows it."""

import re

import pytest

from labkit.config import RunConfig
from labkit.events import EVENTS_FILE, LineWriter, OperatorsProfiled, OperatorTime, TimeBreakdown
from labkit.lab import time_bar_html
from labkit.runs.run import Run
from labkit.runs.time_breakdown import LABELS, TIME_PARTS
from tests.runs.samples import write_run

TAGS = re.compile(r"<[^>]+>")


def plain(html):
    return " ".join(TAGS.sub(" ", re.sub(r'<div class="labkit-time-told">.*?</div>', "", html)).split())


@pytest.fixture
def live():
    """A run of which more can be told by adding events."""
    run = Run(config=RunConfig())
    run.add(TimeBreakdown(10.0, 5, {"loading": 1.0, "encoder": 7.0, "CRF": 0.9, "data": 0.06, "other": 1.04}))
    return run


def test_a_bar_names_its_large_parts_numbers_the_next_and_leaves_the_smallest_bare(live):
    told = time_bar_html.render_time_bar(live)
    bar = told[told.index("labkit-time-bar") : told.index("labkit-time-legend")]
    assert re.findall(r"<span>([^<]*)</span>", bar) == ["10 %", "", "encoder 70 %", "9 %", "10 %"]
    assert re.findall(r"flex-grow: ([\d.]+)", bar) == ["0.1000", "0.0060", "0.7000", "0.0900", "0.1040"]
    assert 'aria-label="loading 10 %, batches 0.6 %, encoder 70 %, CRF 9 %, other 10 %"' in bar


def test_the_legend_always_has_the_same_entries(live):
    nothing, known = time_bar_html.render_time_bar(None), time_bar_html.render_time_bar(live)
    names = [LABELS.get(name, name) for name in TIME_PARTS if name != "profiling"]
    for told in (nothing, time_bar_html.render_time_bar(Run(config=RunConfig())), known):
        legend = told[told.index("labkit-time-legend") :]
        assert re.findall(r"</i>([\w ]+) <b>", legend) == names
    assert plain(nothing).count("–") == len(names)
    assert "weight update 0 %" in plain(known)


def test_a_profiled_run_has_a_place_for_it_from_its_start():
    run = Run(config=RunConfig(profile=True))
    assert "</i>profiling <b>–" in time_bar_html.render_time_bar(run)
    run.add(TimeBreakdown(1.0, 1, {"encoder": 1.0}))
    assert "</i>profiling <b>0 %" in time_bar_html.render_time_bar(run)
    run.add(TimeBreakdown(2.0, 1, {"encoder": 1.0, "profiling": 1.0}))
    assert time_bar_html.render_time_bar(run).count("</i>profiling <b>50 %") == 1


def test_seconds_and_what_a_part_is_are_told_under_the_mouse(live):
    assert "<b>encoder</b> 7.0 s, 70 %: the pretrained encoder, forward and backward" in time_bar_html.render_time_bar(
        live
    )


def test_runs_stand_below_each_other_under_one_legend(runs_folder):
    runs = [Run(write_run(runs_folder)) for _ in range(3)]
    told = time_bar_html.render_time_bars(runs, {runs[0].folder: "#1 <b>"})
    assert told.count("labkit-time-legend") == 1
    assert told.count('role="img"') == 3
    assert "#1 &lt;b&gt;" in told
    assert "#2" in told


def test_runs_that_tell_nothing_have_a_row_only_beside_one_that_does(runs_folder):
    queued, done = Run(write_run(runs_folder, state="queued")), Run(write_run(runs_folder))
    assert time_bar_html.render_time_bars([queued], {}) == ""
    assert time_bar_html.render_time_bars([queued, done], {}).count("labkit-time-bar") == 2


def test_operators_are_folded_away_escaped_and_announced_before_they_are_known(runs_folder):
    assert time_bar_html.render_operators(None) == ""
    assert time_bar_html.render_operators(Run(write_run(runs_folder))) == ""
    folder = write_run(runs_folder, RunConfig(profile=True), state="running")
    assert "will be recorded" in time_bar_html.render_operators(Run(folder))
    found = [OperatorTime("<addmm>", 1960, 0.5, 0.0051)]
    writer = LineWriter(folder / EVENTS_FILE)
    writer.write(OperatorsProfiled(3.0, 1030, 10, 640, 1.5, found, "trace.json.gz"))
    writer.close()
    told = time_bar_html.render_operators(Run(folder))
    assert told.startswith("<details><summary>Operators of #2, in 10 steps up to step 1,030</summary>")
    assert "<td>&lt;addmm&gt;</td><td>1,960</td><td>500.0 ms</td><td>0.5 %</td>" in told
    assert f"{folder}/trace.json.gz" in told


@pytest.mark.parametrize("part", TIME_PARTS)
def test_every_part_has_a_colour_on_both_themes_that_words_can_be_read_on(part):
    light, dark = time_bar_html.build_css().strip().splitlines()
    for css in (light, dark):
        colour = re.search(rf"--part-{part}: (#[0-9a-f]{{6}});", css)[1]
        ink = re.search(rf"--ink-{part}: (#[0-9a-f]{{6}});", css)[1]
        assert _contrast(colour, ink) >= 4.5


def test_no_two_parts_share_a_colour():
    for css in time_bar_html.build_css().strip().splitlines():
        colours = re.findall(r"--part-\w+: (#[0-9a-f]{6});", css)
        assert len(set(colours)) == len(TIME_PARTS)


def _contrast(one, other):
    """WCAG 2.1, contrast ratio of two colours."""

    def luminance(colour):
        weights = {1: 0.2126, 3: 0.7152, 5: 0.0722}
        channels = {place: int(colour[place : place + 2], 16) / 255 for place in weights}
        linear = {
            place: each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4
            for place, each in channels.items()
        }
        return sum(weights[place] * linear[place] for place in weights)

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
