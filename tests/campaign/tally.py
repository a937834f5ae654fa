"""Run many checks on all cores, and count what came of them.

``PYTHONPATH=.:tests python tests/campaign/tally.py`` prints all that was not as it should be.
"""

from __future__ import annotations

import collections
import concurrent.futures
import functools
import itertools
import multiprocessing
import time
import warnings
from collections.abc import Callable, Iterable
from typing import NamedTuple

import threadpoolctl
from planted_bugs import BUGS
from right_ones import random_case
from wrong_ones import WRONG

import tinyunet as tu

RIGHT = 3000
SEEDS = range(5)


class Outcome(NamedTuple):
    """What came of one check: "passed", "FAILED", "not proved" or "exception", and why."""

    name: str
    word: str
    why: str


def outcome(name: str, check: Callable[[], tu.GradientReport]) -> Outcome:
    """Check with warnings as errors, and say in one word what came of it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            report = check()
    except Exception as error:
        return Outcome(name, "exception", repr(error))
    if report.failed:
        return Outcome(name, "FAILED", str(report))
    if report.passed:
        return Outcome(name, "passed", "")
    reasons = [
        f"{row.name}: {row.verdict} {row.hint}" for row in report.rows if row.verdict != "ok"
    ]
    return Outcome(name, "not proved", "; ".join(reasons))


def right_one(seed: int) -> Outcome:
    """Check one right configuration."""
    case = random_case(seed)
    return outcome(case.name, case.check)


def wrong_ones() -> list[tuple]:
    """Every wrong function in every way, and every planted bug: (number, way, seed, draw)."""
    found = [
        (number, way, seed, draw)
        for number, wrong in enumerate(WRONG)
        for seed in SEEDS
        for way, draw in (
            *((way, "default_rng") for way in wrong.ways),
            (wrong.ways[number % len(wrong.ways)], "np.random.seed"),
        )
    ]
    return found + [
        (number, "", seed, "") for number, seed in itertools.product(range(len(BUGS)), SEEDS)
    ]


def wrong_one(which: tuple) -> Outcome:
    """Check one wrong backward pass."""
    number, way, seed, draw = which
    if way:
        wrong = WRONG[number]
        return outcome(f"{wrong.name}, {way}, {draw}({seed})", lambda: wrong.check(way, seed, draw))
    bug = BUGS[number]
    return outcome(
        f"{bug.name}, seed {seed}", lambda: tu.check_gradients(bug.make(), *bug.inputs(), rng=seed)
    )


def on_all_cores(work: Callable, items: Iterable) -> list[Outcome]:
    """Work on all items, in processes of one thread each."""
    items = list(items)
    limit = functools.partial(threadpoolctl.threadpool_limits, 1)
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(mp_context=context, initializer=limit) as pool:
        return list(pool.map(work, items, chunksize=max(1, min(25, len(items) // 8))))


def words(outcomes: list[Outcome]) -> dict[str, int]:
    """How many came out as what."""
    return dict(collections.Counter(outcome.word for outcome in outcomes))


def main() -> None:
    """Run everything, and print what was not as it should be, and the counts."""
    for title, work, items, expected in (
        ("right", right_one, range(RIGHT), "passed"),
        ("wrong", wrong_one, wrong_ones(), "FAILED"),
    ):
        begin = time.perf_counter()
        outcomes = on_all_cores(work, items)
        for name, word, why in outcomes:
            if word != expected:
                print(f"{word}: {name}\n    {why}")
        print(f"{title}: {words(outcomes)} in {time.perf_counter() - begin:.0f} s\n")


if __name__ == "__main__":
    main()
