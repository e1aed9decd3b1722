"""Alarms: rules that find a run not worth its time, as it finds next to nothing, and say why."""

from labkit.events import format_distance
from labkit.messages import N_, Message
from labkit.presets import recommended_head_range
from labkit.settings import format_rate
from labkit.tuning.advice import Advice
from labkit.tuning.remedies import (
    higher_head_rate,
    highest_encoder_rate,
    linear_schedules,
    more_steps,
    usual_rates,
)
from labkit.tuning.run_facts import RunFacts

MANY_UNKNOWN = 0.3  # share of the word pieces
MANY_PIECES = 3.5  # of a word
FEW_STEPS = 40
WORKS = 0.2  # F1 from which on a run works, so that what it lacks can be told apart
STRONG_DROPOUT = 0.7
# Shares of the distance from which on heads of a structure work:
STILL = 0.12  # nearly what was drawn at random
LATE = 0.6  # a larger rate does better
MOVED = 0.5  # something was learnt, if there was anything to learn
SPENT = 0.03  # of its peak, a rate at which hardly anything is learnt
LATE_ENOUGH = 0.6  # share of the steps after which a head at usual rates has found something


def diverged(facts: RunFacts) -> Advice | None:
    """A run that failed as its loss exploded or was no number.

    Its log names the rates of that step (training/failures.py).
    """
    end = facts.run.finished
    if not end or end.state != "failed" or "rates" not in end.reason.values:
        return None
    usual = usual_rates(facts.config)
    lower = {name: rate for name, rate in usual.items() if rate < getattr(facts.config, name)}
    remedy = lower or {"head_rate": facts.config.head_rate / 10}
    why = N_("A loss that explodes has met a step too large. Rates above their usual range are the first to look at.")
    return Advice("diverged", "alarm", end.reason, Message(why), remedy)


def no_entities(facts: RunFacts) -> Advice | None:
    """A training split whose words are all O: exact."""
    if facts.corpus.tags != ["O"] and facts.corpus.tag_entropy != 0:  # tags are those of all splits
        return None
    text = N_("the corpus has no entity, every word is O: is the last column of its files the tag?")
    why = N_("Nothing can be learnt from it, and the loss of 0 is no success.")
    return Advice("no-entities", "alarm", Message(text), Message(why))


def unknown_words(facts: RunFacts) -> Advice | None:
    """An encoder to which MANY_UNKNOWN of the word pieces of the training split are one unknown token."""
    share = facts.corpus.unknown_tokens.get("train")
    if share is None or share < MANY_UNKNOWN:
        return None
    text = N_("{encoder} does not know {share} of the word pieces: take an encoder for this language")
    why = N_("What an encoder does not know is one and the same token to it, whatever the word.")
    message = Message(text, encoder=facts.config.encoder, share=f"{100 * share:.0f} %")
    return Advice("unknown-words", "alarm", message, Message(why))


def words_in_letters(facts: RunFacts) -> Advice | None:
    """An encoder that splits words into MANY_PIECES on average, and next to nothing found.

    An encoder of the language splits a word into 1 to 2 pieces, a multilingual one into up to 3.
    """
    pieces = facts.pieces_per_word
    if not facts.finds_nothing or pieces is None or pieces < MANY_PIECES:
        return None
    text = N_("F1 is {f1}: {encoder} splits a word into {pieces} pieces on average: take an encoder for this language")
    why = N_("An encoder that reads a language letter by letter has learnt nothing about its words.")
    message = Message(text, f1=facts.format_f1(), encoder=facts.config.encoder, pieces=f"{pieces:.1f}")
    return Advice("words-in-letters", "alarm", message, Message(why))


def too_few_steps(facts: RunFacts) -> Advice | None:
    """Fewer than FEW_STEPS, and an F1 below WORKS."""
    last = facts.last
    if last is None or not last.entities or last.f1 >= WORKS or not 0 < facts.planned_steps < FEW_STEPS:
        return None
    text = N_("F1 is {f1}: {steps} steps are too few, 100 and more are usual")
    why = N_("A fresh head needs some hundred steps: more epochs, smaller batches or more sentences.")
    message = Message(text, f1=facts.format_f1(), steps=facts.planned_steps)
    return Advice("too-few-steps", "alarm", message, Message(why), more_steps(facts))


