"""How long from the end of a run to the first line and the first loss of the next one in the queue.

    python benchmarks/queue_pace.py [--runs 50]

Short runs of the default pair are queued at once; no notebook is open. Then a notebook kernel in which a run trains is
restarted. The last line is JSON: medians in seconds, `next_line_s` to the first line of the next run's process,
`next_loss_s` to its first loss, `share_of_ten_s` the first as a share of a run of ten seconds, `restart_s` until the
restarted kernel answers; the run must have gone on meanwhile.
"""

import argparse
import json
import time
from itertools import pairwise

from kernel import Kernel, median, own_place, until_event, until_warm

from labkit.config import RunConfig
from labkit.events import RunFinished, RunStarted, StepDone, open_event_log
from labkit.jobs import launch

SHORT = {"train_limit": 48, "dev_limit": 16, "epochs": 1, "keep": "none"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=50)
    asked = parser.parse_args()
    with own_place() as place:
        until_warm()
        runs = [launch.submit(RunConfig(**SHORT), place / "queue") for _ in range(asked.runs)]
        runs[-1].wait(timeout_s=60 * asked.runs)
        logs = [open_event_log(run.folder).read() for run in runs]
        starts = [next(event.time for event in log if isinstance(event, RunStarted)) for log in logs]
        losses = [next(event.seconds for event in log if isinstance(event, StepDone)) for log in logs]
        ends = [next(event for event in log if isinstance(event, RunFinished)) for log in logs]
        assert all(end.state == "completed" for end in ends), ends
        ended = [start + end.seconds for start, end in zip(starts, ends, strict=True)]
        gaps = [start - end for end, start in zip(ended, starts[1:], strict=False)]
        lasted = median([after - before for before, after in pairwise(starts)])
        print(f"{asked.runs} runs, each {lasted:.2f} s; gaps {min(gaps):.3f} to {max(gaps):.3f} s")
        outcome = {
            "next_line_s": median(gaps),
            "next_loss_s": median([gap + loss for gap, loss in zip(gaps, losses[1:], strict=True)]),
            "share_of_ten_s": median(gaps) / 10,
            "restart_s": restart(place),
        }
    print(json.dumps({name: round(number, 4) for name, number in outcome.items()}))


def restart(place) -> float:
    """Seconds until a kernel answers again that was restarted while a run of it trains."""
    with Kernel() as kernel:
        kernel.open_lab(place / "restart", {})
        kernel.run("lab.train_button.click()")
        folder = place / "restart" / "run-0001"
        until_event(folder, lambda event: isinstance(event, StepDone))
        seen = len(open_event_log(folder).read())
        began = time.monotonic()
        kernel.restart()
        took = time.monotonic() - began
        time.sleep(1.0)
        events = open_event_log(folder).read()
        assert len(events) > seen, "the run has ended with its kernel"
        launch.Run(folder).stop()
        launch.Run(folder).wait(60)
    return took


if __name__ == "__main__":
    main()
