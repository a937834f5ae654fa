"""Links that open a lesson on a machine elsewhere: only where the project's files are public.

``[project.urls]`` in pyproject.toml says where: ``Repository = "https://github.com/OWNER/NAME"``. As
long as it is missing, there is no link, and nothing on the site says that there could be one.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
REPOSITORY = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?")
HOSTS = {
    "Colab": "https://colab.research.google.com/github/{repository}/blob/main/{path}",
    "Binder": "https://mybinder.org/v2/gh/{repository}/main?labpath={path}",
}


def of_notebook(path: str, urls: dict[str, str] | None = None) -> list[str]:
    """Links in Markdown that open a notebook on each host; none where no public place is known.

    Parameters
    ----------
    path
        The notebook, from the repository's root.
    urls
        ``[project.urls]``; None reads it.
    """
    if urls is None:
        project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
        urls = project.get("urls", {})
    match = REPOSITORY.fullmatch(urls.get("Repository", ""))
    if not match:
        return []
    return [
        f"[Open it in {host}]({address.format(repository=match[1], path=path)})"
        for host, address in HOSTS.items()
    ]
