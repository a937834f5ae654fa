"""Pictures as people bring them to `tinyunet paint`: transparent, copied, deep, beside paintings."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from test_relatives_commands import said

import tinyunet as tu
from tinyunet.data import load_gray_pairs, load_pairs
from tinyunet.engine.locks import FolderLock
from tinyunet.runs.numbers import check_numbers
from tinyunet.runs.painting import networks, source, train
from tinyunet.runs.painting.apply import paint_all
from tinyunet.runs.painting.folder import load_painter
from tinyunet.runs.painting.settings import PaintSettings

SMALL = {"crop": 16, "batch_size": 2, "base_channels": 2}


def photos(folder, count=4):
    """Pictures of 8 bits (20, 24, 3), each of its own noise."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (count, 20, 24, 3)).astype(np.uint8)
    for i, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"a{i}.png")
    return pictures


@pytest.fixture
def painter(tmp_path):
    photos(tmp_path / "photos")
    settings = PaintSettings(data=str(tmp_path / "photos"), colour="gray", steps=1, **SMALL)
    train.train(settings, tmp_path / "run", tell=lambda line: None)
    return load_painter(tmp_path / "run/model.npz")


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_what_is_transparent_is_white(tmp_path, depth):
    """As drawing programs save lines: black all over, and where there is no line, alpha 0."""
    lines = np.zeros((16, 20, 2), np.uint8)
    lines[4, :, 1] = 255
    lines[8, :, 1] = 51
    for inside in ("images", "targets"):
        (tmp_path / inside).mkdir()
    Image.fromarray(lines, "LA").save(tmp_path / "images/a.png")
    Image.fromarray(np.full((16, 20), 7, depth)).save(tmp_path / "targets/a.png")
    seen = load_pairs(tmp_path).inputs[0]
    np.testing.assert_allclose(seen[..., 0], seen[:, :1, 0].repeat(20, 1))
    np.testing.assert_allclose(seen[[0, 4, 8], 0, 0], [1, 0, 0.8], atol=2e-3)


