"""Command line of labkit (click): `python -m labkit --help`.

Each command imports its modules when it is called, so that help and the table of runs appear at once.
"""

import atexit
import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from labkit import __version__, paths
from labkit.cli.commands import TranslatedGroup
from labkit.cli.options import SettingsCommand, config_from_options, run_options
from labkit.cli.output import LogFormatter, configure_terminal, make_console, write_data, write_message
from labkit.environment import torch_environment
from labkit.i18n.translation import tr
from labkit.messages import message_of
from labkit.presets import DEFAULT_PAIR, PRESETS, STARTER_PAIRS

if TYPE_CHECKING:
    from labkit.runs.curves import Axis

_log = logging.getLogger("labkit")

runs_option = click.option(
    "--runs",
    "runs_folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="The folder of run folders. [by default LABKIT_RUNS, or runs/ where labkit --help says]",
)

dev_share_option = click.option(
    "--dev-share", type=float, default=0.15, show_default=True, help="Share split off for dev if there is none."
)
repair_option = click.option("--repair-tags", "repair", is_flag=True, help="Mend illegal tag sequences and count them.")
types_option = click.option(
    "--types", default="", help="Rename, merge or drop entity types, as in: PERSON=PER, GPE=LOC, DATE="
)


@click.group(cls=TranslatedGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="labkit")
@click.option("--debug", is_flag=True, help="Show log messages, and errors with their traceback.")
def cli(debug: bool) -> None:
    """Tune a BERT encoder and a BiLSTM-CRF head together on named-entity recognition.

    Runs, data and cache lie in the checkout. Of an installed labkit they lie in the user's folders for data and cache
    (on Linux ~/.local/share/labkit and ~/.cache/labkit), whatever the current folder. LABKIT_HOME moves all of them,
    LABKIT_RUNS and LABKIT_CACHE one each.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(LogFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    _log.setLevel(logging.DEBUG if debug else logging.WARNING)


@cli.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def lab(arguments: tuple[str, ...]) -> None:
    """Open JupyterLab on the tuning notebook.

    A copy of the notebook is put into the current folder, unless there is one already; a checkout's own is opened where
    it lies. ARGUMENTS are passed on to JupyterLab, as in: labkit lab --no-browser --port 9999
    """
    from labkit.cli import lab

    lab.open_jupyterlab(Path.cwd(), arguments)


@cli.command(cls=SettingsCommand)
@click.option(
    "--pair",
    type=click.Choice(list(STARTER_PAIRS)),
    default=DEFAULT_PAIR,
    show_default=True,
    help="Start from this encoder and its corpus, with the rates that suit them.",
)
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    default="labkit",
    show_default=True,
    help="Start from these rates and structures.",
)
@click.option("--name", default="", help="Name of the run in tables and plots.")
@run_options
@runs_option
def train(pair: str, preset: str, name: str, runs_folder: Path | None, **options: Any) -> None:
    """Train in this terminal. The last line of stdout is the run's folder.

    Other options change what --pair and --preset set. Ctrl-C stops after the step and keeps the model; a second one
    aborts. Several processes: accelerate launch -m labkit train …
    """
    from labkit.training.config_checks import check_config

    config = config_from_options(pair, preset, options)
    check_config(config)  # before a folder is made and seconds are spent on loading
    from labkit.cli import train
    from labkit.training import distributed

    folder = train.create_run_folder(config, runs_folder or paths.runs(), name)
    finished = train.train_in_terminal(config, folder)
    if distributed.is_main_process():
        write_data(f"{folder}\n")
        if config.trackers:  # trackio prints once more when Python exits
            atexit.register(setattr, sys, "stdout", sys.stderr)
    if finished and finished.state == "failed":
        _log.debug("%s", finished.details)
        raise click.ClickException(f"{tr(finished.reason)} {tr(finished.hint)}")
    if distributed.is_main_process():
        write_message(tr(train.describe_result(folder, runs_folder)), err=True)
        for line in train.first_advice(folder):
            write_message(line, err=True)


@cli.command()
@runs_option
@click.option("--json", "as_json", is_flag=True, help="For other programs: a list of objects.")
@click.option("--start", is_flag=True, help="First start queued runs if none trains, as after a crash.")
def runs(runs_folder: Path | None, as_json: bool, start: bool) -> None:
    """List all runs, the newest last."""
    from labkit.cli import tables
    from labkit.runs.store import RunStore

    if start:
        from labkit.jobs import launch

        launch.start_next(runs_folder or paths.runs())
    listed = RunStore(runs_folder).runs()
    for run in listed:
        if run.problem:
            write_message(f"{run.title}: {tr(run.problem)}", err=True)
    waiting = [run.title for run in listed if run.state == "queued"]
    if waiting and not any(run.is_live for run in listed):
        names = f"{', '.join(waiting[:5])}{' …' if len(waiting) > 5 else ''}"
        write_message(tr("queued, but no run trains: {runs}; labkit runs --start starts them", runs=names), err=True)
    if as_json:
        write_data(json.dumps([tables.run_to_dict(run) for run in listed], indent=2) + "\n")
    elif listed:
        make_console().print(tables.runs_table(listed))
    else:
        write_message(tr("no runs in {folder} yet", folder=runs_folder or paths.runs()), err=True)


@cli.command()
@click.argument("run", nargs=-1, required=True)
@runs_option
@click.option("--png", type=click.Path(dir_okay=False, path_type=Path), help="Draw the curves into this file, too.")
@click.option(
    "--x",
    "axis",
    type=click.Choice(["step", "epoch", "tokens", "seconds"]),
    default="step",
    show_default=True,
    help="Horizontal axis of the curves.",
)
def compare(run: tuple[str, ...], runs_folder: Path | None, png: Path | None, axis: "Axis") -> None:
    """Show how runs differ and how they scored. A RUN is its number, its name or its folder."""
    if len(run) < 2:
        raise click.UsageError(tr("compare needs two or more runs, like: labkit compare 1 2"))
    from labkit.cli import tables
    from labkit.runs.store import RunStore
    from labkit.tuning.compared_runs import advise_comparison

    compared = RunStore(runs_folder).get_all(run)
    make_console().print(tables.comparison_table(compared))
    if told := advise_comparison(compared):
        write_message(tr(told))
    if png:
        from labkit.plots.live import compare_figure, to_png

        png.write_bytes(to_png(compare_figure(compared, x=axis)))


@cli.command()
@click.argument("run", nargs=-1, required=True)
@runs_option
@click.option("--json", "as_json", is_flag=True, help="For other programs: a list of objects.")
def advise(run: tuple[str, ...], runs_folder: Path | None, as_json: bool) -> None:
    """Say what is the matter with runs, and what to turn. A RUN is its number, its name or its folder."""
    from labkit.cli import advice
    from labkit.runs.store import RunStore

    found = RunStore(runs_folder).get_all(run)
    if as_json:
        write_data(json.dumps([advice.advice_to_dict(one) for one in found], indent=2) + "\n")
    else:
        for line in (line for one in found for line in advice.advice_lines(one)):
            write_message(line)


@cli.command()
@click.argument("run")
@runs_option
def stop(run: str, runs_folder: Path | None) -> None:
    """Stop a run, keeping its model.

    It stops after its current step. A queued run is taken out of the queue.
    """
    from labkit.runs.store import RunStore

    found = RunStore(runs_folder).get(run)
    if found.is_final:
        raise click.ClickException(tr("{run} is {state} already", run=found.title, state=tr(found.state)))
    found.stop()


@cli.command()
@click.argument("run")
@click.argument("text", required=False)
@click.option(
    "--csv",
    "table",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Mark a table with the columns id, title and text instead.",
)
@click.option(
    "--file",
    "path",
    type=click.Path(exists=True, path_type=Path),
    help="Mark a file of texts or words of any corpus format, or of a text a line, or a folder of texts instead.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["spans", "conll", "label-studio", "brat"]),
    help="Write these of a --file. [by default its own; else spans of texts, conll of words]",
)
@click.option("--type", "types", multiple=True, help="Only these entities; may be given several times.")
@click.option("--out", type=click.Path(path_type=Path), help="Write them there. [by default stdout]")
@runs_option
def predict(
    run: str,
    text: str | None,
    table: Path | None,
    path: Path | None,
    format_: str | None,
    types: tuple[str, ...],
    out: Path | None,
    runs_folder: Path | None,
) -> None:
    """Mark the entities of a text, of a table of texts, or of a file of any corpus format.

    One word a line, by the run's best weights. Text is split like the run's corpus: into words, or into characters. An
    entity's first word is followed by the probability of its tags, from 0 to 1. With --csv, write the entities of each
    row in the format of the BDCI competition, id,unknownEntities. With --file, write the texts with their entities as
    JSON lines with spans, as CoNLL, as Label Studio tasks with predictions, or as a folder of BRAT, which --out names.
    """
    if [text, table, path].count(None) != 2 or (text is not None and (out or types)) or (format_ and not path):
        raise click.UsageError(tr("predict needs a TEXT, or --csv FILE, or --file PATH; only --file has --format"))
    from labkit.cli import predict
    from labkit.runs.store import RunStore

    folder = RunStore(runs_folder).get(run).folder
    if table is not None:
        predict.predict_table(folder, table, out, types)
    elif path is not None:
        predict.predict_file(folder, path, out, format_, types)
    elif text is not None:
        for line in predict.iter_tagged_lines(folder, text):
            write_data(f"{line}\n")


@cli.command()
@click.argument("corpus")
@dev_share_option
@repair_option
@types_option
@click.option("--json", "as_json", is_flag=True, help="For other programs: an object.")
def check(corpus: str, dev_share: float, repair: bool, types: str, as_json: bool) -> None:
    """Show what would be read of a corpus. Ends with 1 if it could not be trained on.

    CORPUS is a name of the menu, or the path of a file or folder.
    """
    from labkit.cli import check

    facts = check.check_corpus(corpus, dev_share=dev_share, repair=repair, types=types)
    if as_json:
        write_data(json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    else:
        for line in check.check_lines(facts):
            write_data(f"{line}\n")
    if facts["problem"]:
        sys.exit(1)


@cli.command()
@click.argument("corpus")
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), required=True, help="A new folder.")
@dev_share_option
@repair_option
@types_option
def convert(corpus: str, folder: Path, dev_share: float, repair: bool, types: str) -> None:
    """Write a corpus of any format as CoNLL: a word and its tag in BIO a line.

    CORPUS is a name of the menu, or the path of a file or folder.
    """
    from labkit.cli import convert

    for note in convert.convert_corpus(corpus, folder, dev_share=dev_share, repair=repair, types=types):
        write_message(tr(note), err=True)
    write_data(f"{folder}\n")


@cli.command()
@click.argument("name", nargs=-1)
@click.option("--list", "listing", is_flag=True, help="List what can be fetched, and what is here.")
@click.option("--subset", default="", help="Of a data set of the hub that has several.")
def fetch(name: tuple[str, ...], listing: bool, subset: str) -> None:
    """Fetch and verify pinned encoders and corpora.

    Without a NAME, fetch those that the lab starts with. A name such as owner/name is that of a data set of the Hugging
    Face hub, which becomes a corpus in data/.
    """
    from labkit.cli import fetch

    if listing:
        make_console().print(fetch.assets_table())
    else:
        fetch.fetch_assets(name, subset)


@cli.command()
@click.option("--name", default="my-encoder", show_default=True, help="A folder in data/encoders/, or a path.")
@click.option("--minutes", type=float, help="Train for so long; the rate has fallen to 0 then. [by default 50]")
@click.option("--steps", type=int, help="Train so many steps instead: the same on every machine.")
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Decides the initial weights and what is read when."
)
@click.option("--layers", type=int, default=4, show_default=True, help="Transformer layers.")
@click.option("--width", type=int, default=256, show_default=True, help="Values per token.")
@click.option("--heads", type=int, default=4, show_default=True, help="Attention heads per layer.")
@click.option("--inner", type=int, default=1024, show_default=True, help="Width inside a layer's feed-forward.")
@click.option("--vocabulary", type=int, default=6000, show_default=True, help="Tokens at most.")
@click.option("--rate", type=float, default=1e-3, show_default=True, help="Peak learning rate.")
@click.option("--share", type=float, default=0.15, show_default=True, help="Share of the characters to be guessed.")
@click.option(
    "--text",
    "texts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="Read this UTF-8 file instead of the pinned texts; may be given several times.",
)
@click.option(
    "--spare",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Leave out text that overlaps with a line of this file. MSRA's test split is always left out.",
)
def pretrain(name: str, texts: tuple[Path, ...], spare: Path | None, **options: Any) -> None:
    """Pretrain a small Chinese encoder from text.

    It reads characters, by default of the pinned texts. Ctrl-C saves and stops; the same command goes on. The last line
    of stdout is the encoder's folder.
    """
    from labkit.pretraining.config import PretrainConfig

    if options["steps"] is None and options["minutes"] is None:
        options["minutes"] = PretrainConfig.minutes
    config = PretrainConfig(**options)
    os.environ.update(torch_environment())
    from labkit.cli.pretrain import pretrain_in_terminal

    finished = pretrain_in_terminal(config, name, texts, spare, sys.argv[1:])
    if not finished.stopped:
        write_data(f"{finished.folder}\n")


@cli.command()
def devices() -> None:
    """Show GPUs and CPU, and what can be read from them.

    What cannot be read is listed with the reason.
    """
    from labkit.cli import tables
    from labkit.devices.sampler import list_devices

    for line in tables.device_lines(list_devices()):
        write_message(line)


def main() -> NoReturn:
    """Run a command. An error is one line on stderr, unless --debug is given."""
    try:
        configure_terminal()
        sys.exit(cli(prog_name="labkit", standalone_mode=False) or 0)
    except (KeyboardInterrupt, click.Abort):
        _fail(tr("aborted"), 130)
    except click.exceptions.NoArgsIsHelpError as error:
        write_data(f"{error.format_message()}\n")  # the help, which is many lines
        sys.exit(error.exit_code)
    except click.UsageError as error:
        command, problem = error.ctx.command_path if error.ctx else "labkit", error.format_message()
        if isinstance(error, click.NoSuchOption) and error.possibilities:  # nearest first; click's text sorts them
            nearest = ", ".join(error.possibilities)
            problem = tr("there is no option {option}; nearest: {nearest}", option=error.option_name, nearest=nearest)
        _fail(tr("{problem} (see {command} --help)", problem=problem, command=command), error.exit_code)
    except click.ClickException as error:
        _fail(error.format_message(), error.exit_code)
    except Exception as error:
        if _log.isEnabledFor(logging.DEBUG):
            raise
        text = tr(message_of(error))
        if not text or not isinstance(error, ValueError | OSError | RuntimeError | ImportError):
            text = f"{type(error).__name__}: {text}".removesuffix(": ")  # the text alone may be a bare key
        _fail(text, 1)


def _fail(text: str, code: int) -> NoReturn:
    write_message(f"labkit: {' '.join(text.split())}", err=True)
    sys.exit(code)
