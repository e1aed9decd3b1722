"""Hints: rules that offer settings with which a run would do better."""

from labkit.events import Evaluated, format_distance
from labkit.messages import N_, Message
from labkit.presets import recommended_head_range, recommended_rate_range, recommended_rates
from labkit.settings import format_rate
from labkit.tuning.advice import Advice
from labkit.tuning.alarms import LATE, MANY_UNKNOWN, STILL, STRONG_DROPOUT, WORKS, spent_at
from labkit.tuning.remedies import (
    defaults,
    higher_head_rate,
    highest_encoder_rate,
    linear_schedules,
    more_steps,
    usual_rates,
    within_ranges,
)
from labkit.tuning.run_facts import FOUND_NOTHING, RunFacts, f1_margin

SOME_UNKNOWN = 0.05  # share of the word pieces
SOME_CUT = 0.02  # share of the entities of dev
SMALL_DEV = 60  # entities
MIN_SUPPORT = 15  # gold entities of a type of which one should be found
USUAL_STEPS = 100  # at least
SETTLED = 0.98  # of the best F1
SETTLED_STEPS = 250  # up to which more epochs brought more F1 in the recorded runs of both pairs
LONG_WARM_UP = 0.5  # of the steps
PATIENCE = 3  # evaluations without a better score
ALWAYS_CLIPPED = 0.9  # of the steps
OUT_OF_STEP = 0.4  # of the steps, between the ends of two parts' ways
RECENT_SAMPLES = 20  # of a GPU, two a second
IDLE, ROOMY, FULL = 0.6, 0.5, 0.95  # shares of a GPU's time and memory


def some_unknown_words(facts: RunFacts) -> Advice | None:
    """An encoder to which SOME_UNKNOWN of the word pieces of the training split are unknown."""
    share = facts.corpus.unknown_tokens.get("train")
    if share is None or not SOME_UNKNOWN <= share < MANY_UNKNOWN:
        return None
    text = N_("{share} of the word pieces are unknown to {encoder}: names among them are hardly found")
    why = N_("What an encoder does not know is one and the same token to it. One with a larger vocabulary finds more.")
    message = Message(text, share=f"{100 * share:.0f} %", encoder=facts.config.encoder)
    return Advice("some-unknown-words", "hint", message, Message(why))


def crf_untrained(facts: RunFacts) -> Advice | None:
    """A CRF that will end nearer than STILL to its random start, while the head has moved.

    Its own rate is too low, as in bert4keras#144 and kexue.fm/archives/7196, which raise it above the head's.
    """
    crf, head, last = facts.final_distance("crf"), facts.final_distance("head"), facts.last
    if crf is None or head is None or last is None or crf >= STILL or head < 2 * STILL:
        return None
    text = N_("the CRF has moved only {share} of its own size: it has learnt no rule of the tags")
    why = N_("A CRF usually takes the head's rate, or a larger one.")
    if illegal := facts.run.count_illegal(last).remaining:
        why = N_(
            "Predictions break the tag scheme at {illegal} places. A CRF usually takes the head's rate, or a larger "
            "one."
        )
    message = Message(text, share=format_distance(facts.distance("crf") or 0.0))
    rate, head_rate = facts.config.crf_rate, facts.config.head_rate
    higher = 10 * head_rate if rate is None else head_rate if rate < head_rate else 10 * rate
    remedy = within_ranges({"crf_rate": higher})
    return Advice("crf-untrained", "hint", message, Message(why, illegal=f"{illegal or 0:,}"), remedy)


def head_late(facts: RunFacts) -> Advice | None:
    """A head that will end nearer than LATE to its random start."""
    reach, last = facts.head_reach, facts.last
    if reach is None or last is None or reach >= LATE or not last.entities:
        return None
    text = N_("the head is late: it has moved {share} of its own size, and works best from about {works} on")
    why = N_("A larger rate than {rate} gets farther in the same {steps} steps.")
    shares = {"share": facts.distance("head") or 0.0, "works": facts.head_works_at}
    message = Message(text, **{name: format_distance(share) for name, share in shares.items()})
    values = {"steps": f"{facts.planned_steps:,}", "rate": format_rate(facts.config.head_rate)}
    return Advice("head-late", "hint", message, Message(why, **values), higher_head_rate(facts))


def encoder_forgets(facts: RunFacts) -> Advice | None:
    """An encoder rate above the usual ones, in a run that finds something all the same."""
    rate, moved = facts.config.encoder_rate, facts.distance("encoder")
    if facts.last is None or facts.finds_nothing or rate <= highest_encoder_rate(facts.config) or moved is None:
        return None
    text = N_("encoder rate {rate} is above the usual ones: it has moved {share}, and forgets what it knew")
    why = N_("For BERT 2e-5 to 5e-5 are usual (Devlin et al. 2019), for a small encoder up to {highest}.")
    message = Message(text, rate=format_rate(rate), share=format_distance(moved))
    highest = format_rate(highest_encoder_rate(facts.config))
    return Advice("encoder-forgets", "hint", message, Message(why, highest=highest), usual_rates(facts.config))


