"""``tinyunet gradcheck``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from tinyunet.options import AsJson, Device


def gradcheck(
    paper: Annotated[
        bool, typer.Option("--paper", help="Check the paper's network with its 31 M parameters.")
    ] = False,
    samples: Annotated[
        int | None, typer.Option(help="Coordinates of each tensor. [default: 20, with --paper 2]")
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws inputs, gradients and coordinates.")] = 0,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Prove every gradient by finite differences.

    Exit code 1 if one is wrong.
    """
    from tinyunet.gradcheck import suite

    if paper:
        reports = [("the paper's U-Net", suite.check_paper(samples or 2, seed, device))]
        if not as_json:
            typer.echo(str(reports[0][1]))
    else:
        reports = []
        for name, report in suite.check_all(samples or 20, seed, device):
            reports.append((name, report))
            if not as_json:
                typer.echo(f"{name:32} {report.summary}")
                typer.echo("".join(f"  ! {remark}\n" for remark in report.remarks), nl=False)
    passed = all(report.passed for _, report in reports)
    if as_json:
        found = [{"name": name, **report.to_dict()} for name, report in reports]
        typer.echo(json.dumps({"passed": passed, "reports": found}, indent=1))
    else:
        worst = max(report.worst for _, report in reports)
        typer.echo(f"{'all right' if passed else 'FAILED'}: worst relative error {worst:.1e}")
    if not passed:
        raise typer.Exit(1)
