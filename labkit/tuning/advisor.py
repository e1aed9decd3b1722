"""Advisor: all rules of advice on a run, the weightiest first.

    for advice in advise(run):
        print(advice.text, advice.remedy)

A rule is one function in alarms.py, hints.py or verdicts.py: it looks at the facts of a run, and returns advice or
None. The same rules speak while a run trains, afterwards, and in the terminal. Their thresholds were chosen on the
recorded runs (`data/evidence`), and counted on seeds that they had not seen: see docs/advice.md. A log of an older
version lacks some figures; then fewer rules speak.
"""

from collections.abc import Callable, Sequence

from labkit.runs.event_accumulator import EventAccumulator
from labkit.tuning import alarms, hints, verdicts
from labkit.tuning.advice import Advice
from labkit.tuning.run_facts import RunFacts

MAX_SENTENCES = 2  # at a time
# Rules that judge a run by the rates it was started with: silent once one was changed while it trains.
ON_RATES = (
    alarms.encoder_rate_too_high,
    alarms.head_rate_too_high,
    alarms.head_still,
    alarms.rates_ran_out,
    alarms.labels_unrelated,
    hints.crf_untrained,
    hints.head_late,
    hints.encoder_forgets,
    hints.encoder_slow,
    hints.head_rate_high,
    hints.frozen_encoder,
    hints.rates_fell_early,
)


def advise(run: EventAccumulator, most: int = MAX_SENTENCES) -> list[Advice]:
    """Advice on a run, the weightiest first; an alarm speaks alone.

    Args:
        run: live or ended. Without settings, or before its corpus is read, there is no advice.
        most: number of sentences.
    """
    if not RunFacts.are_known(run):
        return []
    facts = RunFacts(run)
    spoken = _speak(alarms.RULES, facts)[:1] or _speak((*hints.RULES, *verdicts.RULES), facts)
    return (spoken or _speak((verdicts.in_order,), facts))[:most]


def _speak(rules: Sequence[Callable[[RunFacts], Advice | None]], facts: RunFacts) -> list[Advice]:
    silent = ON_RATES if facts.run.rate_changes else ()
    return [advice for rule in rules if rule not in silent and (advice := rule(facts))]
