"""Advice: one sentence on a run, and the settings that mend what it says."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from labkit.config import run_settings
from labkit.messages import N_, Message
from labkit.settings import format_value

Level = Literal["alarm", "hint", "verdict"]
# alarm: the run is not worth its time; hint: other settings would do better; verdict: what is so
LEVELS: dict[Level, str] = N_({"alarm": "alarm", "hint": "hint", "verdict": "verdict"})


@dataclass(frozen=True)
class Advice:
    """One sentence on a run, and what to do.

    Attributes:
        rule: name of the rule that speaks, and of its section in docs/advice.md.
        text: what is the matter, with the numbers that it rests on.
        why: what follows from these numbers, and where the rule ends.
        remedy: settings to try, by field; empty if no setting mends it.
    """

    rule: str
    level: Level
    text: Message
    why: Message
    remedy: Mapping[str, Any] = field(default_factory=dict)

    def describe_remedy(self) -> Message:
        """Settings to try, in words: `Head rate 1e-2, Epochs 5`. Empty without any."""
        told = Message("")
        for name, value in self.remedy.items():
            setting = run_settings()[name]
            shown = Message(format_value(setting, value))
            one = Message("{setting} {value}", setting=Message(setting.label), value=shown)
            told = Message("{told}, {more}", told=told, more=one) if told else one
        return told

    def format_options(self) -> str:
        """Settings to try, as options of `labkit train`: `--head-rate 1e-2 --epochs 5`."""
        settings = run_settings()
        return " ".join(
            f"--{name.replace('_', '-')} {format_value(replace(settings[name], zero_text=''), value)}"
            for name, value in self.remedy.items()
        )
