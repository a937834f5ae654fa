"""A process that runs one task whenever it is told to: ``python -m tinyunet.bench.worker '{...}'``.

It reads lines. ``go``: run one repetition, or on a GPU some in a row, and answer with the seconds of
one, those in which its threads had a processor, and the checksum. Anything else, or the end: answer
with the process's peak memory, and stop. Answers are JSON, a line each. Of several processes that
mpirun started, the first reads and answers for all.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tinyunet.bench.engines import ENGINES, checksum, device_peak_mb, waiter
from tinyunet.bench.tasks import Task
from tinyunet.engine.mpi import workers
from tinyunet.engine.workers import Workers, sharing


def main() -> None:
    """Serve one task."""
    order, found = json.loads(sys.argv[1]), workers()
    answers = os.fdopen(os.dup(1) if found.rank == 0 else os.open(os.devnull, os.O_WRONLY), "w")
    os.dup2(2, 1)  # whatever a library prints must not mix with the answers
    engine, device = order["engine"], order["device"]
    try:
        run = ENGINES[engine](Task(**order["task"]), device, order["setting"])
    except (ImportError, RuntimeError, ValueError, MemoryError) as error:
        answer(answers, error=f"{type(error).__name__}: {error}")
        return
    wait = waiter(engine, device)
    for word in words(found):
        if word != "go":
            break
        started, busy = time.perf_counter(), time.process_time()
        try:
            with sharing(found):
                for _ in range(order["in_a_row"]):
                    result = run()
            wait()
        except Exception as error:  # torch.compile fails in many ways where no compiler works
            first_line, _, _ = str(error).partition("\n")
            answer(answers, error=f"{type(error).__name__}: {first_line}")
            return
        seconds = (time.perf_counter() - started) / order["in_a_row"]
        cpu = sum(found.all(time.process_time() - busy)) / order["in_a_row"]
        answer(answers, seconds=seconds, cpu=cpu, checksum=checksum(result))
        del result
    answer(answers, peak_mb=sum(found.all(device_peak_mb(engine, device) or host_peak_mb())))


def words(found: Workers) -> Iterator[str]:
    """Yield what the first process reads, to all at the same time."""
    while True:
        line = sys.stdin.readline() if found.rank == 0 else ""
        found.wait()  # without keeping a core busy, while others take their turns
        yield found.same(line.strip())


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
