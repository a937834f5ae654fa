"""Files that are no safetensors, or bad ones: a sentence each, and no memory for what they claim."""

import json
import pickle
import struct
import sys
import zipfile

import numpy as np
import pytest

import tinyunet as tu
from tinyunet.exchange.torch_file import read_tensors, two_lines, write_tensors

pytest.importorskip("safetensors", reason="safetensors is not installed")


def header(entries, size=0, length=None):
    text = json.dumps(entries).encode() if isinstance(entries, dict) else entries
    return struct.pack("<Q", len(text) if length is None else length) + text + b"\0" * size


def entry(kind="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": kind, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"abc", "is no safetensors file: it begins with b'abc'"),
        (b"GIF89a" * 9, "is no safetensors file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"\n<!DOCTYPE html><html>", "a web page"),
        (header({"a": entry()}, 8)[:-3], "is cut off: it has 66 bytes of 69|is cut off"),
        (header({"a": entry()}, 8)[:30], "is cut off or damaged: it claims a header of"),
        (
            header({"a": entry()}, 8, length=2**63),
            "it claims a header of 9,223,372,036,854,775,808",
        ),
        (header({"a": entry(shape=(2**40,), offsets=(0, 2**42))}, 8), "is cut off"),
        (header({"a": entry(shape=(3,))}, 8), "is a damaged safetensors file"),
        (header({"a": entry(shape=(2**33, 2**33))}, 8), "is a damaged safetensors file"),
        (header({"a": entry("BF16", (4,))}, 8), r"in bfloat16, which NumPy does not have.*v.float"),
        (header({"a": entry("F8_E4M3", (8,))}, 8), "'F8_E4M3', which NumPy does not have"),
        (header({"a": {"dtype": "F32"}}, 8), "has a damaged header"),
        (header({"a": 3}, 8), "has a damaged header"),
        (header({"a": entry(["F32"])}, 8), "which NumPy does not have"),
        (header({"a": entry("U32")}, 8), "'a' in uint32: quantised weights"),
        (header(b"{" * 5000), "has a damaged header"),
        (header(b'{"a": ' * 5000 + b"1" + b"}" * 5000), "has a damaged header"),
        (header(b"{}"), "holds no arrays"),
    ],
)
def test_a_bad_file_gets_a_sentence(tmp_path, content, words):
    path = tmp_path / "net.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words) as caught:
        tu.load_torch(path)
    assert str(path) in str(caught.value)


def test_what_is_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        tu.load_torch(tmp_path / "net.safetensors")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        tu.load_torch(tmp_path)


class Evil:
    def __reduce__(self):
        return exec, ("raise SystemExit('a pickle ran')",)


@pytest.mark.parametrize("name", ["net.pth", "net.pt", "net.ckpt", "net.safetensors"])
@pytest.mark.parametrize("zipped", [False, True])
def test_a_pickle_is_never_read_whatever_it_is_called(tmp_path, name, zipped):
    path = tmp_path / name
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", pickle.dumps(Evil()))
    else:
        path.write_bytes(pickle.dumps({"a": Evil()}, protocol=2))
    with pytest.raises(ValueError, match="is a pickle of PyTorch's") as caught:
        tu.load_torch(path)
    assert two_lines(path) in str(caught.value)


def test_what_is_written_is_not_called_a_pickle(tmp_path):
    with pytest.raises(ValueError, match=r"no pickle: name it .*net\.safetensors, not .*net\.pth"):
        tu.save_torch(tu.UNet(base_channels=1, depth=1), tmp_path / "net.pth")
    assert not (tmp_path / "net.pth").exists()


def test_our_own_npz_is_known(tmp_path):
    tu.save(tmp_path / "net.safetensors", tu.UNet(base_channels=1, depth=1))
    with pytest.raises(ValueError, match=r"is read by tinyunet\.load"):
        tu.load_torch(tmp_path / "net.safetensors")


def test_without_the_package_the_extra_is_named(tmp_path, monkeypatch):
    tu.save_torch(tu.UNet(base_channels=1, depth=1), tmp_path / "net.safetensors")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    for use in (
        lambda: tu.load_torch(tmp_path / "net.safetensors"),
        lambda: tu.save_torch(tu.UNet(base_channels=1, depth=1), tmp_path / "other.safetensors"),
    ):
        with pytest.raises(RuntimeError, match=r'pip install "tinyunet\[exchange\]"'):
            use()


def test_arrays_come_back_as_they_were(tmp_path):
    arrays = {"a": np.arange(6.0).reshape(2, 3).T, "b": np.array(3), "c": np.zeros(2, np.float32)}
    write_tensors(tmp_path / "net.safetensors", arrays, {"what": "this"})
    found, metadata = read_tensors(tmp_path / "net.safetensors")
    assert metadata == {"what": "this"}
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape


@pytest.mark.parametrize("wrapped", ["", "state_dict", "model_state_dict", "model"])
def test_the_two_lines_turn_what_pytorch_writes(tmp_path, wrapped):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    shared = torch.arange(6.0).reshape(2, 3)
    state = {"a": shared, "b": shared, "turned": shared.T, "half": shared.to(torch.bfloat16)}
    rest = {"epoch": 3, "optimizer": {"state": {0: {"step": shared}}, "param_groups": []}}
    torch.save({**rest, wrapped: state} if wrapped else state, tmp_path / "it's.pth")
    exec(two_lines(tmp_path / "it's.pth"), {})
    found, _ = read_tensors(tmp_path / "it's.safetensors")
    for name, tensor in state.items():
        np.testing.assert_array_equal(found[name], tensor.float().numpy())
        assert found[name].dtype == np.float32
