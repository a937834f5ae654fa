"""`tinyunet paint`: pairs from folders, a run from its first step to its last, paintings afterwards."""

import json
import threading

import numpy as np
import pytest
import tifffile
from PIL import Image
from test_relatives_commands import said

import tinyunet as tu
from tinyunet.data import PicturePairs, load_gray_pairs, load_pairs, rgb_to_yuv
from tinyunet.data.sets.line_art import EMPTY
from tinyunet.engine.locks import FolderLock
from tinyunet.learning import checkpoint
from tinyunet.runs.painting import networks, source, train
from tinyunet.runs.painting.folder import load_painter, read_settings
from tinyunet.runs.painting.kinds import KINDS, drawing
from tinyunet.runs.painting.pictures import given_to, paint_picture, sheet
from tinyunet.runs.painting.settings import RECIPES, PaintSettings

SMALL = {"crop": 16, "batch_size": 2, "base_channels": 2}


def colours(seed, height=20, width=24):
    """A smooth picture of 8 bits (H, W, 3)."""
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, 256, (2, 2, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(corners).resize((width, height), Image.Resampling.BILINEAR))


@pytest.fixture
def folder(tmp_path):
    """Five pairs: files of several kinds, the names of which differ in their ends and capitals."""
    for inside in ("images", "targets"):
        (tmp_path / "mine" / inside).mkdir(parents=True)
    ends = [("png", "png"), ("tif", "png"), ("jpg", "bmp"), ("webp", "tif"), ("PNG", "gif")]
    for i, (of_image, of_target) in enumerate(ends):
        picture = colours(i)
        gray = picture.mean(2).round().astype(np.uint8)
        image, target = tmp_path / f"mine/images/a{i}.{of_image}", f"mine/targets/A{i}.{of_target}"
        how = {"lossless": True} if of_image == "webp" else {}
        if of_image == "tif":
            tifffile.imwrite(image, gray)
        else:
            Image.fromarray(gray).save(image, **how)
        Image.fromarray(picture).save(tmp_path / target)
    return tmp_path / "mine"


@pytest.fixture
def run(folder, tmp_path):
    """A finished run of two steps."""
    settings = PaintSettings(data=str(folder), steps=2, **SMALL)
    return train.train(settings, tmp_path / "run", tell=lambda line: None)


# ---------------------------------------------------------------------- pairs


def test_pairs_are_read_from_files_of_all_kinds(folder):
    pairs = load_pairs(folder)
    assert pairs.names == ["a0", "a1", "a2", "a3", "a4"]
    assert {x.shape for x in pairs.inputs} == {(20, 24, 1)}
    assert {y.shape for y in pairs.targets} == {(20, 24, 3)}
    np.testing.assert_array_equal(pairs.targets[1], np.float32(colours(1)) / np.float32(255))
    assert all(x.dtype == np.float32 for x in (*pairs.inputs, *pairs.targets))


def test_all_that_is_wrong_with_pairs_is_said_at_once(folder):
    Image.fromarray(colours(7)).save(folder / "images/alone.png")
    Image.fromarray(colours(7, 20, 23)).save(folder / "targets/a0.png")
    (folder / "targets/A0.png").unlink(missing_ok=True)
    Image.fromarray(colours(7, 20, 23)).save(folder / "targets/a0.png")
    (folder / "images/a1.tif").write_bytes(b"nothing")
    with pytest.raises(ValueError) as caught:
        load_pairs(folder)
    said_of_it = str(caught.value)
    assert f"alone.png has no picture of that name in {folder / 'targets'}" in said_of_it
    assert "a0.png is 20x24 (height x width), but its target" in said_of_it
    assert "is 20x23" in said_of_it
    assert "a1.tif: cannot be read: it begins as no image does" in said_of_it
    (folder / "targets").rename(folder / "elsewhere")
    with pytest.raises(FileNotFoundError, match=r"should hold the folders images and targets"):
        load_pairs(folder)


def test_channels_of_pictures_that_differ(folder):
    Image.fromarray(colours(0)).save(folder / "images/a0.png")  # one in colour among gray ones
    pairs = load_pairs(folder, fit=lambda picture: picture[:16])
    assert {x.shape for x in pairs.inputs} == {(16, 24, 3)}
    np.testing.assert_array_equal(pairs.inputs[1][..., 0], pairs.inputs[1][..., 2])
    bands = np.zeros((20, 24, 5), np.uint8)
    tifffile.imwrite(
        folder / "images/a1.tif", bands, photometric="minisblack", planarconfig="contig"
    )
    with pytest.raises(ValueError, match=r"a1.tif has 5 channels, but others have 1: convert it"):
        load_pairs(folder)
    tifffile.imwrite(
        folder / "targets/A2.tif", bands, photometric="minisblack", planarconfig="contig"
    )
    (folder / "targets/A2.bmp").unlink()
    with pytest.raises(ValueError, match=r"A2.tif has 5 channels: a target is gray or in colour"):
        load_pairs(folder)


