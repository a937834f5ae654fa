"""The report: a folder of records as one HTML file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from types import MappingProxyType

from tinyunet.reproduce import page
from tinyunet.reproduce.experiments import EXPERIMENTS, FAMILIES
from tinyunet.reproduce.records import read_all, stem_of, write_whole
from tinyunet.reproduce.statistics import Row, collect
from tinyunet.reproduce.words import Column, Experiment, Record, Table

TITLE = "The U-Net's experiments, reproduced"
PAPER = (
    "Ronneberger, Fischer and Brox, U-Net: Convolutional Networks for Biomedical Image Segmentation, "
    "MICCAI 2015 (arXiv:1505.04597), in small, with tinyunet."
)
RELATIVES = (
    "The relatives of the U-Net, each where it shows what it was made for, in small, with tinyunet: "
    "FCN (arXiv:1411.4038), SegNet (arXiv:1511.00561), U-Net++ (arXiv:1807.10165) and PSPNet "
    "(arXiv:1612.01105). Below our numbers, what the same networks reached in PyTorch."
)


def write(
    folder: Path,
    left_out: dict[str, str],
    missing: Sequence[str] = (),
    failures: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """Write ``report.html`` about all records of a folder, and return where it is.

    Parameters
    ----------
    folder
        Where the records are.
    left_out
        Why experiments could not be done, by name.
    missing
        Runs that are still to come.
    failures
        Why trainings failed, by run.
    """
    records = read_all(folder)
    found = {record["experiment"] for record in records}
    shown = [e for e in EXPERIMENTS.values() if e.name in found or e.name in left_out]
    body = _opening(records, shown, missing, failures)
    for experiment in shown:
        mine = [record for record in records if record["experiment"] == experiment.name]
        body += _section(experiment, mine, left_out.get(experiment.name, ""), folder)
    body += _closing(records)
    path = folder / "report.html"
    write_whole(path, page.page(TITLE, body))
    return path


def replay_command(records: Sequence[Record]) -> str:
    """The command that repeats these records, its steps spelled out."""
    names = [name for name in EXPERIMENTS if any(r["experiment"] == name for r in records)]
    steps = {record["group"]: record["steps"] for record in records if record["steps"]}
    seeds = 1 + max((record["seed"] or 0 for record in records), default=0)
    words = [f"TINYUNET_NUM_THREADS={records[0]['threads']}", "tinyunet reproduce"]
    words += [*names, *(["--quick"] if _quick(records) else [])]
    words += [f"--seeds {seeds}"]
    if steps:
        words += ["--steps " + ",".join(f"{group}={n}" for group, n in sorted(steps.items()))]
    return " ".join([*words, "--out another-folder"])


def _quick(records: Sequence[Record]) -> bool:
    return any(record["quick"] for record in records)


def _opening(
    records: Sequence[Record],
    shown: Sequence[Experiment],
    missing: Sequence[str],
    failures: Mapping[str, str],
) -> str:
    body = f"<header><h1>{escape(TITLE)}</h1>\n"
    families = {e.name in FAMILIES["relatives"] for e in shown} or {False}
    body += page.paragraph(
        " ".join(words for of, words in ((False, PAPER), (True, RELATIVES)) if of in families)
        + " Numbers are means over seeds ± standard deviations; n is the number of seeds. A seed "
        "draws the weights and the batches; rows without n draw nothing."
    )
    if _quick(records):
        body += (
            "<p>"
            + page.tag("quick", warn=True)
            + " Few images, few steps: this shows that everything works and what the report looks "
            "like. It says nothing about the paper's claims.</p>\n"
        )
    if missing:
        body += page.paragraph(
            f"Not finished: {len(missing)} runs are still to come ({', '.join(missing)}). The same "
            "command goes on with them."
        )
    for stem, reason in failures.items():
        body += page.paragraph(f"Failed, and in no table: {stem}. {reason[0].upper()}{reason[1:]}.")
    links = "".join(f'<a href="#{e.name}">{escape(e.title)}</a>\n' for e in shown)
    return f"{body}<nav>{links}</nav></header>\n"


def _section(experiment: Experiment, records: list[Record], reason: str, folder: Path) -> str:
    """All about one experiment."""
    kinds = {(record["data"], record["real"]) for record in records}
    tags = "".join(
        " " + page.tag(f"{name}" if real else f"synthetic: {name}", warn=not real)
        for name, real in sorted(kinds)
    )
    body = f'<section id="{experiment.name}">\n<h2>{escape(experiment.title)}{tags}</h2>\n'
    body += page.paragraph(experiment.question)
    if reason:
        body += f"<p>{page.tag('left out', warn=True)} {page.text(reason)}</p>\n"
    if not records:
        return body + "</section>\n"
    if experiment.data and not all(record["real"] for record in records):
        body += page.paragraph(
            f"These are synthetic images, not {experiment.data}: no number here may be compared with "
            f"published ones. For the real data: `tinyunet data fetch {experiment.data}`.",
            "note",
        )
    findings = experiment.findings(records)
    body += page.bullets(findings, "findings")
    if any("seeds alone" in finding for finding in findings):
        body += page.paragraph(
            "What seeds alone make: half of the 95 % confidence interval of the mean difference, "
            "which is taken seed by seed (Student's t; rough, with so few seeds). Of twenty such "
            "differences that are nothing but chance, one looks like more. It does not "
            "include how much other test images would change the result.",
            "note",
        )
    rows = collect(records)
    body += "".join(_table(table, rows) for table in experiment.tables)
    body += "".join(
        page.picture(page.png(figure), caption) for caption, figure in experiment.charts(records)
    )
    for record in records:
        for picture in record["figures"]:
            path = folder / "figures" / picture["file"]
            body += page.picture(path.read_bytes(), picture["caption"])
    body += page.details(
        "How it was done, and what differs from the paper",
        page.bullets(experiment.protocol, "protocol"),
    )
    return body + page.details("Exact settings and all runs", _settings(records)) + "</section>\n"


def _table(table: Table, rows: dict[str, Row]) -> str:
    """One table: means, deviations and n of the runs' rows, then what was published."""
    lines = []
    for name in table.rows:
        if name in rows:
            row = rows[name]
            beside = table.beside.get(name, {})
            numbers = (_number(row, c) + _beside(beside.get(c.key)) for c in table.columns)
            cells = [escape(name), *numbers]
            count = [str(row.count), str(row.steps)] if row.seeded else ["–", "–"]
            lines.append(("", [*cells, *count]))
    for name, values in table.published.items():
        cells = [format(values[c.key], c.form) if c.key in values else "" for c in table.columns]
        lines.append(("aside", [escape(name), *cells, "", ""]))
    if not lines:
        return ""
    head = ["", *(column.title for column in table.columns), "n", "steps of training"]
    body = f"<h3>{escape(table.title)}</h3>\n{page.table(head, lines)}"
    return body + (page.paragraph(table.note, "note") if table.note else "")


