"""The command line, ``tinyunet --help``: its commands, and how it ends."""

from __future__ import annotations

try:
    import os
    import sys
    import time
    import traceback
    import warnings
    from typing import Annotated, Any

    import typer

    from tinyunet import __version__
    from tinyunet.commands import (
        bench,
        check,
        data,
        evaluate,
        explore,
        export,
        gradcheck,
        import_torch,
        lessons,
        paint,
        predict,
        reproduce,
        summary,
        system,
        train,
    )
    from tinyunet.commands.shell_words import as_options
    from tinyunet.engine.interrupts import sigterm_is_ctrl_c
    from tinyunet.engine.mpi import told_rank
    from tinyunet.runs import own_files
except KeyboardInterrupt:  # nothing has begun: there is nothing to say
    raise SystemExit(130) from None

INTERRUPTED = 130  # as shells have it: 128 and the number of SIGINT
USERS = (ValueError, TypeError, OSError, RuntimeError, MemoryError)  # errors with words for users
MOMENT = 1.5  # seconds
SHOW = "TINYUNET_TRACEBACK"  # the environment variable that shows where an error comes from


class _Commands(typer.core.TyperGroup):
    """The commands; Ctrl-C and SIGTERM end them with a sentence."""

    def parse_args(self, context: Any, args: list[str]) -> list[str]:
        for before, argument in zip(["", *args], args, strict=False):
            option = argument if argument.startswith("--") else before
            empty = argument[:-1] if argument.startswith("--") and argument.endswith("=") else ""
            if (
                not argument.strip() or empty
            ):  # else a path of no name would be the folder one is in
                what = empty or (option if option.startswith("-") else "an argument")
                raise ValueError(f"{what} is empty: a variable of your shell that is not set?")
        return super().parse_args(context, args)

    def invoke(self, context: Any) -> Any:
        try:
            with sigterm_is_ctrl_c():
                return super().invoke(context)
        except KeyboardInterrupt:
            typer.echo("interrupted", err=True)
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"tinyunet {__version__}")
        raise typer.Exit


@app.callback()
def tinyunet(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """A U-Net built by hand in NumPy: train it, use it, prove its gradients."""


for command in (
    train.train,
    predict.predict,
    evaluate.evaluate,
    export.export,
    explore.explore,
    paint.paint,
    summary.summary,
    system.doctor,
    system.gpu_report,
    gradcheck.gradcheck,
    bench.bench,
    reproduce.reproduce,
    lessons.lessons,
):
    app.command()(command)
app.command("import")(import_torch.import_model)

data_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Check a folder of yours; list and download data sets.",
)
data_app.command("check")(check.check_data)
data_app.command("list")(data.show_list)
data_app.command("fetch")(data.fetch_data)
app.add_typer(data_app, name="data")


def main() -> None:
    """Run the command line; whatever goes wrong ends with a sentence.

    A mistake of the user's ends with exit code 2, also one in a file of theirs; one of tinyunet's own
    with 1, Ctrl-C with 130.
    """
    warnings.showwarning = _say
    try:
        app()
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except Exception as error:
        if os.environ.get(SHOW):
            traceback.print_exc()
        typer.echo(f"{_whose()}error: {as_options(_in_words(error))}", err=True)
        sys.exit(2 if isinstance(error, USERS) or own_files.raised_in(error) else 1)


def _whose() -> str:
    """Which of several workers has an error; what all meet, the first says and then ends them all."""
    rank = told_rank()
    if rank:
        time.sleep(MOMENT)
    return f"worker {rank}: " if rank else ""


def _say(message: Warning | str, *_: Any) -> None:
    """A warning as a sentence, without the line of Python that it comes from."""
    if not told_rank():  # the first of several workers says it for all
        typer.echo(f"warning: {as_options(str(message))}", err=True)


def _in_words(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return f"out of memory: {error}" if str(error) else "out of memory"
    said = str(error) if isinstance(error, USERS) else ""
    found = own_files.raised_in(error)
    if found is not None:
        place, cause = found
        more = f"\n{said}" if said and cause is not error else ""
        return f"{place}: {own_files.in_words(cause)}{more}"
    place = own_files.passed_in(error)
    if said:
        return said if place is None else f"{said} ({place})"
    what = type(error).__name__ + (f" ({error})" if str(error) else "")
    if place is not None:
        return (
            f"{what}, after {place}: a mistake there, or of tinyunet's; set {SHOW}=1 to see where"
        )
    return f"{what}: a mistake of tinyunet's, not yours; set {SHOW}=1 to see where, and report it"
