"""A process that runs one task whenever it is told to: ``python -m tinyunet.bench.worker '{...}'``.

It reads lines. ``go``: run one repetition, or on a GPU some in a row, and answer with the seconds of
one, those in which its threads had a processor, and the checksum. Anything else, or the end: answer
with the process's peak memory, and stop. Answers are JSON, a line each.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from pathlib import Path

from tinyunet.bench.engines import ENGINES, checksum, device_peak_mb, waiter
from tinyunet.bench.tasks import Task


def main() -> None:
    """Serve one task."""
    order = json.loads(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not mix with the answers
    engine, device = order["engine"], order["device"]
    try:
        run = ENGINES[engine](Task(**order["task"]), device, order["setting"])
    except (ImportError, RuntimeError, ValueError, MemoryError) as error:
        answer(answers, error=f"{type(error).__name__}: {error}")
        return
    wait = waiter(engine, device)
    for line in sys.stdin:
        if line.strip() != "go":
            break
        started, busy = time.perf_counter(), time.process_time()
        try:
            for _ in range(order["in_a_row"]):
                result = run()
            wait()
        except Exception as error:  # torch.compile fails in many ways where no compiler works
            first_line, _, _ = str(error).partition("\n")
            answer(answers, error=f"{type(error).__name__}: {first_line}")
            return
        seconds = (time.perf_counter() - started) / order["in_a_row"]
        cpu = (time.process_time() - busy) / order["in_a_row"]
        answer(answers, seconds=seconds, cpu=cpu, checksum=checksum(result))
        del result
    answer(answers, peak_mb=device_peak_mb(engine, device) or host_peak_mb())


def host_peak_mb() -> float:
    """The most memory that this process has had, in MB; 0 where the system does not tell."""
    try:
        status = Path("/proc/self/status").read_text()
        return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024 / 1e6
    except (OSError, TypeError):
        pass
    try:
        import resource  # not on Windows
    except ImportError:
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on a Mac


def answer(file, **values) -> None:
    """Write one line of JSON."""
    file.write(json.dumps(values) + "\n")
    file.flush()


if __name__ == "__main__":
    main()
