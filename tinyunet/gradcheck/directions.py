"""The rows of a report that are about many tensors at once: no coordinate is left out."""

from __future__ import annotations

from tinyunet.gradcheck.coordinates import COARSE
from tinyunet.gradcheck.experiment import Experiment
from tinyunet.gradcheck.measure import STAIRCASE, Claim, Finding, compare, confirms
from tinyunet.gradcheck.places import scale_of
from tinyunet.gradcheck.report import Row
from tinyunet.gradcheck.smoothness import is_smooth_here

ATTEMPTS = 3  # the first at the given point, the others a little beside it
SHOWN = 100  # times the tolerance: what one wrong entry should change in a direction's slope
VERDICTS = {"ok": "ok", "wrong": "FAILED", "zero": "untested"}
FEW_WRONG = "some entries are wrong, though none of those checked one by one: try more samples"


def check_direction(experiment: Experiment, name: str, members: list[str]) -> Row:
    """Move several tensors at once along a random direction.

    Where that point is on a kink, a point a little beside it is taken.
    """
    tensors = [experiment.subject.tensors[member] for member in members]
    row = Row(name, (sum(int(array.size) for array in tensors),))
    finding = _along(experiment, members, row)
    for _ in range(ATTEMPTS - 1):
        certain = finding.verdict != "wrong" or is_smooth_here(experiment)
        if finding.verdict in VERDICTS and certain:
            break
        try:
            with experiment.displaced(members):
                finding = _along(experiment, members, row)
        except Exception:  # outside of its domain there
            break
    row.checked = int(finding.verdict in ("ok", "wrong"))
    row.error = finding.error if row.checked else 0.0
    row.verdict = VERDICTS.get(finding.verdict, "not measurable")
    if row.verdict == "untested" and experiment.coarse:
        row.verdict, finding.reason = "not measurable", COARSE
    if row.verdict == "FAILED":
        row.hint = FEW_WRONG
    elif row.verdict == "not measurable":
        reason = COARSE if experiment.coarse else finding.reason
        row.hint = reason or "all random directions that were tried cross a kink"
    return row


def unseen(experiment: Experiment, members: list[str]) -> list[str]:
    """The tensors of which one wrong entry would hardly be seen where all `members` move together."""
    tensors = {name: experiment.subject.tensors[name] for name in members}
    changes = {
        name: float((experiment.gradients[name] ** 2).sum()) ** 0.5 * scale_of(array)
        for name, array in tensors.items()
    }
    least = SHOWN * experiment.tolerance * sum(change**2 for change in changes.values()) ** 0.5
    return [name for name in members if changes[name] < least * tensors[name].size ** 0.5]


def check_alone(experiment: Experiment, row: Row) -> None:
    """Move a tensor as a whole of which only samples were compared; fail its row if that is wrong."""
    if row.verdict == "ok" and row.checked < row.size:
        whole = check_direction(experiment, row.name, [row.name])
        if whole.verdict == "FAILED":
            row.verdict, row.hint, row.error, row.where = "FAILED", FEW_WRONG, whole.error, ()


def _along(experiment: Experiment, members: list[str], row: Row) -> Finding:
    """Compare along one random direction."""
    line, numbers = experiment.direction(members)
    products = [experiment.gradients[member] * numbers[member] for member in members]
    claim = sum(float(product.sum()) for product in products)
    spread = sum(float((product * product).sum()) for product in products) ** 0.5
    experiment.flips()
    finding = compare(line, Claim(claim, spread, experiment.tolerance))
    if finding.verdict == "ok" and spread == 0:
        finding.verdict = "zero"
    elif finding.verdict == "ok" and finding.slope and experiment.y.dtype.itemsize == 8:
        line.noise = experiment.rounding
        if not confirms(line, finding, line.largest_value):
            finding = Finding("unresolved", finding.slope, step=finding.step, reason=STAIRCASE)
    row.flips = max(row.flips, int(experiment.flips() > 0))
    return finding