def test_the_colour_beneath_is_not_learned(tmp_path):
    pixels = np.full((16, 20, 4), (200, 10, 30, 255), np.uint8)
    pixels[8:, :, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    y, uv = (
        part[0] for part in (load_gray_pairs(tmp_path).inputs, load_gray_pairs(tmp_path).targets)
    )
    assert abs(uv[:8]).min() > 0.1
    np.testing.assert_allclose(uv[8:], 0, atol=1e-6)
    np.testing.assert_allclose(y[8:], y.max(), atol=1e-6)


def test_copies_both_teach_or_are_both_kept_back(tmp_path):
    for i, picture in enumerate(photos(tmp_path / "photos")):
        Image.fromarray(picture).save(tmp_path / f"photos/copy{i}.png")
    for seed in range(8):
        settings = PaintSettings(
            data=str(tmp_path / "photos"), colour="gray", steps=1, split_seed=seed, **SMALL
        )
        held = source.source_of(settings).held.names
        assert {name.replace("copy", "a") for name in held if "copy" in name} == {
            name for name in held if "copy" not in name
        }


def test_deep_pictures_for_a_model_of_others_are_worth_a_word(painter, tmp_path):
    deep = np.random.default_rng(1).integers(0, 5000, (20, 24)).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    told = []
    report = paint_all(
        painter, [tmp_path / "deep.png", tmp_path / "photos/a0.png"], tmp_path / "out",
        {"model": "", "seed": 0}, tell=told.append,
    )  # fmt: skip
    assert not report.failures
    assert told[-1].startswith("note: 1 image has more than 8 bits")


def test_paintings_do_not_go_among_pictures(painter, tmp_path):
    pictures = sorted((tmp_path / "photos").iterdir())
    with pytest.raises(ValueError, match="is where pictures are"):
        paint_all(painter, pictures, tmp_path / "photos", {"model": "", "seed": 0})
    assert sorted((tmp_path / "photos").iterdir()) == pictures


def test_a_run_that_has_begun_is_not_overwritten(painter, tmp_path):
    (tmp_path / "run/last.npz").unlink()
    settings = PaintSettings(data=str(tmp_path / "photos"), colour="gray", steps=1, **SMALL)
    with pytest.raises(FileExistsError, match="before its first step was kept: --resume"):
        train.train(settings, tmp_path / "run", tell=lambda line: None)


# ---------------------------------------------------------------------- runs


def test_l1_alone_that_diverges_is_no_success(tmp_path):
    photos(tmp_path / "photos")
    settings = PaintSettings(
        data=str(tmp_path / "photos"), colour="gray", steps=3, lr=1e30, judge="none", **SMALL
    )
    with (
        np.errstate(all="ignore"),
        pytest.raises(ValueError, match=r"lower learning rate: .* --lr 0\.001"),
    ):
        train.train(settings, tmp_path / "run", tell=lambda line: None)
    assert not (tmp_path / "run/model.npz").exists()


def test_a_weight_that_is_infinite_in_the_end_is_no_success():
    model = tu.networks.PaintsChainer(1, 2, widths=(2, 3))
    pairs = tu.data.coin_flip_colours(2, 32, seed=0)
    batch = tu.data.Pairs(pairs.inputs[..., :1], pairs.targets[..., :2])
    with (
        np.errstate(all="ignore"),
        pytest.raises(ArithmeticError, match="a weight became infinite"),
    ):
        tu.fit_painter(
            model, lambda i: batch, steps=1, optimizers=[tu.SGD(model, 1e308, 0)], progress=False
        )


def test_a_run_goes_on_with_its_own_kind_of_pairs(painter, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    before = (tmp_path / "run/model.npz").read_bytes()
    code, _, told = said(
        monkeypatch, capsys, "paint", "--resume", "run", "--data", "coin-flip-colours"
    )
    assert code
    assert "cannot go on with --data coin-flip-colours" in told
    assert (tmp_path / "run/model.npz").read_bytes() == before


def test_what_was_painted_is_left_whatever_the_pictures_are_called(painter, tmp_path):
    made = {"model": "", "seed": 0}
    stack = [Image.new("L", (16, 16), 20 * k) for k in range(12)]
    stack[0].save(tmp_path / "a.tif", save_all=True, append_images=stack[1:])
    Image.new("L", (16, 16)).save(tmp_path / "a_page.png")
    Image.new("L", (16, 16)).save(tmp_path / "b.png")
    Image.new("L", (16, 16)).save(tmp_path / "b_page0.png")
    pictures = [tmp_path / name for name in ("a.tif", "a_page.png", "b.png", "b_page0.png")]
    for skipped in (False, True):
        report = paint_all(painter, pictures, tmp_path / "out", made, tell=lambda line: None)
        assert [image["skipped"] for image in report.images] == [skipped] * 4
    (tmp_path / "out/paintings.json").unlink()
    with pytest.raises(FileExistsError, match="does not know it, as after a crash"):
        paint_all(painter, pictures, tmp_path / "out", made)


@pytest.mark.parametrize("network", ["pix2pix", "paintschainer"])
def test_half_as_wide_is_smaller(network):
    channels = (1, 2)
    sizes = [
        networks.build(PaintSettings(network=network, data="x", base_channels=n), channels)
        for n in (None, 12, 6)
    ]
    usual, twelve, six = (generator.num_parameters for generator, _ in sizes)
    assert usual >= twelve > 2 * six


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"schedule": "foo"}, "foo"),
        ({"recipe": "quik"}, "did you mean quick"),
        ({"judge": "patchgn"}, "did you mean patchgan"),
        ({"network": "pix2pi"}, "did you mean pix2pix"),
    ],
)
def test_misspelt_settings(options, words):
    with pytest.raises(ValueError, match=words):
        PaintSettings(**options)


def test_minutes_have_an_end():
    with pytest.raises(ValueError, match="--minutes must be at most 1,000,000"):
        check_numbers({"minutes": 1e300})


def test_two_paintings_do_not_mix_in_a_folder(painter, tmp_path):
    pictures = [tmp_path / "photos/a0.png"]
    (tmp_path / "out").mkdir()
    lock = FolderLock(tmp_path / "out", "painting").held()
    with ThreadPoolExecutor(1) as another:
        another.submit(lock.__enter__).result()
        with pytest.raises(BlockingIOError, match="another painting"):
            paint_all(painter, pictures, tmp_path / "out", {"model": "", "seed": 0})
        another.submit(lock.__exit__, None, None, None).result()
