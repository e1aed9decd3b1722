"""Remedies: settings that rules of advice offer, within their ranges."""

import math
from typing import Any

from labkit.config import RunConfig, run_settings
from labkit.presets import HIGH_ENCODER_RATE, recommended_head_range, recommended_rate_range, recommended_rates
from labkit.tuning.run_facts import RunFacts

ENOUGH_STEPS = 120  # that a fresh head needs at its usual rate


def highest_encoder_rate(config: RunConfig) -> float:
    """Encoder rate above which its encoder is known, or likely, to forget what it knew."""
    return max(HIGH_ENCODER_RATE, recommended_rate_range(config.encoder)[1])


def usual_head_rate(config: RunConfig) -> float:
    """Head rate to start with: the recommended one, within the range of its structure."""
    low, high = recommended_head_range(config)
    return low if config.downstream == "idcnn" else min(max(recommended_rates(config.encoder)["head_rate"], low), high)


def usual_rates(config: RunConfig) -> dict[str, Any]:
    """Both rates to start with, as far as the config's encoder rate is too high and its head rate out of range."""
    usual = {}
    if config.encoder_rate > highest_encoder_rate(config):
        usual["encoder_rate"] = recommended_rates(config.encoder)["encoder_rate"]
    lowest, highest = recommended_head_range(config)
    if not lowest <= config.head_rate <= highest:
        usual["head_rate"] = usual_head_rate(config)
    return usual


def higher_head_rate(facts: RunFacts) -> dict[str, Any]:
    """The usual head rate, also for a CRF whose own rate is below it; more steps where it is used already."""
    config, usual = facts.config, usual_head_rate(facts.config)
    if config.head_rate >= usual:
        return more_steps(facts)
    has_low_crf = config.decoder == "crf" and config.crf_rate is not None and config.crf_rate < usual
    return {"head_rate": usual, **({"crf_rate": usual} if has_low_crf else {})}


def more_steps(facts: RunFacts) -> dict[str, Any]:
    """A smaller batch and more epochs, so that there are ENOUGH_STEPS, or twice the present steps."""
    config = facts.config
    wanted = max(ENOUGH_STEPS, 2 * facts.planned_steps) / max(1, facts.planned_steps)
    batch_size = config.batch_size
    while batch_size > 16 and wanted > 1:  # smaller ones take longer, without more steps where there are few sentences
        batch_size, wanted = max(16, batch_size // 2), wanted / 2
    remedy = {"batch_size": batch_size} if batch_size != config.batch_size else {}
    if wanted > 1:
        remedy["epochs"] = math.ceil(config.epochs * wanted)
    return within_ranges(remedy)


def defaults(*names: str) -> dict[str, Any]:
    """Default values of some settings."""
    config = RunConfig()
    return {name: getattr(config, name) for name in names}


def linear_schedules() -> dict[str, Any]:
    """Schedules that fall to 0 at the last step."""
    return {"encoder_schedule": "linear", "head_schedule": "linear"}


def within_ranges(remedy: dict[str, Any]) -> dict[str, Any]:
    """A remedy with each number within the range of its setting."""
    settings = run_settings()
    bounds = {name: (settings[name].low, settings[name].high) for name in remedy}
    return {name: min(max(value, bounds[name][0] or 0), bounds[name][1] or math.inf) for name, value in remedy.items()}
