"""Pages of `tinyunet explore` in Chromium, offline: they open, and can be clicked without an error.

python tests/browser/fetch.py FOLDER
TINYUNET_PYODIDE=FOLDER python -m pytest -m browser tests/browser/test_explore.py
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import tinyunet as tu

HERE = Path(__file__).parent
FOLDER = os.environ.get("TINYUNET_PYODIDE", "")
NODE = shutil.which("node")
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (
            NODE and CHROMIUM and FOLDER and Path(FOLDER, "node_modules/playwright-core").is_dir()
        ),
        reason="a page in a browser: needs node, Chromium, and TINYUNET_PYODIDE to name a folder that "
        "tests/browser/fetch.py filled",
    ),
]


def clicked(page, folder, clicks=60):
    """Write a page, open it, click, and return the report."""
    task, report = folder / "task.json", folder / "report.json"
    pictures = os.environ.get("TINYUNET_PICTURES")
    task.write_text(json.dumps({"clicks": clicks, "pictures": pictures}))
    file = page.save(folder / "page.html")
    subprocess.run(
        [NODE, HERE / "explore.mjs", FOLDER, file, CHROMIUM, task, report], check=True, timeout=300
    )
    return json.loads(report.read_text())


@pytest.mark.parametrize("name", ["UNet", "SmallPSPNet", "Pix2PixGenerator"])
def test_sixty_clicks_without_an_error(name, tmp_path):
    net = {
        "UNet": lambda: tu.UNet(base_channels=4, depth=2),
        "SmallPSPNet": tu.networks.SmallPSPNet,
        "Pix2PixGenerator": lambda: tu.networks.Pix2PixGenerator(1, 3, widths=[4, 6, 8]),
    }[name]()
    cells, film = tu.data.synthetic_cells(3, 64, seed=0), None
    if name == "UNet":
        film = tmp_path / "run"
        tu.fit(net, cells, cells, steps=30, batch_size=2, out=film, callbacks=[tu.Film(film)],
               progress=False)  # fmt: skip
    mask = {"UNet": cells.labels[0], "SmallPSPNet": np.zeros((64, 64), int)}.get(name)
    page = tu.explore(net, cells.images[0], mask=mask, places=4, film=film, progress=False)
    found = clicked(page, tmp_path)
    assert found["clicks"] == 60
    assert found["said"] == []
    assert found["elsewhere"] == []
    assert found["unnamed"] == []
    assert set(found["wide"].values()) == {0}
    for words in ("A pixel's view", "Which way the gradient came", "skip 1 cut", "receptive field"):
        assert words in found["words"]
    assert ("0: class 0, " in found["words"]) == (name == "SmallPSPNet")  # the key of the colours
    assert ("The film of its training" in found["words"]) == (film is not None)
