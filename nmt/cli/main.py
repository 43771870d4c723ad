"""The command `nmt`: imports only the subcommand that is called, and prints errors."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import click

from nmt import __version__
from nmt.cli.group import ListedGroup
from nmt.cli.streams import Terminated, colour, ended_by_signals, forget_unwritten, prepare_streams
from nmt.cpu import let_threads_sleep
from nmt.errors import UserError
from nmt.imports import quick_imports

USER_MISTAKE = 2
"""Exit status of a mistake that the user can correct, as in argparse and click."""
INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 + SIGINT, what shells expect."""


class Entry(NamedTuple):
    """One line of `nmt --help`, kept here so the help imports no command (and no torch)."""

    name: str
    summary: str
    module: str = ""
    """Its module in `nmt.cli`, if not the name."""


SECTIONS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        "From two text files to a model",
        (
            Entry("init", "Write a recipe for your own files, with reasons for its settings."),
            Entry("run", "Run all stages of a recipe: prepare, train, translate the test sets, evaluate."),
            Entry("prepare", "Prepare the data only: fetch, clean, train the tokenizer, store the token ids."),
            Entry("train", "Train up to the model directory; resumes an interrupted training."),
        ),
    ),
    (
        "Using a model",
        (
            Entry("translate", "Translate a file or standard input, line by line."),
            Entry("score", "Print the log-probability of given translations, or of lines under a language model."),
            Entry("rerank", "Rerank n-best lists by models, reverse models and language models; tune their weights."),
            Entry("generate", "Sample lines of text from a language model."),
            Entry("evaluate", "Measure BLEU, chrF, TER, GLEU and others, with their signatures."),
            Entry("info", "Show a model directory's languages, sizes, scores and provenance."),
            Entry("quantize", "Convert a model to 8-bit weights: a quarter of the size, fast on a CPU."),
            Entry("average", "Average the weights of several checkpoints or models into one."),
            Entry("automaton", "Extract the finite automaton of a model with a state-regularised cell."),
        ),
    ),
    (
        "Models of other toolkits",
        (
            Entry("import", "Convert a fairseq or Marian model to a model directory.", "importing"),
            Entry("export", "Convert a Transformer to a CTranslate2 model."),
        ),
    ),
    (
        "Recipes and comparisons",
        (
            Entry("recipe", "Check, show, list and copy recipes, or print their JSON schema."),
            Entry("study", "Compare systems over several seeds: runs, table, significance, figures."),
            Entry("probe", "Measure what an architecture is capable of, as the distance over which it remembers."),
        ),
    ),
)

HELP = """Neural machine translation: recipe -> trained model -> translations -> an honest score.

\b
Start here:
  nmt run phrasebook_en_de/transformer_tiny
  echo "Where is the station?" | nmt translate runs/phrasebook_en_de/transformer_tiny/model

\b
Or with your own text:
  nmt init train.en train.fr

A RECIPE is a YAML file with all settings, or the name of a recipe from `nmt recipe list`. KEY=VALUE
after it changes one setting, as in training.updates=500. A MODEL is a run folder, or its `model/`,
which can be copied anywhere.
"""


class LazyGroup(ListedGroup):
    """A group whose commands live in `nmt.cli.<module>:command` and are imported when called."""

    def list_commands(self, context: click.Context) -> list[str]:
        """The names, in the order of the help."""
        return [entry.name for _, entries in SECTIONS for entry in entries]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Imports the command; None if there is none of this name."""
        modules = {entry.name: entry.module or entry.name for _, entries in SECTIONS for entry in entries}
        if name not in modules:
            return None
        with quick_imports():
            command = importlib.import_module(f"nmt.cli.{modules[name]}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands under their headings."""
        for title, entries in SECTIONS:
            with formatter.section(title):
                formatter.write_dl([(entry.name, entry.summary) for entry in entries])
        with formatter.section("More"):
            formatter.write_text("nmt COMMAND --help explains a command and each of its options.")


@click.command(cls=LazyGroup, help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nmt", message="%(prog)s %(version)s")
def command() -> None:
    """Does nothing itself."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits: 0 success, 2 user error, 130 interrupted, 1 bug (with traceback)."""
    status = _status(arguments)
    sys.exit(forget_unwritten(status))


def _status(arguments: Sequence[str] | None) -> int:
    let_threads_sleep()
    try:
        prepare_streams()
        with ended_by_signals(), command.make_context("nmt", _arguments(arguments), color=colour()) as context:
            result: Any = command.invoke(context)
            sys.stdout.flush()
    except click.exceptions.Exit as ended:  # --help, --version
        return ended.exit_code
    except UserError as error:
        return _complain(str(error))
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except click.ClickException as error:
        _complain(_usage(error))
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except Terminated as signal:
        return signal.status
    except BrokenPipeError:  # the reader of our output closed it (`nmt translate ... | head`): not an error
        return 0
    except OSError as error:
        return _complain(str(_worded(error)))
    except MemoryError as error:
        return _complain(str(UserError("memory", "enough for this task", str(error) or "too little", _LESS)))
    except Exception as error:
        ending = _signal_behind(error)
        if ending is None:
            raise
        return ending
    return result if isinstance(result, int) else 0


def _signal_behind(error: BaseException) -> int | None:
    """The exit status of the signal during whose unwinding this error was raised; None if there was no signal.

    A signal can interrupt any instruction, even the release of a lock; errors that follow from it are not bugs.
    """
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, KeyboardInterrupt):
            return INTERRUPTED
        if isinstance(behind, Terminated):
            return behind.status
        behind = behind.__context__
    return None


_LESS = "Use smaller batches, a smaller model or fewer processes."


def _arguments(arguments: Sequence[str] | None) -> list[str]:
    return list(sys.argv[1:] if arguments is None else arguments)


def _worded(error: OSError) -> UserError:
    """An operating system error as a UserError: a full disk, a missing permission, a missing file."""
    if error.filename is not None:
        where = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else str(error.filename)
    else:
        where = "nmt"
    fixes = {
        errno.ENOSPC: "Make room on the disk.",
        errno.EDQUOT: "Make room in your quota.",
        errno.EMFILE: "ulimit -n",
    }
    return UserError(
        where, "a file that can be read or written", error.strerror or str(error), fixes.get(error.errno or 0, "")
    )


def _usage(error: click.ClickException) -> str:
    message = error.format_message()
    if isinstance(error, click.UsageError) and error.ctx is not None:
        message += f" See `{error.ctx.command_path} --help`."
    return message


def _complain(message: str) -> int:
    """One message on stderr; red on a terminal, plain in a file (click strips the colour there)."""
    with suppress(OSError):  # stderr is closed
        click.secho(f"nmt: {message}", fg="red", err=True, color=colour())
    return USER_MISTAKE
