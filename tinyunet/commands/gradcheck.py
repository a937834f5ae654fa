"""``tinyunet gradcheck``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tinyunet.commands.options import AsJson, Device, given, setting
from tinyunet.networks.names import CHECKED
from tinyunet.runs.network import class_name, find, fixed, make

if TYPE_CHECKING:
    from tinyunet.gradcheck.report import GradientReport

Network = setting("network", "Check a whole network: NAME or FILE.py:CLASS, as for summary.")


def gradcheck(
    context: typer.Context,
    submission: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE.py:CODE",
            help="Code of your own: FILE.py:FORWARD,BACKWARD, or a class or an object, "
            "FILE.py:'Affine(4, 3)'. Without it, tinyunet's own layers.",
        ),
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            help="An input, in order: 2x3x8x8 (random numbers), 4x3:positive, 5:int10 (0 to 9), "
            "scalar, or =EXPRESSION.",
        ),
    ] = None,
    parameters: Annotated[
        str | None,
        typer.Option(
            help="An object's parameters and their gradients: W=dW,b=db. [default: looked for]"
        ),
    ] = None,
    seconds: Annotated[float, typer.Option(help="How long a submission may take.")] = 60.0,
    paper: Annotated[
        bool, typer.Option("--paper", help="Check the paper's network with its 31 M parameters.")
    ] = False,
    network: Network = None,
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="Of a network such as fcn8s the authors' size, in a few random directions of all "
            "parameters at once: a few minutes, and up to 12 GB for the 134 million of fcn8s.",
        ),
    ] = False,
    samples: Annotated[
        int | None,
        typer.Option(
            help="Coordinates of each tensor. [default: 20, with --paper 2, of a submission 50]"
        ),
    ] = None,
    tolerance: Annotated[
        float | None, typer.Option(help="The relative error that passes, of a submission.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws inputs, gradients and coordinates.")] = 0,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Prove gradients by finite differences: our own, or a file's.

    A file is run in a process of its own. Exit code 0: proved. 1: one is wrong. 2: it cannot be used.
    3: not proved, for a gradient is zero or cannot be measured.
    """
    if submission is not None:
        if paper or network or full or device != "cpu":
            raise ValueError(
                "--paper, --network, --full and --device check layers of tinyunet's: leave FILE.py out"
            )
        _check_file(
            submission, inputs or [], parameters, seconds, samples, tolerance, seed, as_json
        )
        return
    if inputs or parameters or tolerance is not None:
        raise ValueError("--input, --parameters and --tolerance need a FILE.py:CODE before them")
    if paper and network:
        raise ValueError("give --paper or --network, not both: each is a network")
    if "seconds" in given(context):
        raise ValueError("--seconds is for a FILE.py:CODE before it")
    _check_own(paper, network, full, samples, seed, device, as_json)


def _check_own(
    paper: bool, network: str | None, full: bool, samples: int | None, seed: int, device: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Check tinyunet's own layers, the paper's network, or a whole network."""
    if samples is not None and samples < 1:
        raise ValueError(f"--samples must be at least 1, got {samples}")
    if full and (network is None or samples is not None):
        raise ValueError(
            "--full needs --network, and takes no --samples: it moves everything at once"
        )
    from tinyunet.gradcheck import full_size, suite
    from tinyunet.networks.small import small_input, small_networks
    from tinyunet.networks.unet import UNet

    reports: list[tuple[str, GradientReport]] = []
    if paper:  # its 31,030,658 parameters, at its smallest input
        report = suite.check_network(UNet(), (1, 188, 188, 1), samples or 2, seed, device)
        reports.append(("the paper's U-Net", report))
    elif network is not None:
        small = {} if full or ":" in network else CHECKED.get(class_name(network), {})
        model = make(find(network), small | fixed(network))
        shape = small_input(model)
        if full:
            report = full_size.check_directions(model, shape, seed, device)
        else:
            report = suite.check_network(model, shape, samples or 20, seed, device)
        reports.append((str(model), report))
    if not as_json:
        typer.echo("".join(f"{report}\n" for _, report in reports), nl=False)
    if not reports:
        for name, report in suite.check_all(small_networks(), samples or 20, seed, device):
            reports.append((name, report))
            if not as_json:
                typer.echo(f"{name:32} {report.summary}")
                typer.echo("".join(f"  ! {remark}\n" for remark in report.remarks), nl=False)
    _end(reports, as_json)


def _end(reports: list[tuple[str, GradientReport]], as_json: bool) -> None:
    """Say what was found, and exit with it."""
    passed = all(report.passed for _, report in reports)
    failed = any(report.failed for _, report in reports)
    if as_json:
        found = [{"name": name, **report.to_dict()} for name, report in reports]
        typer.echo(json.dumps({"passed": passed, "reports": found}, indent=1))
    else:
        worst = max(report.worst for _, report in reports)
        words = "all right" if passed else "FAILED" if failed else "NOT PROVEN"
        typer.echo(f"{words}: worst relative error {worst:.1e}")
    if not passed:
        raise typer.Exit(1 if failed else 3)


def _check_file(
    submission: str,
    inputs: list[str],
    parameters: str | None,
    seconds: float,
    samples: int | None,
    tolerance: float | None,
    seed: int,
    as_json: bool,
) -> None:
    """Check code in a file, and exit with the verdict."""
    from tinyunet.gradcheck.foreign.submission import WORDS, Order, check_submission

    file, colon, code = submission.partition(".py:")
    if not colon or not code.strip():
        raise ValueError(
            f"{submission!r} should be FILE.py:FORWARD,BACKWARD or FILE.py:CLASS, such as "
            "affine.py:affine_forward,affine_backward"
        )
    if not inputs:
        raise ValueError("say what forward takes, one --input for each: --input 4x3 --input 3x2")
    order = Order(f"{file}.py", code, inputs, _pairs(parameters), samples, tolerance, seed)
    verdict = check_submission(order, seconds)
    word = WORDS[verdict.code]
    if as_json:
        found: dict[str, Any] = {
            "verdict": word,
            "reason": verdict.reason,
            "report": verdict.report,
        }
        typer.echo(json.dumps(found, indent=1))
    elif verdict.report is None:
        typer.echo(f"{word}: {verdict.reason}")
    else:
        typer.echo(f"{verdict.text}\n{word}")
    if verdict.code:
        raise typer.Exit(verdict.code)


def _pairs(text: str | None) -> dict[str, str] | None:
    """Read ``W=dW,b=db``."""
    if text is None:
        return None
    pairs = [part.split("=") for part in text.split(",") if part.strip()]
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"--parameters should look like W=dW,b=db, got {text!r}")
    return {name.strip(): gradient.strip() for name, gradient in pairs}