def encoder_rate_too_high(facts: RunFacts) -> Advice | None:
    """An encoder rate above the usual ones, and a loss that stands where no word is read.

    Devlin et al. 2019 (appendix A.3) tried up to 5e-5 for BERT; a small encoder takes more.
    """
    rate = facts.config.encoder_rate
    if not facts.reads_nothing or rate <= highest_encoder_rate(facts.config):
        return None
    text = N_(
        "F1 is {f1}, and the loss {loss} is no better than without reading a word: encoder rate {rate} is too high"
    )
    why = N_("Large steps destroy what the encoder knew from pretraining; it has moved {share} away from it.")
    message = Message(text, f1=facts.format_f1(), loss=_format_loss(facts.worse_loss), rate=format_rate(rate))
    moved = Message(why, share=format_distance(facts.distance("encoder") or 0.0))
    return Advice("encoder-rate-too-high", "alarm", message, moved, usual_rates(facts.config))


def head_rate_too_high(facts: RunFacts) -> Advice | None:
    """A head rate above the usual ones of its structure, and a loss that stands where no word is read."""
    rate = facts.config.head_rate
    if not facts.reads_nothing or rate <= recommended_head_range(facts.config)[1]:
        return None
    text = N_("F1 is {f1}, and the loss {loss} is no better than without reading a word: head rate {rate} is too high")
    why = N_("Large steps can switch off units for good, above all those of the IDCNN, which has ReLUs.")
    message = Message(text, f1=facts.format_f1(), loss=_format_loss(facts.worse_loss), rate=format_rate(rate))
    return Advice("head-rate-too-high", "alarm", message, Message(why), usual_rates(facts.config))


def head_still(facts: RunFacts) -> Advice | None:
    """A head that will end nearer than STILL to the random numbers it began with, and next to nothing found.

    Of a run that has ended, nearer than LATE.
    """
    reach = facts.head_reach
    if not facts.finds_nothing or reach is None or reach >= (LATE if facts.share == 1 else STILL):
        return None
    text = N_("F1 is {f1}: the head has moved only {share} of its own size, as its rate ({rate}) is too low")
    why = N_("A head starts from random numbers, and must leave them. It works best from about {works} on.")
    values = {"share": format_distance(facts.distance("head") or 0.0), "rate": format_rate(facts.config.head_rate)}
    message = Message(text, f1=facts.format_f1(), **values)
    works = format_distance(facts.head_works_at)
    return Advice("head-still", "alarm", message, Message(why, works=works), higher_head_rate(facts))


def rates_ran_out(facts: RunFacts) -> Advice | None:
    """Rates that had fallen below SPENT of their peak before half of the steps, and next to nothing found."""
    end = spent_at(facts)
    if not facts.finds_nothing or end is None:
        return None
    text = N_("F1 is {f1}: the rates had run out by step {end} of {steps}, and little was learnt after that")
    why = N_("A staircase of short stairs halves the rates before the head has arrived. A linear one does not.")
    message = Message(text, f1=facts.format_f1(), end=f"{end:,}", steps=f"{facts.planned_steps:,}")
    return Advice("rates-ran-out", "alarm", message, Message(why), linear_schedules())


def labels_unrelated(facts: RunFacts) -> Advice | None:
    """Usual settings, a head that has moved by MOVED, and a loss that says that words tell nothing about tags."""
    distance = facts.distance("head")
    if not facts.finds_nothing or facts.share < LATE_ENOUGH or distance is None:
        return None
    if not facts.is_without_reading(facts.last_loss):  # of training: few sentences learnt by heart fail on dev, too
        return None
    if distance < MOVED * facts.head_works_at or facts.config.dropout >= STRONG_DROPOUT:
        return None
    text = N_("F1 is {f1} though the head has learnt: the words seem to say nothing about the tags. Check the files")
    why = N_(
        "The loss {loss} is no better than without reading a word, and the rates are usual ones. Tags that are shifted "
        "against the words, or stand in another column, look like this."
    )
    message = Message(text, f1=facts.format_f1())
    return Advice("labels-unrelated", "alarm", message, Message(why, loss=_format_loss(facts.last_loss)))


def spent_at(facts: RunFacts) -> int | None:
    """Step from which on the head's rate was below SPENT of its peak; None if that was after half of the steps."""
    end = facts.step_of_last_rate(SPENT)
    return end if end is not None and end < facts.step and end < facts.planned_steps / 2 else None


def _format_loss(loss: float | None) -> str:
    return "–" if loss is None else f"{loss:.2f}"


RULES = (
    diverged,
    no_entities,
    unknown_words,
    words_in_letters,
    too_few_steps,
    encoder_rate_too_high,
    head_rate_too_high,
    rates_ran_out,
    head_still,
    labels_unrelated,
)
