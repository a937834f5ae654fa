"""The columns of the benchmarks' tables: a name, and how a row on a machine is shown."""

from __future__ import annotations

from collections.abc import Callable


def milliseconds(key: str) -> Callable[[dict, dict], str]:
    """Show a row's seconds as milliseconds."""
    return lambda row, box: f"{row[key] * 1e3:.4g}"


def share(row: dict, box: dict) -> str:
    """Show how fast it computed, and how fast beside the machine's matrix product."""
    part = row["gflops"] / box["sgemm_gflops"]
    return f"{row['gflops']:.0f} ({part:.0%})"


def plain(key: str, form: str) -> Callable[[dict, dict], str]:
    """Show a row's number in a format, None as a dash."""
    return lambda row, box: format(row[key], form) if row[key] is not None else "-"


RACE = [
    ("task", lambda row, box: row["task"]),
    ("PyTorch", lambda row, box: row["against"]),
    ("ours, ms", milliseconds("seconds")),
    ("theirs, ms", milliseconds("torch_seconds")),
    ("ours / theirs", plain("ratio", ".2f")),
    ("GFLOP/s (of sgemm)", share),
    ("ours, MB", plain("peak_mb", ".0f")),
    ("theirs, MB", plain("torch_peak_mb", ".0f")),
    ("memory ratio", plain("memory_ratio", ".2f")),
]
ALONE = [
    ("task", lambda row, box: row["task"]),
    ("way", lambda row, box: row["way"]),
    ("threads", plain("threads", "d")),
    ("ms", milliseconds("seconds")),
    ("ns a pixel", plain("ns_per_pixel", ".0f")),
    ("GFLOP/s (of sgemm)", share),
    ("peak MB", plain("peak_mb", ".0f")),
]


RELATIVES = [
    ("task", lambda row, box: row["task"]),
    ("threads", plain("threads", "d")),
    ("ours, ms", milliseconds("seconds")),
    ("CPU ms", milliseconds("cpu")),
    ("PyTorch at its best", lambda row, box: row["against"]),
    ("theirs, ms", milliseconds("torch_seconds")),
    ("CPU ms ", milliseconds("torch_cpu")),
    ("ours / theirs", plain("ratio", ".2f")),
    ("of CPU seconds", plain("cpu_ratio", ".2f")),
]


def table(cells: list[list[str]]) -> str:
    """Put cells into columns, the first two to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )
