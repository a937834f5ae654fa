"""The experiments by name."""

from __future__ import annotations

from collections.abc import Sequence

from tinyunet.engine.spelling import did_you_mean
from tinyunet.reproduce import membranes, nuclei, rates, seams, torch_race
from tinyunet.reproduce.relatives import coins, cues, outlines, streets, strokes
from tinyunet.reproduce.words import Experiment

MODULES = (nuclei, membranes, rates, seams, torch_race)
RELATIVES = (cues, outlines, streets, coins, strokes)
PAPERS = {module.EXPERIMENT.name: module.EXPERIMENT for module in MODULES}  # the U-Net's own
FAMILIES = {"relatives": {module.EXPERIMENT.name: module.EXPERIMENT for module in RELATIVES}}
EXPERIMENTS = {**PAPERS, **FAMILIES["relatives"]}
# Runs of one group are trained for the same number of steps.
GROUPS = (
    "nuclei", "membranes", "rates", "seams", "torch", "torch-seconds",
    "cues", "outlines", "streets", "streets-long", "coins", "strokes",
)  # fmt: skip


def choose(names: Sequence[str]) -> list[Experiment]:
    """Return the experiments of these names, in the order of the report.

    ``"relatives"`` stands for those on the U-Net's relatives; no name, for the U-Net's own.

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    for name in names:
        if name not in {**EXPERIMENTS, **FAMILIES}:
            near = did_you_mean(name, EXPERIMENTS | FAMILIES)
            raise ValueError(
                f"there is no experiment {name!r}{near}: choose from "
                f"{', '.join([*PAPERS, *FAMILIES, *FAMILIES['relatives']])}"
            )
    chosen = {n for name in names or PAPERS for n in FAMILIES.get(name, (name,))}
    return [e for name, e in EXPERIMENTS.items() if name in chosen]


def read_steps(text: str | None) -> dict[str, int]:
    """Read ``"300"`` or ``"nuclei=300,torch=200"``: how many steps by group of runs.

    A number alone is for all but ``torch-seconds``, whose steps depend on the machine's speed.

    Raises
    ------
    ValueError
        If it cannot be read, or a group is unknown.
    """
    if text is None:
        return {}
    if "=" not in text:
        return {group: _number(text) for group in GROUPS if group != "torch-seconds"}
    steps = {}
    for part in text.split(","):
        group, _, number = part.strip().partition("=")
        if group not in GROUPS:
            raise ValueError(f"--steps knows no {group!r}: choose from {', '.join(GROUPS)}")
        steps[group] = _number(number)
    return steps


def _number(text: str) -> int:
    if not text.strip().isdecimal() or int(text) < 1:
        raise ValueError(
            f"--steps needs whole numbers from 1, as in 300 or nuclei=300,torch=200; got {text!r}"
        )
    return int(text)
