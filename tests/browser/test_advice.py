"""Advice in a real JupyterLab: the run at one rate gets its sentence, its button, and a better run after it."""

import pytest

from tests.browser.lab import LabPage
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

# Three epochs of 20 steps, at one rate for encoder and head.
ONE_RATE = {"train_limit": 320, "dev_limit": 48, "epochs": 3, "encoder_rate": 3e-5, "head_rate": 3e-5}
SENTENCE = "the head has moved only"
SIZES = ({"width": 1440, "height": 900}, {"width": 1280, "height": 800})
CHINESE = "下游只移动了自身大小的"


def top(lab: LabPage, name: str) -> float:
    box = lab.page.locator(f".labkit-lab .labkit-{name}").first.bounding_box()
    assert box
    return box["y"]


def test_a_run_at_one_rate_is_told_and_mended(lab: LabPage) -> None:
    lab.show(**ONE_RATE)
    before = {}
    for size in SIZES:
        lab.page.set_viewport_size(size)
        before[size["width"]] = top(lab, "settings")
    lab.train()
    until(lambda: SENTENCE in lab.text("advice"), 120, "the sentence of the run")
    assert len(lab.run(1).evaluations) == 1, "by its first evaluation"
    button = lab.page.locator("button.labkit-remedy")
    for size in SIZES:
        lab.page.set_viewport_size(size)
        assert top(lab, "settings") == before[size["width"]]
        box = button.bounding_box()
        assert box
        assert box["x"] + box["width"] <= size["width"]
        assert box["y"] + box["height"] <= top(lab, "settings")
    assert button.inner_text().strip() == "Stop #1, set Head rate 1e-2"
    button.click()
    until(lambda: lab.run(1).is_final, 60, "the run stopped")
    assert lab.run(1).state == "stopped"
    assert lab.notebook.ask("lab.controls.head_rate.value") == 1e-2
    lab.page.get_by_role("button", name="中文").click()
    until(lambda: CHINESE in lab.text("advice"), 60, "the sentence in Chinese")
    assert button.inner_text().strip() == "设为下游学习率 1e-2"
    lab.page.get_by_role("button", name="English").click()
    lab.train()
    until(lambda: len(lab.store.runs()) == 2, 60, "the second run")
    lab.run(2).wait(timeout_s=120)
    assert (lab.run(2).best_f1 or 0) > 0.02 > (lab.run(1).best_f1 or 0)
    assert lab.page.problems == []
