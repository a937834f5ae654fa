"""A run knows its images: it goes on with them, and with no others, from any folder."""

import json
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import tinyunet as tu
from tinyunet.commands import main as cli
from tinyunet.data import synthetic_cells
from tinyunet.engine.workers import ALONE
from tinyunet.runs import images
from tinyunet.runs import train as run
from tinyunet.runs.folder import read_record, read_settings
from tinyunet.runs.images import scored_images
from tinyunet.runs.record import PARTS, Record, sums
from tinyunet.runs.settings import Settings

CELLS = synthetic_cells(9, (32, 40), seed=2)
SMALL = {"steps": 4, "base_channels": 2, "depth": 1, "batch_size": 2, "average": "none"}


def save(folder, i, name):
    gray = (255 * CELLS.images[i][..., 0].clip(0, 1)).astype(np.uint8)
    for kind, pixels in (("images", gray), ("masks", (255 * CELLS.labels[i]).astype(np.uint8))):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / kind / f"{name}.png")


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A folder of images from which a run began and was interrupted after two of four steps."""
    monkeypatch.chdir(tmp_path)
    for i in range(6):
        save(tmp_path / "mine", i, f"c{i}")
    settings = Settings(data="mine", **SMALL)
    plain = run.Training.run
    for slow in ("_score", "draw"):
        monkeypatch.setattr(run, slow, lambda *arguments: None)
    monkeypatch.setattr(run, "scoring_seconds", lambda *arguments: 0)

    def two_steps(training):
        for step in training.steps():
            if step.number == 2:
                break
        training.finish()
        return training.history

    monkeypatch.setattr(run.Training, "run", two_steps)
    result = run.train(settings, tmp_path / "r", tell=lambda sentence: None)
    assert len(result.history.loss) == 2
    monkeypatch.setattr(run.Training, "run", plain)
    return tmp_path / "mine"


def names(parts):
    return [part.names for part in parts]


def resumed(folder, **changes):
    """Resume the run; return its parts, its loss and what was said."""
    said = []
    settings = read_settings(folder)
    for name, value in changes.items():
        setattr(settings, name, value)
    result = run.train(settings, folder, resume=True, tell=said.append)
    return names(result.parts), result.history.loss, said


def test_names_and_checksums_are_in_the_settings_and_not_in_the_model(mine, tmp_path):
    record = read_record(tmp_path / "r")
    assert sorted(name for part in PARTS for name in record.parts[part]) == [
        f"c{i}" for i in range(6)
    ]
    assert record.folder == str(mine)
    assert record.versions["tinyunet"] == tu.__version__
    assert record.versions["numpy"] == np.__version__
    assert "images/c3.png" in record.files
    assert "masks/c3.png" in record.files
    text = json.dumps(tu.load(tmp_path / "r/best.npz", everything=True).state)
    assert "c3" not in text
    assert str(tmp_path) not in text
    assert Record.restored(json.loads(json.dumps(record.to_dict()))) == record


def test_what_was_added_is_left_out_and_what_was_interrupted_ends_as_it_would_have(mine, tmp_path):
    shutil.copytree(tmp_path / "r", tmp_path / "same")
    before = read_record(tmp_path / "r").parts
    expected, loss, said = resumed(tmp_path / "same")
    assert said == []
    save(mine, 6, "a_new_one")  # the seed would deal seven images out in another way
    parts, again, said = resumed(tmp_path / "r")
    assert parts == expected == [list(before[part]) for part in PARTS]
    assert again == loss
    assert said == [
        f"2 files are in {mine} that came after the run began, left out here: images/a_new_one.png, "
        "masks/a_new_one.png"
    ]


def test_an_added_file_that_would_change_how_all_are_read_is_not_even_read(mine, tmp_path):
    save(mine, 6, "z")
    Image.fromarray((7 * CELLS.labels[6]).astype(np.uint8)).save(mine / "masks/z.png")
    (mine / "images/broken.png").write_bytes(b"no image")
    assert len(resumed(tmp_path / "r")[1]) == 4


@pytest.mark.parametrize("kind", ["images", "masks"])
def test_a_file_that_is_missing_is_named(mine, tmp_path, kind):
    (mine / kind / "c2.png").unlink()
    with pytest.raises(
        FileNotFoundError, match=rf"1 file is of .*: {kind}/c2\.png\. Put back what"
    ):
        resumed(tmp_path / "r")


@pytest.mark.parametrize(("kind", "what"), [("images", "image"), ("masks", "mask")])
def test_a_file_that_differs_is_named(mine, tmp_path, kind, what):
    pixels = np.asarray(Image.open(mine / kind / "c4.png")).copy()
    pixels[:3] = 255
    Image.fromarray(pixels).save(mine / kind / "c4.png")
    words = (
        rf"1 \w+ image of the run is not as the run had it: c4 \(its {what}\)\. Put the old files"
    )
    with pytest.raises(ValueError, match=words):
        resumed(tmp_path / "r")
    assert not (tmp_path / "r/.running").exists()


def test_validation_images_of_which_nothing_counts_are_refused(tmp_path):
    blank = tu.data.Dataset(CELLS.images[:1], [np.full((32, 40), 255)], ignore_label=255)
    with pytest.raises(ValueError, match="every pixel of the validation images is ignored"):
        run._prepared(Settings(**SMALL), (CELLS, blank, CELLS), tmp_path / "r", False, print, ALONE)


def test_another_version_is_a_reason_that_is_named(mine, tmp_path):
    path = tmp_path / "r/settings.json"
    values = json.loads(path.read_text())
    values["run"]["versions"]["tinyunet"] = "0.0.1"
    path.write_text(json.dumps(values))
    assert resumed(tmp_path / "r")[2] == []
    save(mine, 7, "c4")
    with pytest.raises(
        ValueError, match=r"read otherwise: the run began with tinyunet 0\.0\.1, now "
    ):
        resumed(tmp_path / "r")


def test_what_the_system_leaves_in_a_folder_may_come_and_go(mine, tmp_path):
    path, settings = (
        tmp_path / "r/settings.json",
        json.loads((tmp_path / "r/settings.json").read_text()),
    )
    settings["run"]["files"].append("images/Thumbs.db")  # was there, and is no more
    path.write_text(json.dumps(settings))
    (mine / "masks/desktop.ini").touch()
    _, loss, said = resumed(tmp_path / "r")
    assert (len(loss), said) == (4, [])


def test_real_data_are_looked_for_where_the_user_says_and_else_where_they_are(
    tmp_path, monkeypatch
):
    asked = []

    def load_data(settings):
        asked.append(settings.data_root)
        return CELLS

    monkeypatch.setattr(images, "load_data", load_data)
    was = Settings(data="dsb2018", data_root=str(tmp_path))
    record = Record.of(tmp_path, [], CELLS.split(seed=was.split_seed))
    for root in (str(tmp_path), "elsewhere"):
        now = replace(was, data_root=root)
        scored_images(now, was, record, "test", print)
        images.same_parts(now, images.moved(record, now, was), print)
    gone = replace(record, folder=str(tmp_path / "gone"))
    images.same_parts(replace(was, data_root=None), gone, print)
    assert asked == [str(tmp_path)] * 2 + ["elsewhere"] * 2 + [None]


def test_it_goes_on_from_any_folder_and_says_where_the_images_were(mine, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    shutil.copytree(tmp_path / "r", tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "elsewhere")
    parts, loss, _ = resumed(tmp_path / "r")
    mine.rename(tmp_path / "moved")
    with pytest.raises(
        FileNotFoundError, match=r"were in .*mine, where no folder .* --data FOLDER"
    ):
        resumed(tmp_path / "copy")
    assert resumed(tmp_path / "copy", data="../moved")[:2] == (parts, loss)
    # From then on it is known where they are.
    assert read_record(tmp_path / "copy").folder == str(tmp_path / "elsewhere/../moved")
    assert read_settings(tmp_path / "copy").data == "../moved"


def test_other_images_are_not_taken_for_the_runs(mine, tmp_path):
    for i in range(6):
        save(tmp_path / "other", 8 - i, f"c{i}")
    with pytest.raises(ValueError, match="not as the run had"):
        resumed(tmp_path / "r", data=str(tmp_path / "other"))


def test_a_run_of_before_there_were_records_goes_on_and_says_what_it_does_not_know(mine, tmp_path):
    path = tmp_path / "r/settings.json"
    values = json.loads(path.read_text())
    del values["run"]
    path.write_text(json.dumps(values))
    assert read_record(tmp_path / "r") is None
    assert "took no names of its images down" in resumed(tmp_path / "r")[2][0]


def test_a_run_of_before_there_were_records_has_copies_in_whatever_part(mine):
    settings = Settings(data="mine")
    before = names(images.same_parts(settings, None, lambda sentence: None))
    for i in (1, 2, 3):
        shutil.copy(mine / "images/c0.png", mine / f"images/c{i}.png")
    assert names(images.same_parts(settings, None, lambda sentence: None)) == before
    assert names(images.first_parts(settings, lambda sentence: None)[0]) != before


@pytest.mark.parametrize(
    "wrong", [[], {"parts": {}}, {"folder": 3}, {"parts": {part: {"a": ["1"]} for part in PARTS}}]
)
def test_a_record_that_is_none_is_said(mine, tmp_path, wrong):
    path = tmp_path / "r/settings.json"
    values = json.loads(path.read_text())
    values["run"] = values["run"] | wrong if isinstance(wrong, dict) else wrong
    path.write_text(json.dumps(values))
    with pytest.raises(ValueError, match=r"settings\.json holds no settings that tinyunet wrote"):
        read_record(tmp_path / "r")


# ---------------------------------------------------------------------- evaluate


def scored(tmp_path, part="test", **changes):
    """What evaluate would score, and what it says."""
    said = []
    own, record = read_settings(tmp_path / "r"), read_record(tmp_path / "r")
    settings = read_settings(tmp_path / "r")
    for name, value in changes.items():
        setattr(settings, name, value)
    return scored_images(settings, own, record, part, said.append), said


def test_evaluate_scores_the_runs_own_parts(mine, tmp_path, monkeypatch):
    record = read_record(tmp_path / "r")
    save(mine, 6, "a_new_one")
    monkeypatch.chdir("/")
    for part in PARTS:
        data, said = scored(tmp_path, part)
        assert data.names == list(record.parts[part])
        assert "a_new_one" in said[0]
    everything, said = scored(tmp_path, "all")
    assert (len(everything), said) == (7, [])


def test_evaluate_knows_moved_images_by_what_they_are(mine, tmp_path):
    record = read_record(tmp_path / "r")
    shutil.copytree(mine, tmp_path / "copied")
    save(tmp_path / "copied", 7, "a_new_one")
    data, said = scored(tmp_path, data=str(tmp_path / "copied"))
    assert (data.names, said) == (list(record.parts["test"]), [])


def test_evaluate_counts_the_images_that_the_model_was_trained_on(mine, tmp_path):
    record = read_record(tmp_path / "r")
    save(tmp_path / "new", 8, "new")
    for i, name in enumerate(record.parts["train"]):  # under other names
        save(tmp_path / "new", int(name[1:]), f"other{i}")
    data, said = scored(tmp_path, data=str(tmp_path / "new"))
    seen = sum(name != "new" for name in data.names)
    assert seen
    assert f"of these {len(data)} test images the model's run had {seen} to train on" in said[0]
    seen = len(record.parts["train"])
    everything, said = scored(tmp_path, "all", data=str(tmp_path / "new"))
    assert f"of these {len(everything)} images the model's run had {seen} to train on" in said[0]
    old, said = scored(tmp_path, split_seed=5)
    assert "to train on or to choose its best moment by" in said[0]
    assert len(old) == 1


def test_evaluate_refuses_changed_images_of_the_part_it_scores_only(mine, tmp_path):
    record = read_record(tmp_path / "r")
    (test,), (trained, *_) = record.parts["test"], record.parts["train"]
    save(mine, 7, trained)
    assert scored(tmp_path)[0].names == [test]
    save(mine, 8, test)
    with pytest.raises(
        ValueError, match=f"1 test image of the run is not as the run had it: {test}"
    ):
        scored(tmp_path)


def test_the_command_evaluates_and_resumes_from_elsewhere(mine, tmp_path, monkeypatch, capsys):
    monkeypatch.undo()
    monkeypatch.chdir("/")

    def tinyunet(*arguments):
        monkeypatch.setattr(sys, "argv", ["tinyunet", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        return stopped.value.code, capsys.readouterr()

    assert tinyunet("train", "--resume", tmp_path / "r")[0] == 0
    trained = json.loads((tmp_path / "r/results.json").read_text())["test"]
    code, said = tinyunet("evaluate", tmp_path / "r/best.npz", "--json")
    assert code == 0
    assert json.loads(said.out)["mean"] == trained
    (mine / "images/c0.png").unlink()
    code, said = tinyunet("train", "--resume", tmp_path / "r")
    assert code == 2
    assert "images/c0.png" in said.err


# ---------------------------------------------------------------------- checksums


def test_a_checksum_is_of_values_and_shapes():
    one = tu.data.Dataset([np.zeros((4, 6, 1))], [np.eye(4, 6, dtype=np.uint8)], names=["a"])
    same = tu.data.Dataset([np.zeros((4, 6, 1), np.float32)], [np.eye(4, 6, dtype=np.int64)])
    turned = tu.data.Dataset([np.zeros((6, 4, 1))], [np.eye(6, 4, dtype=bool)])
    other = tu.data.Dataset([np.full((4, 6, 1), 1e-7)], [2 * np.eye(4, 6, dtype=int)])
    first = sums(one)["a"]
    assert sums(same)["0"] == first
    assert all(a != b for a, b in zip(sums(turned)["0"], first, strict=True))
    assert all(a != b for a, b in zip(sums(other)["0"], first, strict=True))
