"""The command line, run as a user runs it: each command, and each mistake that users make."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

import tinyunet as tu
from tinyunet.data import synthetic_cells
from tinyunet.segmentation import thresholds


def tinyunet(*arguments, cwd, **environment):
    command = [sys.executable, "-m", "tinyunet", *map(str, arguments)]
    env = {**os.environ, **environment}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


SMALL = ("train", "--steps", 6, "--base-channels", 4, "--depth", 2)
TRAIN = (*SMALL, "--images", 8, "--size", 48)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder in which `tinyunet train` has run."""
    folder = tmp_path_factory.mktemp("cli")
    done = tinyunet(*TRAIN, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_train_prints_a_table_and_fills_a_folder(run):
    folder, done = run
    for part in ("parameters", "U-Net", "Otsu + components", "perfect mask, parted", "SEG", "F1"):
        assert part in done.stdout
    found = {path.name for path in (folder / "runs" / "synthetic-cells-1").iterdir()}
    assert found == {
        "best.npz", "last.npz", "settings.json", "history.json", "results.json",
        "curves.png", "predictions.png", "weights.png",
    }  # fmt: skip
    results = json.loads((folder / "runs/synthetic-cells-1/results.json").read_text())
    assert 0 <= results["test"]["U-Net"]["SEG"] <= results["test"]["perfect mask, parted"]["SEG"]


def test_help_says_every_command_in_one_line_and_version_the_version(tmp_path):
    done = tinyunet("--help", cwd=tmp_path, COLUMNS="80")
    lines = done.stdout.split("Commands:")[1].strip().splitlines()
    assert len(lines) == 15
    assert all(line.endswith(".") and not line.endswith("...") for line in lines), done.stdout
    assert tinyunet("--version", cwd=tmp_path).stdout == f"tinyunet {tu.__version__}\n"


def test_a_second_run_gets_its_own_folder(run):
    folder, _ = run
    before = (folder / "runs/synthetic-cells-1/best.npz").read_bytes()
    done = tinyunet(*TRAIN, "--seed", 1, cwd=folder)
    assert "runs/synthetic-cells-2" in done.stdout.replace("\\", "/")
    assert (folder / "runs/synthetic-cells-1/best.npz").read_bytes() == before


def test_a_folder_with_a_run_is_refused_and_keeps_its_settings(run):
    folder, _ = run
    settings = folder / "runs/synthetic-cells-1/settings.json"
    before = settings.read_text()
    done = tinyunet(*TRAIN, "--lr", 0.5, "--out", "runs/synthetic-cells-1", cwd=folder)
    assert done.returncode == 2
    assert "already holds a run" in done.stderr
    assert settings.read_text() == before


def test_resume_of_a_finished_run_changes_nothing(run):
    folder, first = run
    before = tu.load(folder / "runs/synthetic-cells-1/best.npz").state_dict()
    saved = (folder / "runs/synthetic-cells-1/best.npz").read_bytes()
    done = tinyunet("train", "--resume", "runs/synthetic-cells-1", cwd=folder)
    assert done.returncode == 0, done.stderr
    after = tu.load(folder / "runs/synthetic-cells-1/best.npz").state_dict()
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert (folder / "runs/synthetic-cells-1/best.npz").read_bytes() == saved
    assert done.stdout.splitlines()[-10:] == first.stdout.splitlines()[-10:]
    assert "complete already" in done.stderr
    assert "complete already" not in first.stderr


def test_train_as_json_is_one_object_on_stdout(run):
    folder, _ = run
    done = tinyunet("train", "--resume", "runs/synthetic-cells-1", "--json", cwd=folder)
    found = json.loads(done.stdout)
    results = json.loads((folder / "runs/synthetic-cells-1/results.json").read_text())
    assert (found["test"], found["thresholds"]) == (results["test"], results["thresholds"])
    assert found["model"] == str(folder / "runs/synthetic-cells-1/best.npz")
    assert (found["steps"], found["total_steps"], found["stopped"]) == (6, 6, "")
    assert found["images"] == {"train": 4, "validation": 2, "test": 2}
    assert "complete already" in done.stderr


def test_predict_writes_labels_probabilities_and_overlay_of_odd_sizes(run):
    folder, _ = run
    image = synthetic_cells(1, (37, 53), seed=9).images[0]
    Image.fromarray((255 * image[..., 0].clip(0, 1)).astype(np.uint8)).save(folder / "odd.png")
    done = tinyunet("predict", "runs/synthetic-cells-1/best.npz", "odd.png", cwd=folder)
    assert done.returncode == 0, done.stderr
    labels = np.asarray(Image.open(folder / "predictions/odd_labels.png"))
    probabilities = tifffile.imread(folder / "predictions/odd_probabilities.tif")
    overlay = np.asarray(Image.open(folder / "predictions/odd_overlay.png"))
    assert labels.shape == (37, 53)
    assert labels.dtype == np.uint16
    assert probabilities.shape == (2, 37, 53)
    np.testing.assert_allclose(probabilities.sum(0), 1, rtol=1e-5)
    assert overlay.shape == (37, 53, 3)
    assert f"odd.png: {labels.max()} cells at threshold " in done.stdout

    again = ("predict", "runs/synthetic-cells-1/best.npz", "odd.png")
    done = tinyunet(*again, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "has these results already, --overwrite makes them anew" in done.stdout
    done = tinyunet(*again, "../odd.png", "--out", "new", cwd=folder)
    assert done.returncode == 2
    assert "the same name" in done.stderr


def test_a_runs_folder_in_place_of_a_model_is_answered_with_the_file_to_give(run):
    folder, _ = run
    done = tinyunet("evaluate", "runs/synthetic-cells-1", cwd=folder)
    assert done.returncode == 2
    assert "give best.npz" in done.stderr


def test_evaluate_agrees_with_the_table_of_train(run):
    folder, _ = run
    done = tinyunet(
        "evaluate", "runs/synthetic-cells-1/best.npz", "--images", 8, "--size", 48, "--json",
        cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    trained = json.loads((folder / "runs/synthetic-cells-1/results.json").read_text())
    averaged = trained["test"].pop("U-Net, mean of symmetries")
    evaluated = json.loads(done.stdout)
    assert evaluated["mean"] == trained["test"]
    assert evaluated["threshold"] == trained["thresholds"]["none"]
    assert averaged["IoU"] != trained["test"]["U-Net"]["IoU"]
    done = tinyunet(
        "evaluate", "runs/synthetic-cells-1/best.npz", "--images", 8, "--size", 48, "--json",
        "--average", "symmetries", "--details", cwd=folder,
    )  # fmt: skip
    evaluated = json.loads(done.stdout)
    assert evaluated["mean"]["U-Net, mean of symmetries"] == averaged
    assert evaluated["details"]["F1 at an IoU of 0.50"] == pytest.approx(averaged["F1"])
    done = tinyunet(
        "evaluate", "runs/synthetic-cells-1/best.npz", "--images", 8, "--size", 48, "--details",
        cwd=folder,
    )  # fmt: skip
    assert "mean over 2 images of synthetic-cells (test), threshold" in done.stdout
    assert "\nF1 at an IoU of 0.50" in done.stdout.partition("U-Net in detail")[2]
    # Beside its run's settings, a model is scored on its run's data.
    done = tinyunet("evaluate", "runs/synthetic-cells-1/best.npz", "--json", cwd=folder)
    assert json.loads(done.stdout)["mean"] == trained["test"]
    assert not done.stderr


def test_evaluate_says_when_test_images_may_have_been_trained_on(run):
    folder, _ = run
    command = "evaluate", "runs/synthetic-cells-1/best.npz"
    done = tinyunet(*command, "--split-seed", 1, cwd=folder)
    assert done.returncode == 0
    assert "test images the model's run had" in done.stderr
    assert "to train on or to choose its best moment by" in done.stderr
    for harmless in (("--part", "all"), ("--part", "train"), ("--size", 64)):
        assert not tinyunet(*command, *harmless, cwd=folder).stderr


def test_the_threshold_goes_with_the_model_unless_one_is_given(run):
    folder, _ = run
    checkpoint = folder / "runs/synthetic-cells-1/best.npz"
    saved = tu.load(checkpoint, everything=True)
    assert set(saved.state["thresholds"]) == {"none", "symmetries"}
    assert set(saved.state["thresholds"].values()) <= set(thresholds.THRESHOLDS)
    tu.save(folder / "high.npz", saved.model, thresholds={"none": 0.999})
    image = synthetic_cells(1, 48, seed=9).images[0]
    Image.fromarray((255 * image[..., 0].clip(0, 1)).astype(np.uint8)).save(folder / "cells.png")

    def foreground(*options):
        done = tinyunet("predict", "high.npz", "cells.png", "--overwrite", *options, cwd=folder)
        assert done.returncode == 0, done.stderr
        return (np.asarray(Image.open(folder / "predictions/cells_labels.png")) > 0).mean()

    assert foreground() == 0
    assert foreground("--threshold", 0) == 1
    done = tinyunet("evaluate", "high.npz", "--images", 8, "--size", 48, cwd=folder)
    assert "threshold 0.999" in done.stdout
    done = tinyunet("evaluate", "high.npz", "--threshold", 1.5, cwd=folder)
    assert done.returncode == 2
    assert "from 0 to 1, got 1.5" in done.stderr


def test_train_on_a_folder_of_ones_own(tmp_path):
    data = synthetic_cells(6, (40, 52), seed=2)
    for kind in ("images", "masks"):
        (tmp_path / "mine" / kind).mkdir(parents=True)
    for name, image, labels in zip(data.names, data.images, data.labels, strict=True):
        gray = (255 * image[..., 0].clip(0, 1)).astype(np.uint8)
        Image.fromarray(gray).save(tmp_path / f"mine/images/{name}.png")
        Image.fromarray((255 * labels).astype(np.uint8)).save(tmp_path / f"mine/masks/{name}.png")
    done = tinyunet(*SMALL, "--data", "mine", "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "predictions.png").exists()


def test_summary_and_doctor(tmp_path):
    done = tinyunet("summary", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "31030658" in done.stdout
    done = tinyunet("doctor", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["versions"]["tinyunet"] == tu.__version__


def test_gradcheck_passes_and_speaks_json(tmp_path):
    done = tinyunet("gradcheck", "--samples", 2, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["passed"]
    assert max(report["worst"] for report in found["reports"]) < 1e-7


def test_gradcheck_of_a_broken_layer_exits_with_1(monkeypatch, capsys):
    from tinyunet.commands import main as cli

    def backward(self, dy, *, input_gradient=True):
        self._take(dy)
        return dy

    monkeypatch.setattr(tu.ReLU, "backward", backward)
    monkeypatch.setattr(sys, "argv", ["tinyunet", "gradcheck", "--samples", "3"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 1
    assert "FAILED" in capsys.readouterr().out


def test_a_training_that_diverges_after_a_good_validation_is_scored_and_exits_with_1(
    monkeypatch, capsys, tmp_path
):
    from tinyunet.commands import main as cli
    from tinyunet.learning import training

    plain, calls = training.validation_score, []

    def score(model, data):
        calls.append(1)
        return plain(model, data) if len(calls) == 1 else ("SEG", float("nan"))

    monkeypatch.setattr(training, "validation_score", score)
    small = ["--images", "6", "--size", "32", "--depth", "1", "--base-channels", "2"]
    train = ["train", "--steps", "2", *small, "--out", str(tmp_path / "run")]
    monkeypatch.setattr(sys, "argv", ["tinyunet", *train])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 1
    said = capsys.readouterr()
    assert "stopped: the network's predictions became NaN at step 2: try a lower" in said.err
    assert "begin again in another folder, for example with --lr 0.0006" in said.err
    assert "kept the model of step 1" in said.out
    assert "U-Net, mean of symmetries" in said.out


def test_too_little_memory_is_said_without_a_traceback(monkeypatch, capsys):
    from tinyunet.commands import main as cli

    def diagnose():
        raise MemoryError("Out of memory allocating 12,345 bytes")  # CuPy's is one, too

    monkeypatch.setattr("tinyunet.engine.machine.diagnose_system", diagnose)
    monkeypatch.setattr(sys, "argv", ["tinyunet", "doctor"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert said == "error: out of memory: Out of memory allocating 12,345 bytes\n"


@pytest.mark.parametrize(
    "command", ["train", "predict", "evaluate", "gradcheck", "summary", "doctor"]
)
def test_help(command, tmp_path):
    done = tinyunet(command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "Usage" in done.stdout


def write_mistakes(folder, model):
    """Files that are wrong in every way that the table below names."""
    rng = np.random.default_rng(0)
    tu.save(folder / "good.npz", model)
    tu.save(folder / "three.npz", tu.UNet(1, 3, base_channels=2, depth=1, padding="same"))
    (folder / "own.py").write_text(OWN)
    data = (folder / "good.npz").read_bytes()
    (folder / "cut.npz").write_bytes(data[: len(data) // 2])
    gray = rng.integers(0, 255, (20, 24), dtype=np.uint8)
    Image.fromarray(gray).save(folder / "gray.png")
    Image.fromarray(np.stack([gray, 255 - gray, gray], 2)).save(folder / "rgb.png")
    (folder / "broken.png").write_bytes(b"no image")
    tifffile.imwrite(folder / "nan.tif", np.full((20, 24), np.nan, np.float32))
    for name in ("empty", "orphan", "labels", "hollow"):
        for kind in ("images", "masks"):
            (folder / name / kind).mkdir(parents=True)
    Image.fromarray(gray).save(folder / "orphan/images/a.png")
    Image.fromarray(gray // 128).save(folder / "orphan/masks/a.png")
    Image.fromarray(gray // 128).save(folder / "orphan/masks/b.png")
    for i in range(5):
        Image.fromarray(gray).save(folder / f"labels/images/{i}.png")
        Image.fromarray(gray // 64).save(folder / f"labels/masks/{i}.png")
        Image.fromarray(gray).save(folder / f"hollow/images/{i}.png")
        Image.fromarray(0 * gray).save(folder / f"hollow/masks/{i}.png")


OWN = """
import numpy as np
import tinyunet as tu

class Shallow(tu.networks.Network):
    def __init__(self):
        super().__init__()
        rng = np.random.default_rng(0)
        self.first = tu.Conv2d(1, 4, 3, padding="same", rng=rng)
        self.relu = tu.ReLU()
        self.head = tu.Conv2d(4, 2, 1, rng=rng)

    def forward(self, x):
        return self.head(self.relu(self.first(x)))

    def backward(self, dy, *, input_gradient=True):
        dy = self.relu.backward(self.head.backward(dy))
        return self.first.backward(dy, input_gradient=input_gradient)
"""


def test_a_network_of_ones_own_is_trained_predicts_and_is_scored(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    Image.fromarray(np.zeros((20, 24), np.uint8)).save(tmp_path / "gray.png")
    small, own = ("--images", 6, "--size", 32), ("--network", "own.py:Shallow")
    done = tinyunet("train", "--steps", 2, *small, *own, "--out", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "run/results.json").read_text())["test"]
    assert list(rows)[:2] == ["Shallow", "Shallow, mean of symmetries"]
    assert json.loads((tmp_path / "run/settings.json").read_text())["network"] == own[1]

    done = tinyunet("evaluate", "run/best.npz", "--details", *own, cwd=tmp_path)
    assert "\nShallow in detail" in done.stdout, done.stderr
    for command in (
        ("predict", "run/best.npz", "gray.png"),
        ("summary", "run/best.npz"),
        ("train", "--resume", "run"),
    ):
        done = tinyunet(*command, cwd=tmp_path)
        assert done.returncode == 2
        assert "add --network own.py:Shallow" in done.stderr
        done = tinyunet(*command, *own, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    (tmp_path / "alone.npz").write_bytes((tmp_path / "run/best.npz").read_bytes())
    done = tinyunet("evaluate", "alone.npz", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        "error: alone.npz is a model of a network 'Shallow', which is none of tinyunet's: if it is "
        "yours, add --network FILE.py:Shallow\n"
    )
    done = tinyunet("train", "--resume", "run", "--network", "UNet", cwd=tmp_path)
    assert "leave out --network" in done.stderr
    done = tinyunet("gradcheck", *own, "--samples", 2, "--json", cwd=tmp_path)
    (report,) = json.loads(done.stdout)["reports"]
    assert report["name"] == "Shallow()"
    assert report["worst"] < 1e-7


FAULTY = """
from own import Shallow as Sound
import numpy as np
import tinyunet as tu

class Single(tu.networks.Network):
    def __init__(self, num_classes=1, base_channels=7, padding="same", seed=5):
        super().__init__()
        rng = np.random.default_rng(seed)
        self.first = tu.Conv2d(1, base_channels, 3, padding=padding, rng=rng)
        self.head = tu.Conv2d(base_channels, num_classes, 1, rng=rng)

    def forward(self, x):
        return self.head(self.first(x))

    def backward(self, dy, *, input_gradient=True):
        return self.first.backward(self.head.backward(dy), input_gradient=input_gradient)

class Attribute(Single):
    def forward(self, x): return self.head(self.frist(x))

class Name(Single):
    def backward(self, dy, *, input_gradient=True): return unknown

class Index(Single):
    def forward(self, x): return [self.head][3](x)

class Joined(Single):
    def forward(self, x): return np.concatenate([x, x[0]])

class Narrow(Single):
    def forward(self, x): return self.head(self.first(x)[..., :3])

class Made(Single):
    def __init__(self):
        self.kernels = {}["kernels"]
"""


def test_a_network_of_ones_own_keeps_its_defaults_and_may_have_one_logit(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "faulty.py").write_text(FAULTY)
    own = ("--images", 6, "--size", 32, "--network", "faulty.py:Single")
    done = tinyunet("train", "--steps", 2, *own, "--out", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    made = "network: Single(num_classes=1, base_channels=7, padding='same', seed=5)"
    assert made in done.stderr.splitlines()
    resumed = tinyunet("train", "--resume", "run", *own[-2:], cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert made in resumed.stderr.splitlines()
    done = tinyunet("train", "--steps", 1, *own, "--base-channels", 4, "--seed", 2, cwd=tmp_path)
    assert "Single(num_classes=1, base_channels=4, padding='same', seed=2)" in done.stderr


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Attribute", "in forward: AttributeError: 'Attribute' object has no attribute 'frist'"),
        ("Name", "in backward: NameError: name 'unknown' is not defined"),
        ("Index", "in forward: IndexError: list index out of range"),
        ("Joined", "in forward: ValueError: all the input array"),
        ("Made", "in __init__: KeyError: 'kernels'"),
    ],
)
def test_a_mistake_in_a_file_of_the_users_is_said_with_its_place(name, says, tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "faulty.py").write_text(FAULTY)
    function = says.split()[1].rstrip(":")
    lines = FAULTY.splitlines()
    start = lines.index(f"class {name}(Single):") + 1
    line = next(i for i in range(start, len(lines)) if f"def {function}(" in lines[i]) + 1
    line += name == "Made"
    small = ("--steps", 1, "--images", 6, "--size", 32, "--network", f"faulty.py:{name}")
    for command in (("train", *small), ("gradcheck", "--network", f"faulty.py:{name}")):
        done = tinyunet(*command, cwd=tmp_path)
        assert done.returncode == 2
        assert f"error: faulty.py, line {line}, {says}" in done.stderr
        assert "tinyunet's" not in done.stderr


def test_words_of_tinyunets_say_which_line_of_the_users_called_it(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "faulty.py").write_text(FAULTY)
    done = tinyunet("gradcheck", "--network", "faulty.py:Narrow", cwd=tmp_path)
    line = FAULTY.splitlines().index("class Narrow(Single):") + 2
    assert done.returncode == 2
    assert "got an input with 3 channels" in done.stderr
    assert done.stderr.endswith(f"(faulty.py, line {line}, in forward)\n")


def test_train_by_the_papers_recipe(tmp_path):
    small = ("--images", 6, "--size", 48, "--depth", 2, "--base-channels", 2, "--steps", 2)
    done = tinyunet("train", "--recipe", "paper", *small, "--out", "paper", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "U-Net, mean of rotations" in done.stdout
    settings = json.loads((tmp_path / "paper/settings.json").read_text())
    assert (settings["optimizer"], settings["padding"], settings["depth"]) == ("sgd", "valid", 2)


def test_a_folder_of_numbered_cells_is_a_guess_that_can_be_put_right(tmp_path):
    cells = synthetic_cells(8, 48, seed=2)
    for name in ("images", "masks"):
        (tmp_path / "mine" / name).mkdir(parents=True)
    for i, (image, truth) in enumerate(zip(cells.images, cells.instances, strict=True)):
        gray = (255 * image[..., 0].clip(0, 1)).astype(np.uint8)
        Image.fromarray(gray).save(tmp_path / f"mine/images/{i}.png")
        Image.fromarray(truth.astype(np.uint8)).save(tmp_path / f"mine/masks/{i}.png")
    assert max(truth.max() for truth in cells.instances) <= 15
    small = ("--data", "mine", "--steps", 1, "--depth", 1, "--base-channels", 2, "--out")
    done = tinyunet("train", *small, "guessed", cwd=tmp_path)
    assert "if each is a cell, say --masks instances" in done.stderr
    done = tinyunet("train", *small, "told", "--masks", "instances", cwd=tmp_path)
    assert "SEG" in done.stdout
    assert "(as was said)" in done.stderr
    done = tinyunet("evaluate", "told/best.npz", "--json", cwd=tmp_path)
    told = json.loads((tmp_path / "told/results.json").read_text())["test"]
    told.pop("U-Net, mean of symmetries")
    assert json.loads(done.stdout)["mean"] == told


def test_predict_takes_gray_images_saved_in_colour(run):
    folder, _ = run
    gray = (255 * synthetic_cells(1, 40, seed=4).images[0][..., 0].clip(0, 1)).astype(np.uint8)
    Image.fromarray(gray).save(folder / "plain.png")
    Image.fromarray(np.stack([gray] * 3, axis=2)).save(folder / "rgb.png")
    model = "runs/synthetic-cells-1/best.npz"
    done = tinyunet("predict", model, "plain.png", "rgb.png", "--out", "gray", cwd=folder)
    assert done.returncode == 0, done.stderr
    plain, rgb = (np.asarray(Image.open(folder / f"gray/{n}_labels.png")) for n in ("plain", "rgb"))
    np.testing.assert_array_equal(plain, rgb)


def test_mistakes_leave_no_folder_and_resume_ignores_nothing(run):
    folder, _ = run
    for wrong in (("--steps", 0), ("--minutes", -1), ("--batch-size", 0, "--steps", 1)):
        assert tinyunet("train", *wrong, "--out", "nothing", cwd=folder).returncode == 2
        assert not (folder / "nothing").exists()
    done = tinyunet("train", "--steps", 3, "--minutes", 1, cwd=folder)
    assert "give --steps or --minutes, not both" in done.stderr
    done = tinyunet(
        "train", "--resume", "runs/synthetic-cells-1", "--lr", 1, "--steps", 9, cwd=folder
    )
    assert done.returncode == 2
    assert "leave out --lr, --steps, or begin a new run" in done.stderr


MISTAKES = {
    "masks of no folder": (("train", "--masks", "binary", "--steps", 1), "a folder of yours"),
    "empty masks": (("train", "--data", "hollow", "--steps", 1), "has anything in it"),
    "no such recipe": (("train", "--recipe", "slow"), "quick, paper, got 'slow'"),
    "no such data": (("train", "--data", "nowhere"), "no known data set"),
    "wrong size": (("train", "--steps", 1, "--crop", 50), "nearest valid sizes are 48 or 56"),
    "empty folder": (("train", "--steps", 1, "--data", "empty"), "images"),
    "mask without image": (("train", "--steps", 1, "--data", "orphan"), "b.png"),
    "unreadable image": (("predict", "good.npz", "broken.png"), "broken.png"),
    "missing image": (("predict", "good.npz", "missing.png"), "missing.png"),
    "NaN image": (("predict", "good.npz", "nan.tif"), "NaN"),
    "wrong channel count": (("predict", "good.npz", "rgb.png"), "(20, 24, 3)"),
    "truncated checkpoint": (("predict", "cut.npz", "gray.png"), "no complete tinyunet checkpoint"),
    "missing checkpoint": (("evaluate", "none.npz"), "none.npz"),
    "label out of range": (("evaluate", "good.npz", "--data", "labels"), "knows 2 classes"),
    "another architecture": (("train", "--resume", "other"), "depth: 1 in the file, 2 asked for"),
    "nothing to resume": (("train", "--resume", "empty"), "no run to resume"),
    "details of classes": (("evaluate", "three.npz", "--details"), "--details are of single cells"),
    "bad part": (("evaluate", "good.npz", "--part", "some"), "'some'"),
    "bad average": (("train", "--steps", 1, "--average", "all"), "none, symmetries, rotations"),
    "threshold of classes": (("predict", "three.npz", "gray.png", "--threshold", 0.4), "3 classes"),
    "bad depth": (("summary", "--depth", 0), "depth must be at least 1"),
    "bad tile": (("predict", "m.npz", "a.png", "--tile", 0), "--tile must be at least 1, got 0"),
    "no such network": (("train", "--network", "Wide"), "no network called 'Wide', but "),
    "a class of no file": (("summary", "--network", "none.py:Wide"), "none.py: no such file"),
    "an option of another network": (
        ("train", "--network", "own.py:Shallow", "--depth", 3, "--steps", 1),
        "the network Shallow takes no --depth",
    ),
    "no GPU": (("train", "--steps", 1, "--device", "gpu"), "tinyunet[cuda12]"),
}


@pytest.fixture(scope="module")
def mistakes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mistakes")
    write_mistakes(folder, tu.UNet(1, 2, base_channels=2, depth=1, padding="same"))
    small = ("--images", 6, "--size", 32, "--depth", 1, "--base-channels", 2)
    done = tinyunet("train", "--steps", 2, *small, "--out", "other", cwd=folder)
    assert done.returncode == 0, done.stderr
    settings = json.loads((folder / "other/settings.json").read_text())
    (folder / "other/settings.json").write_text(json.dumps({**settings, "depth": 2}))
    return folder


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_end_with_code_2_and_a_clear_word(name, mistakes):
    if name == "no GPU" and tu.gpu_available():
        pytest.skip("there is a GPU here")
    arguments, message = MISTAKES[name]
    done = tinyunet(*arguments, cwd=mistakes)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert message in done.stderr