def _number(row: Row, column: Column) -> str:
    if column.key not in row.values:
        return ""
    mean, deviation = row.mean(column.key), row.deviation(column.key)
    shown = format(mean, column.form)
    if deviation is not None:
        shown += f' <span class="sd">± {format(deviation, column.form)}</span>'
    return shown


def _beside(words: str | None) -> str:
    """What PyTorch reached, in small letters below a number."""
    return f'<br><span class="sd">PyTorch {escape(words)}</span>' if words else ""


def _settings(records: Sequence[Record]) -> str:
    """A line for every run, the settings that all trainings share, and those in which they differ."""
    lines = []
    kinds: dict[str, dict[str, str]] = {}
    for record in records:
        if record["steps"]:
            kinds.setdefault(record["name"], _flat(record["settings"]))
        besides = ", ".join(f"{name} {json.dumps(v)}" for name, v in record["facts"].items())
        steps, seconds = str(record["steps"] or "–"), f"{record['seconds']:.1f}"
        lines.append(("", [escape(stem_of(record)), steps, seconds, escape(besides)]))
    body = page.table(["run", "steps", "seconds in all", "besides"], lines, "plain")
    names = list(dict.fromkeys(name for settings in kinds.values() for name in settings))
    values = {name: [settings.get(name, "–") for settings in kinds.values()] for name in names}
    own = [name for name in names if len(set(values[name])) > 1]
    if own:
        lines = [
            ("", [escape(kind), *(escape(settings.get(name, "–")) for name in own)])
            for kind, settings in kinds.items()
        ]
        body += page.table(["", *own], lines, "plain")
    shared = [f"{name}: {values[name][0]}" for name in names if name not in own]
    words = escape("\n".join(shared))
    return f"{body}<h3>Settings of all trainings</h3>\n<pre>{words}</pre>\n"


def _flat(settings: dict) -> dict[str, str]:
    """Settings by name, those of groups such as the training's under their own names."""
    flat = {}
    for name, value in settings.items():
        if name in ("training", "spelled out", "length"):
            flat.update(_flat(value))
        else:
            flat[name] = value if isinstance(value, str) else json.dumps(value)
    return flat


def _closing(records: Sequence[Record]) -> str:
    """How to repeat it, and on what it was done."""
    body = '<section id="machine">\n<h2>Repeat it</h2>\n'
    if records:
        body += page.paragraph(
            "On the same machine, with the same versions, runs with the same steps, seeds and number "
            "of threads end the same. Minutes were turned into steps once; here they are spelled out."
        )
        body += f'<pre class="command">{escape(replay_command(records))}</pre>\n'
    body += "<h3>Machine</h3>\n"
    machines = {json.dumps(record["machine"]): record["machine"] for record in records}
    for machine in machines.values():
        rows = [("", [escape(name), escape(str(value))]) for name, value in machine.items()]
        body += page.table(["what", "value"], rows, "plain")
    return body + "</section>\n"