def test_deep_inputs_among_others_are_stretched_as_in_training(folder):
    deep = 100 + 50 * np.arange(480, dtype=np.uint16).reshape(20, 24)
    tifffile.imwrite(folder / "images/a1.tif", deep)
    pairs = load_pairs(folder)
    assert pairs.stretched
    expected = tu.data.read_image(folder / "images/a0.png", stretch=True)
    np.testing.assert_array_equal(pairs.inputs[0], expected)
    np.testing.assert_array_equal(pairs.inputs[1], tu.data.read_image(folder / "images/a1.tif"))


def test_pages_of_a_stack_are_pairs_that_stay_together(folder):
    pages = np.stack([colours(i) for i in range(3)])
    tifffile.imwrite(folder / "images/stack.tif", pages[..., 0], photometric="minisblack")
    tifffile.imwrite(folder / "targets/stack.tif", pages, photometric="rgb")
    pairs = load_pairs(folder)
    assert pairs.names[-3:] == ["stack[0]", "stack[1]", "stack[2]"]
    np.testing.assert_array_equal(pairs.targets[-1], np.float32(pages[2]) / np.float32(255))
    for seed in range(4):
        settings = PaintSettings(data=str(folder), split_seed=seed, **SMALL)
        held = source.source_of(settings).held
        assert sum("stack" in name for name in held.names) in (0, 3)
    tifffile.imwrite(folder / "targets/stack.tif", pages[:2], photometric="rgb")
    with pytest.raises(ValueError, match=r"is 20x24, 3 pages \(height .* is 20x24, 2 pages"):
        load_pairs(folder)


def test_gray_and_colour_of_colour_pictures(folder):
    Image.fromarray(colours(9)[..., 0]).save(folder / "targets/gray.png")
    pairs = load_gray_pairs(folder / "targets")
    assert pairs.names == ["A0", "A1", "A2", "A3", "A4"]
    assert pairs.notes == ["left out, for they have no colour: gray.png"]
    exact = rgb_to_yuv(np.float32(colours(0)) / 255)
    np.testing.assert_allclose(pairs.inputs[0], exact[..., :1], atol=1e-6)
    np.testing.assert_allclose(pairs.targets[0], exact[..., 1:], atol=1e-6)
    back = KINDS["gray"].painted(pairs.inputs[0], pairs.targets[0])
    np.testing.assert_allclose(back, colours(0) / 255, atol=1e-5)
    with pytest.raises(ValueError, match="none of its 5 pictures has a colour to learn"):
        load_gray_pairs(folder)  # finds images/ in it, which are gray


def test_windows_depend_on_the_seed_and_the_step_only():
    plain = [np.arange(12 * n * 2, dtype="float32").reshape(12, n, 2) for n in (9, 14)]
    pairs = PicturePairs(["a", "b"], plain, [x + 1000 for x in plain], ["a", "b"])
    one, same, other = (pairs.windows(step, 6, 8, seed=3) for step in (5, 5, 6))
    np.testing.assert_array_equal(one.inputs, same.inputs)
    assert not np.array_equal(one.inputs, other.inputs)
    np.testing.assert_array_equal(one.targets, one.inputs + 1000)  # cut and mirrored alike
    steps = {int(np.sign(window[0, 1, 0] - window[0, 0, 0])) for window in one.inputs}
    assert steps == {-1, 1}


# ---------------------------------------------------------------------- what numbers stand for


def test_strokes_in_colour_are_hints():
    picture = np.full((6, 8, 3), 0.9, "float32")
    picture[2] = 0.1  # a line
    picture[4, 3:6] = (0.9, 0.2, 0.2)
    given = drawing(picture)
    assert given.shape == (6, 8, 4)
    assert given.dtype == np.float32
    np.testing.assert_allclose(given[2, :, 0], 0.1, atol=1e-6)
    np.testing.assert_allclose(given[4, 3:6], [[1, *rgb_to_yuv(picture[4, 3])]] * 3, atol=1e-6)
    assert (given[..., 1:] == EMPTY).all(-1).sum() == 45
    np.testing.assert_array_equal(drawing(picture[..., :1])[..., 1:], np.full((6, 8, 3), EMPTY))
    shown = KINDS["line-art"].shown(given)
    np.testing.assert_allclose(shown[4, 4], picture[4, 4], atol=1e-5)
    np.testing.assert_allclose(shown[0, 0], 0.9, atol=1e-6)


