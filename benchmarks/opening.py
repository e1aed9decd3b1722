"""How long it takes until the lab is on its page, and somebody can press Train.

    python benchmarks/opening.py [--times 5]

The cell that shows the lab is run on a real JupyterLab page in chromium, in a fresh kernel each time, and a second time
in the same kernel; labkit's own settings, no stored runs, the warm server up. Seconds from running the cell until Train
is there, until the plan says how many steps that is, and until the place of the curves says what comes there. The first
row counts the corpus, which is then noted. The last line is JSON, medians of the other rows: `train_s`, `plan_s`,
`picture_s`, and `again_s` of the second time until Train is there; `first_plan_s` of the first row.
"""

import argparse
import json
import os
import time
from typing import Any

from kernel import median, own_place, quiet, until_warm
from lab_page import can_browse, lab_page

from labkit.presets import preset

TRAIN = "document.querySelector('.labkit-lab .labkit-train')"
PLAN = "document.querySelector('.labkit-plan')?.innerText.includes('steps')"
PICTURE = "document.querySelector('.labkit-live-picture .labkit-hint')?.offsetHeight > 1"
HEADS = ("train", "plan", "picture", "again")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--patience", type=float, default=60.0, help="seconds to wait for a quiet machine, each time")
    asked = parser.parse_args()
    if not can_browse():
        raise SystemExit("no chromium found: install it (Debian and Ubuntu: apt-get install chromium)")
    rows = []
    print("seconds until" + "".join(f"{head:>10}" for head in HEADS))
    with own_place() as place:
        os.environ |= {"LABKIT_CACHE": str(place / "cache"), "LABKIT_LANGUAGE": "en"}  # PLAN is an English word
        until_warm()
        with lab_page(place / "runs", preset().as_dict()) as notebook:
            for number in range(asked.times + 1):
                notebook.restart_kernel()
                quiet(f"opening {number}", asked.patience)
                rows.append(opened(notebook))
                print(
                    f"{'first' if number == 0 else number:>13}" + "".join(f"{s:>10.2f}" for s in rows[-1]), flush=True
                )
    medians = {f"{head}_s": median(column) for head, column in zip(HEADS, zip(*rows[1:], strict=True), strict=True)}
    print(json.dumps({name: round(s, 3) for name, s in {**medians, "first_plan_s": rows[0][1]}.items()}))


def opened(notebook: Any) -> tuple[float, ...]:
    """Seconds until each of HEADS."""
    began = time.perf_counter()
    notebook.run_cell(0, wait=False)
    seconds = []
    for what in (TRAIN, PLAN, PICTURE):
        notebook.page.wait_for_function(what, timeout=60_000)
        seconds.append(time.perf_counter() - began)
    old = notebook.page.evaluate_handle(TRAIN)
    began = time.perf_counter()
    notebook.run_cell(0, wait=False)
    notebook.page.wait_for_function(f"old => {TRAIN} && {TRAIN} !== old", arg=old, timeout=60_000)
    return (*seconds, time.perf_counter() - began)


if __name__ == "__main__":
    main()
