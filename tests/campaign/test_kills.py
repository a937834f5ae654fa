"""Trainings killed at random moments: ``pytest -m campaign tests/campaign/test_kills.py``.

TINYUNET_KILLS says which, "0-100" by default. Each takes some seconds.
"""

import os
import shutil
import time
from collections import Counter

import numpy as np
import pytest
from killing import NEW, OPTIONS, SIGNALS, Outcome, add_image, go_on, kill, make_folder, start

pytestmark = pytest.mark.campaign


def moment(rng, trial, lasts, settings):
    """When to kill: in the first second of the process, or of the training, or at any moment of it."""
    began, there = time.monotonic(), []
    first_second, of_process = trial % 4 < 2, trial % 8 == 0
    delay = rng.uniform(0, 1 if first_second else lasts)

    def is_now():
        if not there and (of_process or settings.exists()):
            there.append(began if of_process else time.monotonic())
        return bool(there) and time.monotonic() - there[0] >= delay

    return is_now, f"{delay:.2f} s of {'the process' if of_process else f'{lasts:.1f}'}"


def test_killed_at_random_moments_it_goes_on_bit_for_bit_or_begins_anew(tmp_path, capsys):
    first, last = map(int, os.environ.get("TINYUNET_KILLS", "0-100").split("-"))
    make_folder(tmp_path / "whole")
    settings = tmp_path / "whole/r/settings.json"
    process = start(tmp_path / "whole", *OPTIONS, "--out", "r")
    while not settings.exists():
        time.sleep(0.01)
    began = time.monotonic()
    process.communicate(timeout=600)
    lasts = time.monotonic() - began
    whole, ends = Outcome.of(settings.parent), Counter()
    for trial in range(first, last):
        number, folder = SIGNALS[trial % len(SIGNALS)], tmp_path / f"{trial}"
        make_folder(folder)
        is_now, after = moment(
            np.random.default_rng([0, trial]), trial, lasts, folder / "r/settings.json"
        )
        process, began = start(folder, *OPTIONS, "--out", "r"), time.monotonic()
        alive = kill(process, number, is_now, limit=600)
        said = process.communicate(timeout=600)[1]
        assert "Traceback" not in said, said
        if not alive:  # the machine is less busy now
            lasts = min(lasts, time.monotonic() - began)
        if (folder / "r/settings.json").exists() and trial % 3 == 0:
            add_image(folder, NEW)  # may not come into any part
        end = go_on(folder, "r")
        Outcome.of(folder / "r").assert_equal(whole)
        ends[f"{number.name} {'in time' if alive else 'too late'}: {end}"] += 1
        with capsys.disabled():
            print(
                f"{trial}: {number.name} after {after}, exit {process.returncode}: {end}",
                flush=True,
            )
        shutil.rmtree(folder)
    with capsys.disabled():
        print(dict(ends))