@pytest.mark.parametrize("name", ["line-art", "coin-flip-colours"])
def test_a_target_is_painted_as_itself(name):
    held = source.source_of(PaintSettings(data=name, images=1)).held
    real = KINDS[name].painted(held.inputs[0], held.targets[0])
    assert real.shape == (32, 32, 3)
    assert 0 <= real.min() < 0.2 < 0.8 < real.max() <= 1


def test_pictures_are_brought_to_the_side_that_a_network_knows():
    picture = colours(2, 40, 60).astype("float32") / 255
    assert source.fitted(picture, 16, 40) is picture
    assert source.fitted(picture, 16, 20).shape == (20, 30, 3)
    assert source.fitted(picture, 48, 60).shape == (48, 72, 3)
    assert source.fitted(picture, 64, 20).shape[0] == 64  # the window counts
    np.testing.assert_allclose(
        source.resized(source.resized(picture, (80, 120)), (40, 60)), picture, atol=0.03
    )


# ---------------------------------------------------------------------- settings


def test_what_is_trained_by_default():
    bare = PaintSettings()
    assert (bare.data, bare.network, bare.judge) == ("line-art", "paintschainer", "none")
    assert PaintSettings(network="pix2pix").data == "coin-flip-colours"
    assert PaintSettings(data="mine").network == "pix2pix"
    assert PaintSettings(data="line_art").kind == "line-art"
    assert PaintSettings(data="mine", colour="gray").kind == "gray"
    assert PaintSettings(data="line-art").batch_size == 2 * PaintSettings(data="x").batch_size
    paper = PaintSettings(data="mine", recipe="paper")
    assert vars(paper).items() >= RECIPES["paper"]["pix2pix"].items()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"network": "segnet"}, "paint trains pix2pix or paintschainer, got the network 'segnet'"),
        ({"colour": "sepia", "data": "x"}, "--colour is gray, got 'sepia'"),
        ({"colour": "gray"}, "--colour gray needs a folder"),
        ({"recipe": "slow"}, "recipe must be one of quick, paper, got 'slow'"),
        ({"judge": "jury"}, "judge must be one of patchgan, paintschainer, none, got 'jury'"),
    ],
)
def test_settings_that_cannot_be(options, words):
    with pytest.raises(ValueError, match=words):
        PaintSettings(**options)


@pytest.mark.parametrize("network", ["pix2pix", "paintschainer"])
def test_paper_is_the_authors_size_and_quick_is_small(network, monkeypatch):
    made = []
    monkeypatch.setattr(networks, "make_within", lambda cls, o, *_, **__: made.append((cls, o)))
    settings = PaintSettings(data="x", network=network, recipe="paper")
    for name in {"pix2pix": ("Pix2PixGenerator", "PatchGAN")}.get(network, ("PaintsChainer",)):
        networks._made(name, settings)
    assert [options for _, options in made] == [{"seed": 0}, {"seed": 1}][: len(made)]
    monkeypatch.undo()
    quick = PaintSettings(data="x", network=network, judge="paintschainer")
    generator, judge = networks.build(quick, (1, 3))
    assert generator.num_parameters + judge.num_parameters < 600_000


# ---------------------------------------------------------------------- a run


def test_a_run_leaves_pictures_scores_and_models(run, folder):
    found = {path.name for path in run.out.iterdir()}
    assert found == {"settings.json", "last.npz", "model.npz", "pictures.png", "results.json"}
    results = json.loads((run.out / "results.json").read_text())
    assert results["held"] == run.rows
    assert results["steps"] == 2
    assert set(results["images"]) == set(run.source.held.names)
    assert run.rows["target"]["L1"] == 0
    assert run.rows["target"]["texture"] == pytest.approx(1)
    assert 0 < run.rows["one colour"]["L1"] < 1
    page = np.asarray(Image.open(run.out / "pictures.png"))
    assert page.shape[2] == 3
    assert page.shape[0] > 2 * 100  # two small pictures, enlarged
    known = json.loads((run.out / "settings.json").read_text())
    assert known["command"] == "paint"
    assert sorted(known["run"]["train"]) + sorted(known["run"]["held"])
    small = (run.out / "model.npz").stat().st_size
    assert small < (run.out / "last.npz").stat().st_size / 2  # the generator alone