def encoder_slow(facts: RunFacts) -> Advice | None:
    """An encoder rate below half of the lowest usual one, but not 0: for large encoders 1e-5 is usual as well."""
    rate, (lowest, highest) = facts.config.encoder_rate, recommended_rate_range(facts.config.encoder)
    moved = facts.distance("encoder")
    if facts.last is None or not 0 < rate < lowest / 2 or moved is None:
        return None
    text = N_("encoder rate {rate} is below the usual ones, {lowest} to {highest}: it has moved only {share}")
    why = N_("In few steps a rate so small changes the encoder hardly more than freezing it does.")
    values = {"rate": format_rate(rate), "lowest": format_rate(lowest), "highest": format_rate(highest)}
    message = Message(text, share=format_distance(moved), **values)
    remedy = {"encoder_rate": recommended_rates(facts.config.encoder)["encoder_rate"]}
    return Advice("encoder-slow", "hint", message, Message(why), remedy)


def head_rate_high(facts: RunFacts) -> Advice | None:
    """A head rate above the usual ones of its structure, in a run that finds something all the same."""
    rate, highest = facts.config.head_rate, recommended_head_range(facts.config)[1]
    if facts.last is None or facts.finds_nothing or rate <= highest:
        return None
    text = N_("head rate {rate} is above the usual ones: up to {highest} a head finds more")
    why = N_("Large steps lead to weights that later steps cannot mend, above all in the IDCNN, which has ReLUs.")
    message = Message(text, rate=format_rate(rate), highest=format_rate(highest))
    return Advice("head-rate-high", "hint", message, Message(why), usual_rates(facts.config))


def rates_fell_early(facts: RunFacts) -> Advice | None:
    """Rates that had fallen below SPENT of their peak before half of the steps, in a run that finds something."""
    end = spent_at(facts)
    if facts.last is None or facts.finds_nothing or end is None:
        return None
    text = N_("the rates had run out by step {end} of {steps}: the steps after that brought nearly nothing")
    why = N_("A linear schedule falls to 0 at the last step, and uses them all.")
    message = Message(text, end=f"{end:,}", steps=f"{facts.planned_steps:,}")
    return Advice("rates-fell-early", "hint", message, Message(why), linear_schedules())


def strong_dropout(facts: RunFacts) -> Advice | None:
    """A dropout of STRONG_DROPOUT or more."""
    if facts.config.dropout < STRONG_DROPOUT or not facts.evaluations:
        return None
    text = N_("dropout {dropout} takes most of what the head could learn from")
    why = N_("0.1 to 0.5 are usual.")
    message = Message(text, dropout=f"{facts.config.dropout:g}")
    return Advice("strong-dropout", "hint", message, Message(why), defaults("dropout"))


def frozen_encoder(facts: RunFacts) -> Advice | None:
    """A frozen encoder, in a run that has been evaluated."""
    if facts.config.encoder_rate or not facts.evaluations:
        return None
    rate = recommended_rates(facts.config.encoder)["encoder_rate"]
    text = N_("the encoder is frozen: trained at {rate} it finds more")
    why = N_("Frozen it costs less time; in all recorded runs of both pairs it found fewer entities.")
    return Advice("frozen-encoder", "hint", Message(text, rate=format_rate(rate)), Message(why), {"encoder_rate": rate})


def long_warm_up(facts: RunFacts) -> Advice | None:
    """A warm-up over LONG_WARM_UP of the steps or more."""
    share = max(facts.config.encoder_warmup, facts.config.head_warmup)
    if share < LONG_WARM_UP or not facts.evaluations:
        return None
    text = N_("the warm-up takes {share} of the steps: the rates are below their peak for most of the run")
    why = N_("5 to 10 % are usual.")
    remedy = defaults("encoder_warmup", "head_warmup")
    return Advice("long-warm-up", "hint", Message(text, share=f"{100 * share:.0f} %"), Message(why), remedy)


def cut_entities(facts: RunFacts) -> Advice | None:
    """Windows that cut SOME_CUT of the entities of dev or more: these cannot be found whole."""
    share = facts.corpus.cut_entities.get("dev")
    if share is None or share < SOME_CUT:
        return None
    text = N_("{share} of the entities in dev are cut by windows of {pieces} word pieces, and cannot be found whole")
    why = N_("Sentences longer than a window are cut where it ends, if there is no better place.")
    message = Message(text, share=f"{100 * share:.0f} %", pieces=facts.config.max_pieces)
    default = defaults("max_pieces")
    remedy = default if facts.config.max_pieces < default["max_pieces"] else {"max_pieces": 2 * facts.config.max_pieces}
    return Advice("cut-entities", "hint", message, Message(why), within_ranges(remedy))


