"""Time breakdown of a run: seconds and shares of its parts, in display order."""

from dataclasses import dataclass

from labkit.events import TimeBreakdown
from labkit.messages import N_

# Each part, and what it includes; forward and backward count together.
TIME_PARTS = N_(
    {
        "loading": "imports, reading the corpus and loading the encoder, before the first step",
        "data": "putting sentences into batches, and copying them to the device",
        "encoder": "the pretrained encoder, forward and backward",
        "downstream": "the structure after the encoder and the linear layer, forward and backward",
        "CRF": "the CRF, or softmax in its place, and its loss, forward and backward",
        "optimizer": "clipping the gradients, the optimizer's step, zeroing the gradients",
        "evaluation": "scoring the dev split, and in the end the test split",
        "saving": "writing the weights",
        "profiling": "the steps recorded operator by operator, and recording them",
        "other": "reading what the lab asks for, reporting, and whatever belongs to no other part",
    }
)
LABELS = {"data": N_("batches"), "optimizer": N_("weight update")}  # of the other parts, their names
RARE_PARTS = ("profiling",)  # shown only if they took time


@dataclass(frozen=True)
class TimePart:
    """Share of a run's time that one part took."""

    name: str  # as it is in the log
    description: str
    seconds: float
    share: float  # of all parts together, from 0 to 1

    @property
    def label(self) -> str:
        """Name in words, to be translated."""
        return LABELS.get(self.name, self.name)


def list_time_parts(breakdown: TimeBreakdown | None) -> list[TimePart]:
    """Lists all TIME_PARTS, the rare ones only if measured. Then parts of other versions of labkit."""
    totals = breakdown.totals if breakdown else {}
    total = sum(totals.values()) or 1.0
    names = [name for name in TIME_PARTS if name not in RARE_PARTS or name in totals]
    names += [name for name in totals if name not in TIME_PARTS]
    return [
        TimePart(name, TIME_PARTS.get(name, ""), totals.get(name, 0.0), totals.get(name, 0.0) / total) for name in names
    ]


def format_percent(share: float) -> str:
    """Formats a share from 0 to 1: `62 %`, `0.4 %`, `0 %`."""
    return f"{100 * share:.1f} %" if 0.0005 <= share < 0.0095 else f"{100 * share:.0f} %"