@pytest.mark.parametrize("judge", ["patchgan", "paintschainer", "none"])
def test_a_run_that_was_stopped_ends_as_if_it_was_not(folder, tmp_path, monkeypatch, judge):
    def settings():
        return PaintSettings(data=str(folder), steps=4, judge=judge, **SMALL)

    def quiet(line):
        told.append(line)

    told = []
    train.train(settings(), tmp_path / "whole", tell=quiet)
    keep = train.Sheet.keep

    def stopped(self, now=False):
        keep(self, now=True)  # a sheet at each step, which changes nothing
        stopped.calls += 1
        if stopped.calls == 2:
            raise KeyboardInterrupt

    stopped.calls = 0
    monkeypatch.setattr(train.Sheet, "keep", stopped)
    with pytest.raises(KeyboardInterrupt):
        train.train(settings(), tmp_path / "broken", tell=quiet)
    monkeypatch.undo()
    assert told[-1] == f"go on with: tinyunet paint --resume {tmp_path / 'broken'}"
    again = train.train(read_settings(tmp_path / "broken"), tmp_path / "broken", resume=True)
    assert len(again.history) == 4
    whole, broken = (np.load(tmp_path / f"{name}/last.npz") for name in ("whole", "broken"))
    assert sorted(whole.files) == sorted(broken.files)
    for name in whole.files:
        np.testing.assert_array_equal(whole[name], broken[name])
    loaded = [
        checkpoint.load(tmp_path / f"{n}/last.npz", everything=True) for n in ("whole", "broken")
    ]
    states = [dict(found.model.named_generators()) for found in loaded]
    for name, generator in states[0].items():
        assert generator.bit_generator.state == states[1][name].bit_generator.state


def test_a_run_goes_on_with_its_own_pictures(run, folder):
    Image.fromarray(colours(8)[..., 0]).save(folder / "images/new.png")
    Image.fromarray(colours(8)).save(folder / "targets/new.png")
    settings = read_settings(run.out)
    again = train.train(settings, run.out, resume=True, tell=lambda line: None)
    assert again.complete_before
    assert again.rows == run.rows  # the new one was left out
    Image.fromarray(colours(5)).save(folder / "targets/A1.png")
    with pytest.raises(ValueError, match=r"1 of the run's pictures .* not as they were: a1"):
        train.train(settings, run.out, resume=True)
    (folder / "targets/A1.png").unlink()
    (folder / "images/a1.tif").unlink()
    with pytest.raises(ValueError, match=r"1 of the run's pictures are not in .* any more: a1"):
        train.train(settings, run.out, resume=True)


def test_two_runs_cannot_write_into_one_folder(run, folder, tmp_path):
    settings = PaintSettings(data=str(folder), steps=2, **SMALL)
    with pytest.raises(FileExistsError, match="already holds a run"):
        train.train(settings, run.out)
    (tmp_path / "busy").mkdir()
    taken, done = threading.Event(), threading.Event()

    def hold():
        with FolderLock(tmp_path / "busy").held():
            taken.set()
            done.wait(60)

    other = threading.Thread(target=hold)
    other.start()
    taken.wait(60)
    try:
        with pytest.raises(BlockingIOError, match="another training"):
            train.train(settings, tmp_path / "busy", tell=lambda line: None)
    finally:
        done.set()
        other.join()


def test_a_run_that_was_never_kept_begins_anew(run, folder):
    (run.out / "last.npz").unlink()
    told = []
    again = train.train(read_settings(run.out), run.out, resume=True, tell=told.append)
    assert "begins anew" in "".join(told)
    assert again.rows == run.rows


def test_a_run_that_diverges_says_what_to_do(folder, tmp_path):
    settings = PaintSettings(data=str(folder), steps=30, lr=1e30, **SMALL)
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=r"begin again .* --lr 0\.001"):
        train.train(settings, tmp_path / "run", tell=lambda line: None)


def test_minutes_become_steps_by_trying(tmp_path):
    settings = PaintSettings(network="pix2pix", minutes=0.001, images=4, base_channels=2)
    result = train.train(settings, tmp_path / "run", tell=lambda line: None)
    assert len(result.history) == read_settings(tmp_path / "run").steps >= 1