def small_dev(facts: RunFacts) -> Advice | None:
    """A dev split with fewer than SMALL_DEV entities."""
    last = facts.last
    if last is None or not 0 < last.entities < SMALL_DEV:
        return None
    text = N_("dev has only {count} entities: its F1 is known to ± {margin}, so that small differences are chance")
    why = N_("The margin is half of a 95 % interval for a share of as many entities.")
    message = Message(text, count=last.entities, margin=f"{f1_margin(last):.2f}")
    remedy = {"dev_limit": 0} if facts.config.sentence_limit("dev") else {}
    return Advice("small-dev", "hint", message, Message(why), remedy)


def learning_by_heart(facts: RunFacts) -> Advice | None:
    """A dev loss that has risen by a tenth since its lowest, with an F1 that is no better than then."""
    lowest, best = lowest_loss(facts), facts.best
    if lowest is None or best is None or facts.last is None or (facts.last.loss or 0) < 1.1 * (lowest.loss or 0):
        return None
    if best.epoch > lowest.epoch + 1 or facts.epochs_done < best.epoch + 3:
        return None
    text = N_("since epoch {epoch} the dev loss rises and F1 does not: the rest is learning by heart")
    why = N_(
        "The training loss still falls as the model remembers its sentences. The best weights are kept: stopping early "
        "saves time, more sentences bring more."
    )
    remedy = {} if facts.config.patience else {"patience": PATIENCE}
    return Advice("learning-by-heart", "hint", Message(text, epoch=f"{lowest.epoch:.3g}"), Message(why), remedy)


