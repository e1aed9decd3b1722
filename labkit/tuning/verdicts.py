"""Verdicts: rules that say what is so, where nothing need be turned."""

from labkit.events import format_distance
from labkit.messages import N_, Message
from labkit.tuning.advice import Advice
from labkit.tuning.alarms import WORKS
from labkit.tuning.hints import ALWAYS_CLIPPED, lowest_loss
from labkit.tuning.run_facts import RunFacts, f1_margin


def trust_f1(facts: RunFacts) -> Advice | None:
    """A dev loss that rises while F1 does as well.

    In hemingkx/CLUENER2020's logs the lowest dev loss comes at epochs 2 and 3, the best F1 at 14 to 43.
    """
    lowest, best, last = lowest_loss(facts), facts.best, facts.last
    if lowest is None or best is None or last is None or best.epoch <= lowest.epoch or best.f1 <= lowest.f1:
        return None
    if last.loss is None or last.loss < 1.05 * (lowest.loss or 0.0):
        return None
    text = N_("the dev loss rises since epoch {epoch}, but F1 went on to {f1}: trust F1")
    why = N_("The loss punishes the few words of which the model is wrongly sure; F1 counts the entities.")
    return Advice("trust-f1", "verdict", Message(text, epoch=f"{lowest.epoch:.3g}", f1=f"{best.f1:.3f}"), Message(why))


def always_clipped(facts: RunFacts) -> Advice | None:
    """Gradients that were clipped at ALWAYS_CLIPPED of the steps or more."""
    share = facts.run.clipped_share
    if share is None or share < ALWAYS_CLIPPED or facts.step < 20:
        return None
    text = N_("the gradient was clipped at {share} of the steps")
    why = N_("AdamW divides by the gradient's usual size, so that clipping all steps alike changes little.")
    return Advice("always-clipped", "verdict", Message(text, share=f"{100 * share:.0f} %"), Message(why))


def in_order(facts: RunFacts) -> Advice | None:
    """A run that has ended and works, and of which no other rule speaks."""
    best, head, encoder = facts.best, facts.distance("head"), facts.distance("encoder")
    if not facts.is_done or best is None or best.f1 < WORKS or head is None or encoder is None:
        return None
    text = N_("F1 {f1} ± {margin}, settled; the head has moved {head} and the encoder {encoder}: nothing stands out")
    why = N_("Seeds differ by a point or two: a change of settings is only worth what it brings with several.")
    values = {"head": format_distance(head), "encoder": format_distance(encoder)}
    message = Message(text, f1=f"{best.f1:.3f}", margin=f"{f1_margin(best):.2f}", **values)
    return Advice("in-order", "verdict", message, Message(why))


RULES = (trust_f1, always_clipped)