@pytest.mark.parametrize("data", ["line-art", "coin-flip-colours"])
def test_drawn_pairs(data, tmp_path):
    settings = PaintSettings(data=data, steps=1, images=4, batch_size=2, base_channels=2)
    drawn = source.source_of(settings)
    np.testing.assert_array_equal(drawn.batch(3).inputs, drawn.batch(3).inputs)
    assert not np.array_equal(drawn.batch(3).inputs, drawn.batch(4).inputs)
    assert drawn.channels == (4, 3) if data == "line-art" else (3, 3)
    result = train.train(settings, tmp_path / "run", tell=lambda line: None)
    painter = load_painter(tmp_path / "run/model.npz")
    picture = paint_picture(
        painter.model, painter.kind, colours(1, 70, 90).astype("float32") / 255, painter.fit
    )
    assert picture.shape == (70, 90, 3)
    assert 0 <= picture.min() <= picture.max() <= 1
    assert set(result.rows) == {"painted", "one colour", "target"}


# ---------------------------------------------------------------------- painting afterwards


def test_a_folder_is_painted_and_a_bad_file_does_not_end_it(run, tmp_path, monkeypatch, capsys):
    (tmp_path / "some").mkdir()
    Image.fromarray(colours(3, 33, 21)[..., 0]).save(tmp_path / "some/odd.png")
    (tmp_path / "some/bad.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    Image.fromarray(colours(4, 18, 18)).save(tmp_path / "some/colour.png")  # the model takes gray
    pages = np.stack([colours(i)[..., 0] for i in range(2)])
    tifffile.imwrite(tmp_path / "some/stack.tif", pages, photometric="minisblack")
    command = ("paint", run.out / "model.npz", tmp_path / "some", "--out", tmp_path / "out")
    code, out, err = said(monkeypatch, capsys, *command)
    assert code == 1
    assert "2 of 4 images could not be painted" in err
    assert "bad.png: cannot be read" in err
    assert (
        "the model takes pictures (H, W, 1), got one of shape (18, 18, 3); it is in colour" in err
    )
    found = sorted(path.name for path in (tmp_path / "out").iterdir())
    paintings = ["odd_painted.png", "stack_page0_painted.png", "stack_page1_painted.png"]
    assert found == sorted([*paintings, "paintings.json"])
    assert np.asarray(Image.open(tmp_path / "out/odd_painted.png")).shape == (33, 21, 3)
    assert "odd_painted.png" in out
    written = (tmp_path / "out/odd_painted.png").stat().st_mtime_ns
    code, out, _ = said(monkeypatch, capsys, *command)
    assert code == 1
    assert out.count("is there already, --overwrite paints it anew") == 2
    assert (tmp_path / "out/odd_painted.png").stat().st_mtime_ns == written
    one = ("paint", run.out / "last.npz", tmp_path / "some/odd.png", "--out", tmp_path / "out")
    code, _, err = said(monkeypatch, capsys, *one)
    assert code == 2
    assert "odd_painted.png exists, of another picture, model or seed" in err
    code, out, err = said(monkeypatch, capsys, *one, "--overwrite", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert (found["seed"], found["failures"], "counts" in found) == (0, [], False)
    (entry,) = found["images"]
    assert entry["files"] == [str(tmp_path / "out/odd_painted.png")]


def test_painting_is_that_of_the_sheet(run):
    """What is written afterwards for a picture kept back is what the run has shown."""
    painter = load_painter(run.out / "model.npz")
    held = run.source.held
    shown = painter.kind.painted(held.inputs[0], given_to(run.model, held.inputs[0]))
    picture = (held.inputs[0] + 1) / 2
    again = paint_picture(painter.model, painter.kind, picture, painter.fit)
    np.testing.assert_allclose(again, shown, atol=1e-5)
    page = sheet(painter.kind, held, [held.targets[0], held.targets[1]])
    third = page.shape[1] // 3
    top = page[22:100]
    np.testing.assert_array_equal(top[:, third : third + 90], top[:, 2 * third : 2 * third + 90])


@pytest.mark.parametrize("make", [tu.networks.Pix2PixGenerator, tu.networks.PaintsChainer])
def test_pictures_of_any_size_on_each_device(make, device):
    model = make(2, 3, widths=(2, 3, 4))
    given = np.random.default_rng(0).random((13, 9, 2), np.float32)
    expected = given_to(model, given)
    assert expected.shape == (13, 9, 3)
    found = given_to(model.to(device), given)
    assert type(found) is np.ndarray
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_gray_picture_keeps_its_brightness_whatever_is_painted(folder, tmp_path):
    settings = PaintSettings(data=str(folder / "targets"), colour="gray", steps=1, side=16, **SMALL)
    run = train.train(settings, tmp_path / "run", tell=lambda line: None)
    painter = load_painter(run.out / "model.npz")
    for picture in (colours(6, 40, 50), colours(6, 40, 50)[..., :1]):
        picture = picture.astype("float32") / 255
        small = paint_picture(painter.model, painter.kind, picture, painter.fit)
        assert small.shape == (40, 50, 3)
        inside = (small > 0.01).all(-1) & (small < 0.99).all(-1)
        gray = rgb_to_yuv(np.repeat(picture, 3 // picture.shape[2], axis=2))[..., 0]
        np.testing.assert_allclose(rgb_to_yuv(small)[..., 0][inside], gray[inside], atol=1e-4)


# ---------------------------------------------------------------------- the command


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--data", "nowhere"), "--data nowhere: there is no such folder"),
        (("--steps", 1, "--minutes", 1), "give --steps or --minutes, not both"),
        (("--steps", 0), "--steps must be at least 1, got 0"),
        (("--l1-weight", -1), "--l1-weight must be 0 or more and finite"),
        (("--overwrite",), "--overwrite is for painting"),
        (("model.npz",), "what should model.npz paint"),
        (("model.npz", "a.png", "--steps", 3), "--steps: to train, leave out model.npz"),
        (("model.npz", "a.png"), "there is no checkpoint at model.npz"),
        (("--resume", "nowhere"), "nowhere holds no run of paint to resume"),
        (("--network", "pix2pix", "--size", 40), "cannot take an image of height 40"),
        (("--crop", 64), "--crop has no effect here: line-art is drawn as --size says"),
        (("--data", "x", "--size", 64), "--size has no effect here: of x pictures are taken as"),
        (("--images", 64), "--images has no effect here: it is for coin-flip-colours"),
        (("--l1-weight", 5), "--l1-weight has no effect here: without a judge"),
    ],
)
def test_mistakes_are_answered(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, _, err = said(monkeypatch, capsys, "paint", *arguments)
    assert code == 2
    assert words in err
    assert not any(tmp_path.iterdir())


def test_other_commands_lead_on_to_paint(run, tmp_path, monkeypatch, capsys):
    Image.fromarray(colours(1)[..., 0]).save(tmp_path / "a.png")
    for command in (
        ("train", "--network", "pix2pix"),
        ("train", "--network", "patchgan"),
        ("train", "--resume", run.out),
        ("predict", run.out / "model.npz", tmp_path / "a.png"),
        ("evaluate", run.out / "model.npz"),
    ):
        code, _, err = said(monkeypatch, capsys, *command)
        assert code == 2
        assert "tinyunet paint" in err
    with pytest.raises(
        ValueError, match=r"gives pictures, not logits for pixels; .*tinyunet paint"
    ):
        tu.predict_image(run.model, np.zeros((16, 16, 1), "float32"))
    with pytest.raises(ValueError, match="gives pictures, not logits for pixels"):
        tu.fit(run.model, tu.data.synthetic_cells(2, 32), steps=1, progress=False)
    tu.save(tmp_path / "unet.npz", tu.UNet(base_channels=1, depth=1))
    code, _, err = said(monkeypatch, capsys, "paint", tmp_path / "unet.npz", tmp_path / "a.png")
    assert code == 2
    assert "which tinyunet paint has not trained" in err


def test_the_command_trains_and_says_where_to_look(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    small = ("--crop", 16, "--batch-size", 2, "--base-channels", 2)
    code, out, err = said(monkeypatch, capsys, "paint", "--data", folder, "--steps", 1, *small)
    assert code == 0, err
    assert "look at runs/paint-mine-1/pictures.png" in out.replace("\\", "/")
    assert "3 to train on, 2 kept back" in err
    resume = ("paint", "--resume", "runs/paint-mine-1")
    code, out, err = said(monkeypatch, capsys, *resume, "--json")
    assert code == 0, err
    assert "complete already" in err
    found = json.loads(out)
    assert found["images"] == {"train": 3, "held": 2}
    assert found["steps"] == 1
    code, _, err = said(monkeypatch, capsys, *resume, "--lr", 1)
    assert code == 2
    assert "leave out --lr" in err