def still_rising(facts: RunFacts) -> Advice | None:
    """An F1 whose last epoch brought more than half of its margin, in a run that ended as planned."""
    if not facts.is_done or facts.share < 1 or facts.last is None or facts.last is not facts.best:
        return None
    last = facts.last
    before = next((one for one in reversed(facts.evaluations) if one.epoch <= last.epoch - 0.99), None)
    if before is None or last.f1 - before.f1 < f1_margin(last) / 2:
        return None
    text = N_("F1 was still rising when the run ended, from {before} to {last} in its last epoch")
    why = N_("The rates had fallen to 0 by then, so that more epochs mean a new run, whose rates fall later.")
    message = Message(text, before=f"{before.f1:.3f}", last=f"{last.f1:.3f}")
    epochs = facts.config.epochs + max(2, facts.config.epochs // 2)
    return Advice("still-rising", "hint", message, Message(why), within_ranges({"epochs": epochs}))


def few_steps(facts: RunFacts) -> Advice | None:
    """A run that ended after fewer than USUAL_STEPS, and works.

    In the recorded runs of both pairs three times 63 steps brought 23 and 34 points more F1.
    """
    last = facts.last
    if not facts.is_done or last is None or last.f1 < FOUND_NOTHING or facts.planned_steps >= USUAL_STEPS:
        return None
    text = N_("F1 {f1} after {steps} steps: it mostly goes on rising for some hundred")
    why = N_("The rates fall to 0 at the last step, whether the head has arrived or not.")
    message = Message(text, f1=facts.format_f1(), steps=facts.planned_steps)
    return Advice("few-steps", "hint", message, Message(why), more_steps(facts))


def settled(facts: RunFacts) -> Advice | None:
    """An F1 of which SETTLED was there after half of the epochs, and after SETTLED_STEPS or more.

    With fewer steps a shorter run ends lower, as its rates fall before the head has arrived.
    """
    best = facts.best
    if not facts.is_done or best is None or best.f1 < FOUND_NOTHING:
        return None
    reached = next(one for one in facts.evaluations if one.f1 >= SETTLED * best.f1)
    epochs = max(1, round(reached.epoch))
    if epochs > facts.config.epochs / 2 or epochs * facts.planned_steps < SETTLED_STEPS * facts.config.epochs:
        return None
    text = N_("98 % of this F1 was there after epoch {epoch} of {epochs}: a run planned for fewer is quicker")
    why = N_("The rates of a shorter run fall earlier, so that it mostly ends as well as it stood there, or better.")
    message = Message(text, epoch=f"{reached.epoch:.3g}", epochs=facts.config.epochs)
    return Advice("settled", "hint", message, Message(why), {"epochs": max(epochs, 2)})


def type_never_found(facts: RunFacts) -> Advice | None:
    """A type with MIN_SUPPORT entities in dev of which none is found, in a run that works."""
    best = facts.best
    if not facts.is_done or best is None or best.f1 < WORKS:
        return None
    missed = {name: score.support for name, score in best.types.items() if not score.f1}
    name = max(missed, key=lambda one: missed[one], default="")
    if missed.get(name, 0) < MIN_SUPPORT:
        return None
    text = N_(
        "{type} is never found, though dev has {count}: annotate more of it, or see Errors for what becomes of it"
    )
    why = N_("Rare types are learnt last: more epochs find some of them, more annotated examples more.")
    return Advice("type-never-found", "hint", Message(text, type=name, count=missed[name]), Message(why))


def out_of_step(facts: RunFacts) -> Advice | None:
    """Encoder and head of which one had made 90 % of its way OUT_OF_STEP of the run before the other."""
    paths = facts.run.paths
    steps = {part: step for part, step in (paths.steps_to(0.9) if paths else {}).items() if part != "crf"}
    if len(steps) < 2 or abs(steps["head"] - steps["encoder"]) < OUT_OF_STEP * facts.planned_steps:
        return None
    first, second = ("head", "encoder") if steps["head"] < steps["encoder"] else ("encoder", "head")
    text = N_("encoder and head are out of step: the {first} was done at step {one}, the {second} at step {other}")
    why = N_(
        "They learn from each other while both move. Equal schedules and warm-ups from the first step on keep them "
        "together."
    )
    message = Message(text, first=Message(first), second=Message(second), one=steps[first], other=steps[second])
    remedy = defaults("encoder_schedule", "head_schedule", "encoder_warmup", "head_warmup", "encoder_start")
    return Advice("out-of-step", "hint", message, Message(why), changed(facts, remedy))


def gpu_idle(facts: RunFacts) -> Advice | None:
    """A GPU that is busy for less than IDLE of the time, with more than half of its memory free."""
    samples = _gpu_samples(facts)
    if len(samples) < RECENT_SAMPLES:
        return None
    busy, memory = (sum(column) / len(samples) for column in zip(*samples, strict=True))
    if busy >= IDLE or memory >= ROOMY:
        return None
    text = N_("the GPU is busy {busy} of the time and {memory} full: a larger batch takes less time")
    why = N_("Small batches leave a GPU waiting for the program. With a larger one there are fewer steps: look at F1.")
    message = Message(text, busy=f"{100 * busy:.0f} %", memory=f"{100 * memory:.0f} %")
    return Advice("gpu-idle", "hint", message, Message(why), within_ranges({"batch_size": 2 * facts.config.batch_size}))


def gpu_full(facts: RunFacts) -> Advice | None:
    """A GPU whose memory is FULL: a longer sentence may end the run."""
    samples = _gpu_samples(facts)
    if not samples or (memory := samples[-1][1]) < FULL:
        return None
    text = N_("the GPU's memory is {memory} full: a longer sentence may end the run")
    why = N_("Two batches of half the size, accumulated, make the same step in less memory.")
    size = facts.config.batch_size
    half = {"batch_size": size // 2, "accumulate": 2 * facts.config.accumulate} if size > 1 else {}
    return Advice("gpu-full", "hint", Message(text, memory=f"{100 * memory:.0f} %"), Message(why), within_ranges(half))


def lowest_loss(facts: RunFacts) -> Evaluated | None:
    """The evaluation with the lowest dev loss."""
    known = [evaluation for evaluation in facts.evaluations if evaluation.loss is not None]
    return min(known, key=lambda evaluation: evaluation.loss or 0.0, default=None)


def changed(facts: RunFacts, remedy: dict[str, object]) -> dict[str, object]:
    """Settings of a remedy that the run does not have already."""
    return {name: value for name, value in remedy.items() if getattr(facts.config, name) != value}


def _gpu_samples(facts: RunFacts) -> list[tuple[float, float]]:
    """Shares of time and memory that the run's GPU was busy and full, of its latest samples."""
    device = facts.run.plan.device if facts.run.plan else ""
    name = device.replace("cuda:", "gpu ")
    return [
        (sample.utilization / 100, ((sample.memory_run_mib or 0) + (sample.memory_others_mib or 0)) / total)
        for sample in facts.run.samples[-2 * RECENT_SAMPLES :]
        if sample.device == name != "cpu" and sample.utilization is not None and (total := sample.memory_total_mib)
    ][-RECENT_SAMPLES:]


# the weightiest first
RULES = (
    crf_untrained,
    rates_fell_early,
    head_late,
    encoder_forgets,
    head_rate_high,
    encoder_slow,
    frozen_encoder,
    strong_dropout,
    some_unknown_words,
    cut_entities,
    long_warm_up,
    small_dev,
    learning_by_heart,
    still_rising,
    few_steps,
    settled,
    type_never_found,
    out_of_step,
    gpu_full,
    gpu_idle,
)
