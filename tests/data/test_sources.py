import numpy as np
import pytest
from PIL import Image

from tinyunet import data


@pytest.fixture
def empty_places(tmp_path, monkeypatch):
    """No real data anywhere: neither TINYUNET_DATA nor a filled cache."""
    monkeypatch.delenv("TINYUNET_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def make_dsb(root):
    for name in ("b", "a"):
        sample = root / "dsb2018" / "stage1_train" / name
        (sample / "images").mkdir(parents=True)
        (sample / "masks").mkdir()
        Image.fromarray(np.full((4, 8, 4), 51, np.uint8)).save(sample / "images" / f"{name}.png")
        for column, number in ((1, 0), (3, 1)):
            mask = np.zeros((4, 8), np.uint8)
            mask[1:3, column : column + 2] = 255
            Image.fromarray(mask).save(sample / "masks" / f"{number}.png")
    return root


@pytest.mark.parametrize(
    ("name", "generate"),
    [
        ("synthetic-cells", data.synthetic_cells),
        ("synthetic-membranes", data.synthetic_membranes),
        ("synthetic-streets", data.synthetic_streets),
        ("closed-outlines", data.closed_outlines),
        ("two-cues", data.two_cues),
    ],
)
def test_synthetic_names(name, generate):
    loaded = data.load(name, n=2, size=(40, 48), seed=3)
    np.testing.assert_array_equal(loaded.images, generate(2, (40, 48), 3).images)


def test_a_folder_of_your_own(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
        Image.fromarray(np.full((3, 5), 255, np.uint8)).save(tmp_path / name / "cell.png")
    for path in (tmp_path, str(tmp_path)):
        assert data.load(path).names == ["cell"]


@pytest.mark.parametrize("place", ["root", "TINYUNET_DATA", "cache"])
def test_real_data_is_found_in_each_place(empty_places, monkeypatch, place):
    tmp_path = empty_places
    root = None
    if place == "root":
        root = make_dsb(tmp_path / "mine")
    elif place == "TINYUNET_DATA":
        monkeypatch.setenv("TINYUNET_DATA", str(make_dsb(tmp_path / "shared")))
        root = tmp_path / "elsewhere"  # looked at first, and empty
    else:
        make_dsb(tmp_path / "cache" / "tinyunet")
    loaded = data.load("dsb2018", root)
    assert loaded.names == ["a", "b"]
    np.testing.assert_array_equal(loaded.images[0], np.full((4, 8, 1), np.float32(0.2)))
    np.testing.assert_array_equal(loaded.instances[0][1], [0, 1, 1, 2, 2, 0, 0, 0])
    np.testing.assert_array_equal(loaded.labels[0][1], [0, 1, 0, 1, 1, 0, 0, 0])


@pytest.mark.parametrize("name", ["dsb2018", "isbi2012"])
def test_missing_real_data_says_where_it_looked(empty_places, name):
    with pytest.raises(FileNotFoundError) as caught:
        data.load(name, root=empty_places / "mine")
    message = str(caught.value)
    assert str(empty_places / "mine" / name) in message
    assert str(empty_places / "cache" / "tinyunet" / name) in message
    assert "set TINYUNET_DATA" in message


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match="'cels' is no existing folder") as caught:
        data.load("cels")
    for name in ("synthetic-cells", "synthetic-membranes", "dsb2018", "isbi2012"):
        assert name in str(caught.value)


def test_incomplete_dsb2018_names_the_file(tmp_path):
    sample = make_dsb(tmp_path) / "dsb2018" / "stage1_train" / "b"
    Image.fromarray(np.zeros((4, 9), np.uint8)).save(sample / "masks" / "2.png")
    with pytest.raises(ValueError, match=r"2\.png has shape \(4, 9\), but its image \(4, 8\)"):
        data.load_dsb2018(tmp_path)
    for mask in (sample / "masks").iterdir():
        mask.unlink()
    with pytest.raises(ValueError, match=r"masks has no masks: .* incomplete"):
        data.load_dsb2018(tmp_path)
    (sample / "images" / "b.png").unlink()
    with pytest.raises(ValueError, match=r"b\.png is missing: .* incomplete"):
        data.load_dsb2018(tmp_path / "dsb2018")
