"""Run a notebook in a fresh process of this Python, and keep its outputs clean."""

from __future__ import annotations

import base64
import getpass
import io
import os
import platform
import re
import sys
import tempfile
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

ROOT = Path(__file__).parents[1]


class ThisPython(AsyncKernelManager):
    """Starts a kernel of the Python that runs this, whatever kernels the user has installed."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """How the kernel is started."""
        command = [sys.executable, "-m", "ipykernel_launcher", "--log-level=ERROR"]
        command += ["-f", "{connection_file}"]
        return KernelSpec(argv=command, language="python", display_name="Python 3")


def run(notebook: NotebookNode, *, small: bool = False, timeout: int = 900) -> NotebookNode:
    """Execute a notebook in place, top to bottom, and return it.

    It runs in an empty folder, with no settings of the user's. With `small`, everything is as short
    as its lesson allows.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        environment = {
            **os.environ,
            "TINYUNET_LESSONS": "small" if small else "full",
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "IPYTHONDIR": folder,
            "JUPYTER_CONFIG_DIR": folder,
            "TQDM_DISABLE": "1",  # a progress bar would stay in the outputs
        }
        work = Path(folder) / "work"
        work.mkdir()
        manager = ThisPython(connection_file=str(Path(folder) / "kernel.json"))
        client = NotebookClient(
            notebook,
            km=manager,
            timeout=timeout,
            resources={"metadata": {"path": str(work)}},
            record_timing=False,
            coalesce_streams=True,
        )
        client.execute(env=environment, cleanup_kc=True)  # and end the process
    return tidy(notebook)


def tidy(notebook: NotebookNode) -> NotebookNode:
    """Make the outputs small, and free of what changes from run to run for no reason.

    A picture gets the words that its cell has for those who cannot see it: ``alt`` in its header.
    """
    notebook.metadata["language_info"] = {"name": "python"}  # no versions
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            output.get("metadata", {}).clear()
            data = output.get("data", {})
            if "image/png" in data:
                data["image/png"] = _smaller(data["image/png"])
                data.pop("text/plain", None)  # "<Figure size 640x480 with 1 Axes>"
                if alt := cell.metadata.get("alt"):
                    output.metadata["image/png"] = {"alt": alt}
    return notebook


def _smaller(png: str) -> str:
    """The same picture with at most 256 colours; animations stay as they are."""
    raw = base64.b64decode(png)
    image = Image.open(io.BytesIO(raw))
    if not getattr(image, "is_animated", False):
        file = io.BytesIO()
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
            file, "PNG", optimize=True
        )
        raw = min(raw, file.getvalue(), key=len)
    return base64.b64encode(raw).decode()


def problems(notebook: NotebookNode) -> list[str]:
    """What does not belong into stored outputs: errors, warnings, paths, names, dates."""
    private = [re.escape(name) for name in {platform.node(), getpass.getuser()} if len(name) > 4]
    patterns = {
        "a path": r"(?<![\w.:/<])/(?:home|root|tmp|usr|opt|work|Users|var)/|[A-Z]:\\|site-packages",
        "a date": r"\b20\d\d-\d\d-\d\d\b|\b\d\d:\d\d:\d\d\b",
        "an address in memory": r"\b0x[0-9a-f]{6,}\b",
        **({"a name of this machine": "|".join(private)} if private else {}),
    }
    found = []
    for i, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            where = f"cell {i}"
            if output.output_type == "error":
                found.append(f"{where}: an error: {output.ename}: {output.evalue}")
            if output.get("name") == "stderr":
                found.append(f"{where}: text on stderr: {output.text.strip()[:200]}")
            data = output.get("data", {})
            if "image/png" in data and not output.metadata.get("image/png", {}).get("alt"):
                found.append(f'{where}: a picture without words: alt="..." in the cell\'s header')
            texts = [text for kind, text in data.items() if not kind.startswith("image/")]
            for text in [*texts, output.get("text", "")]:
                text = re.sub(r"base64,[\w+/=]+", "", str(text))
                for what, pattern in patterns.items():
                    if match := re.search(pattern, text):
                        found.append(f"{where}: {what} in the output: {match[0]}")
    return found
