"""PyTorch's networks in and ours out, beside PyTorch; and what is wrong with a file, in words."""

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from relatives import NETWORKS, VGG
from relatives import stirred as small_stirred

import tinyunet as tu
from tinyunet.exchange.torch_file import write_tensors
from tinyunet.networks.config import plain
from tinyunet.networks.names import CHECKED
from tinyunet.networks.small import small_networks

torch = pytest.importorskip("torch", reason="PyTorch is the oracle here and is not installed")
st = pytest.importorskip("safetensors.torch")
from torch_families import FAMILIES, Letters, Ours, stirred  # noqa: E402

ROOT = Path(__file__).parents[2]

every = pytest.mark.parametrize("name", FAMILIES)


def both(module, model, channels, dtype):
    """The largest difference of logits, as a share of the largest logit."""
    image = np.random.default_rng(5).random((2, 32, 48, channels)).astype(dtype)
    with torch.no_grad():
        expected = module(torch.tensor(image).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
    found = model.predict(image)
    assert found.dtype == dtype
    return abs(found - expected).max() / abs(expected).max()


@every
@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize(("dtype", "most"), [("float64", 1e-10), ("float32", 1e-5)])
def test_logits_are_those_of_pytorch(tmp_path, name, fold, dtype, most):
    make, channels, family, options = FAMILIES[name]
    module = stirred(make()).to(getattr(torch, dtype))
    st.save_file(module.state_dict(), tmp_path / "net.safetensors")
    model, report = tu.load_torch(
        tmp_path / "net.safetensors", fold=fold, everything=True, **options
    )
    assert model.dtype == dtype
    assert report.family == family
    assert both(module, model, channels, dtype) < most


def test_the_table_of_the_docs_is_what_comes_out(tmp_path):
    """docs/exchange.md: family, arrays, parameters, and below what every difference stays."""
    page = (ROOT / "docs" / "exchange.md").read_text(encoding="utf-8")
    for name, (make, _, family, options) in FAMILIES.items():
        st.save_file(stirred(make()).state_dict(), tmp_path / "net.safetensors")
        _, report = tu.load_torch(tmp_path / "net.safetensors", everything=True, **options)
        assert f"| {name} | {report.tensors} |" in page, (name, report.tensors)
        assert report.family == family


@every
def test_what_was_done_is_said(tmp_path, name):
    make, _, _, options = FAMILIES[name]
    module = stirred(make())
    state = module.state_dict()
    st.save_file(state, tmp_path / "net.safetensors")
    model, report = tu.load_torch(tmp_path / "net.safetensors", everything=True, **options)
    normed = any("running_mean" in key for key in state)
    assert type(model).__name__ == ("NormUNet" if normed else "UNet")
    assert report.tensors == len(state)
    assert report.left_over == sorted(
        key.removeprefix("module.") for key in state if "num_batches" in key
    )
    text = str(report)
    assert report.family in text
    assert f"{model.num_parameters:,} parameters" in text
    assert ("a sigmoid of its logit" if model.num_classes == 1 else "a softmax over") in text
    swapped = options.get("joined") == "up_skip" or name in ("labml", "brain-segmentation")
    assert ("change places" in text) == swapped
    _, folded = tu.load_torch(tmp_path / "net.safetensors", fold=True, everything=True, **options)
    assert ("folded" in str(folded)) == normed


def test_an_order_that_names_do_not_tell_is_not_guessed_in_silence(tmp_path):
    module = stirred(FAMILIES["e11, e12, ..., d12"][0]())
    st.save_file(module.state_dict(), tmp_path / "net.safetensors")
    with pytest.warns(UserWarning, match='else joined="up_skip"'):
        _, report = tu.load_torch(tmp_path / "net.safetensors", everything=True)
    assert any("skip_up" in words for words in report.assumed)
    with pytest.raises(ValueError, match="'skip_up' or 'up_skip', got 'up'"):
        tu.load_torch(tmp_path / "net.safetensors", joined="up")


def test_of_other_names_the_order_is_said(tmp_path):
    options = FAMILIES["e11, e12, ..., d12"][3]
    for channels, warned in ((3, []), (4, ["; shapes do not tell where e11 stands"])):
        st.save_file(stirred(Letters(channels)).state_dict(), tmp_path / "net.safetensors")
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            _, report = tu.load_torch(tmp_path / "net.safetensors", everything=True, **options)
        order = "the order down e11, e12; e21, e22; bottom e31, e32; up d11, d12; d21, d22"
        assert report.assumed[0] == order + "".join(warned)
        assert [str(warning.message) for warning in said] == [order + words for words in warned]
    st.save_file(stirred(FAMILIES["labml"][0]()).state_dict(), tmp_path / "net.safetensors")
    assert "the order" not in str(tu.load_torch(tmp_path / "net.safetensors", everything=True)[1])


@pytest.mark.parametrize(
    ("convs", "norms", "guessed"),
    [
        (("start", "end"), ("norm_start", "norm_end"), False),
        (("conv_pre", "conv_post"), ("bn_pre", "bn_post"), False),
        (("z", "y"), ("zn", "yn"), False),
        (("a", "b"), ("m", "n"), True),
    ],
)
def test_norms_belong_to_convolutions_by_letters_too(tmp_path, convs, norms, guessed):
    """Names whose order, a before b, is not that of the layers."""
    module = stirred(FAMILIES["milesial, in DataParallel"][0]())
    state = {}
    for key, value in module.state_dict().items():
        block, found, rest = key.removeprefix("module.").partition("double_conv.")
        i, _, end = rest.partition(".")
        part = dict(zip("0134", (convs[0], norms[0], convs[1], norms[1]), strict=True)).get(i)
        state[f"u{block}{part}.{end}" if found else f"v{block}"] = value
    st.save_file(state, tmp_path / "net.safetensors")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model = tu.load_torch(tmp_path / "net.safetensors", joined="skip_up")
    assert both(module, model, 3, "float32") < 1e-5
    assert bool(said) == guessed


@pytest.mark.parametrize(
    "prefix", ["module.", "model.", "_orig_mod.module.", "state_dict.", "net."]
)
def test_what_wrappers_put_before_names_is_taken_off(tmp_path, prefix):
    module = stirred(FAMILIES["labml"][0]())
    state = {prefix + key: value for key, value in module.state_dict().items()}
    st.save_file(state, tmp_path / "net.safetensors")
    model, report = tu.load_torch(tmp_path / "net.safetensors", everything=True)
    assert report.family == "labml"
    assert both(module, model, 1, "float32") < 1e-5


def test_trained_on_255_takes_images_from_0_to_1(tmp_path):
    module = stirred(FAMILIES["labml"][0]())
    st.save_file(module.state_dict(), tmp_path / "net.safetensors")
    model = tu.load_torch(tmp_path / "net.safetensors", scale=255.0)
    plain = tu.load_torch(tmp_path / "net.safetensors")
    image = np.random.default_rng(0).random((1, 16, 16, 1)).astype("float32")
    np.testing.assert_allclose(model.predict(image), plain.predict(255 * image), rtol=1e-4)


def test_half_precision_is_converted_with_a_word(tmp_path):
    module = stirred(FAMILIES["labml"][0]()).half()
    st.save_file(module.state_dict(), tmp_path / "net.safetensors")
    model, report = tu.load_torch(tmp_path / "net.safetensors", everything=True)
    assert model.dtype == np.float32
    assert report.changed[0] == f"{report.tensors} arrays from float16 to float32"


def test_numbers_that_would_make_every_prediction_nan_are_refused(tmp_path):
    state = stirred(FAMILIES["milesial, in DataParallel"][0]()).state_dict()
    for key, value, words in (
        (
            "module.outc.conv.weight",
            float("nan"),
            "holds nan or infinity in 'module.outc.conv.weight'",
        ),
        ("module.up1.up.bias", float("inf"), "holds nan or infinity"),
        ("module.inc.double_conv.1.running_var", -0.5, "holds variances below 0"),
    ):
        bad = {k: v.clone() for k, v in state.items()}
        bad[key].view(-1)[0] = value
        st.save_file(bad, tmp_path / "net.safetensors")
        with pytest.raises(ValueError, match=words):
            tu.load_torch(tmp_path / "net.safetensors", fold=True)


def test_counters_of_any_shape_are_left_over(tmp_path):
    state = stirred(FAMILIES["milesial/Pytorch-UNet"][0]()).state_dict()
    state = {k: v.reshape(1) if v.dtype == torch.int64 else v for k, v in state.items()}
    st.save_file(state, tmp_path / "net.safetensors")
    _, report = tu.load_torch(tmp_path / "net.safetensors", everything=True)
    assert len(report.left_over) == sum("num_batches" in key for key in state)


# ---------------------------------------------------------------------- what fits not


def resnet(state):
    state["encoder.layer1.0.conv1.weight"] = torch.zeros(64, 64, 3, 3)
    state["encoder.conv1.weight"] = torch.zeros(64, 3, 7, 7)


def bilinear(state):
    for key in [key for key in state if ".up." in key or key.startswith("up_sample")]:
        del state[key]


def another_kernel(state):
    state["final_conv.weight"] = torch.zeros(2, 4, 5, 5)


def less(state):
    del state["up_conv.0.second.weight"], state["up_conv.0.second.bias"]


def wrong_bias(state):
    state["down_conv.0.first.bias"] = torch.zeros(5)


def attention(state):
    state["att.W_g.0.weight"] = torch.zeros(4, 4, 1, 1)


def volumes(state):
    state["down_conv.0.first.weight"] = torch.zeros(4, 1, 3, 3, 3)


def group_norm(state):
    state["down_conv.0.norm.weight"] = torch.zeros(4)


def a_lost_weight(state):
    del state["up_sample.0.up.weight"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (resnet, "encoder of ResNet's"),
        (bilinear, "enlarges by interpolation"),
        (another_kernel, r"final_conv has a weight of shape \(2, 4, 5, 5\)"),
        (less, "up_conv.0.first"),
        (wrong_bias, r"down_conv.0.first has a bias of shape \(5,\), expected \(4,\)"),
        (attention, "attention gates"),
        (volumes, "for volumes"),
        (group_norm, "group or layer normalisation"),
        (a_lost_weight, "up_sample.0.up has bias and no weight: is one lost"),
    ],
)
def test_another_network_is_refused_with_the_names_that_were_found(tmp_path, change, words):
    state = dict(stirred(FAMILIES["labml"][0]()).state_dict())
    change(state)
    st.save_file(state, tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match=words) as caught:
        tu.load_torch(tmp_path / "net.safetensors")
    assert "Its weights: " in str(caught.value)
    assert "down_conv.0.first (4, 1, 3, 3" in str(caught.value)
    assert "load_torch(path, model=...)" in str(caught.value)


def test_a_norm_behind_the_relu_is_refused(tmp_path):
    module = FAMILIES["downs, ups, bottleneck"][0]()
    state = {key.replace(".1.", ".2.") if key.startswith("bottleneck.1.") else key: value
             for key, value in stirred(module).state_dict().items()}  # fmt: skip
    st.save_file(state, tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match="a ReLU may stand between"):
        tu.load_torch(tmp_path / "net.safetensors")


# ---------------------------------------------------------------------- there and back


def small():
    nets = tu.networks
    return {
        **{name: make for name, (make, _) in small_networks().items()},
        **NETWORKS,
        **VGG,
        "PSPNet": lambda: nets.PSPNet(1, 2, **CHECKED["PSPNet"]),
        "PaintsChainer's judge": lambda: nets.PaintsChainerDiscriminator(
            **CHECKED["PaintsChainerDiscriminator"]
        ),
    }


def test_these_are_all_networks():
    made = {type(make()).__name__ for make in small().values()}
    ours = {name for name, cls in tu.networks.registered().items()
            if cls.__module__.startswith("tinyunet.networks.")}  # fmt: skip
    assert ours <= made | {"PSPNet"}


@pytest.mark.parametrize("name", small())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_network_there_and_back_bit_for_bit(tmp_path, name, dtype):
    model = small_stirred(small()[name]()).astype(dtype)
    tu.save_torch(model, tmp_path / "net.safetensors")
    again = tu.load_torch(tmp_path / "net.safetensors")
    assert type(again) is type(model)
    made = [{k: plain(k, v) for k, v in net.config.items()} for net in (model, again)]
    assert made[0] == made[1]
    for (key, array), (other, loaded) in zip(model.named_state(), again.named_state(), strict=True):
        assert key == other
        assert array.dtype == loaded.dtype
        np.testing.assert_array_equal(array, loaded)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_module_of_our_names_takes_the_weights(tmp_path, dtype):
    model = small_stirred(tu.UNet(2, 3, base_channels=4, depth=2, padding="same")).astype(dtype)
    tu.save_torch(model, tmp_path / "net.safetensors")
    module = Ours(2, 3, base=4, depth=2).to(getattr(torch, dtype))
    module.load_state_dict(st.load_file(tmp_path / "net.safetensors"))
    assert both(module, model, 2, dtype) < (1e-10 if dtype == "float64" else 1e-5)
    st.save_file(module.state_dict(), tmp_path / "back.safetensors")  # without our metadata
    again, report = tu.load_torch(tmp_path / "back.safetensors", everything=True)
    assert report.family == "tinyunet"
    for (_, array), (_, loaded) in zip(model.named_state(), again.named_state(), strict=True):
        np.testing.assert_array_equal(array, loaded)


@every
def test_a_module_takes_its_weights_back(tmp_path, name):
    make, channels, _, options = FAMILIES[name]
    before, after = stirred(make()), stirred(make(), seed=1)
    theirs = tmp_path / "theirs.safetensors"
    st.save_file(before.state_dict(), theirs)
    model = tu.load_torch(theirs, **options)
    tu.save_torch(model, tmp_path / "back.safetensors", like=theirs, **options)
    after.load_state_dict(st.load_file(tmp_path / "back.safetensors"))
    assert both(after, model, channels, "float32") < 1e-5
    assert both(before, model, channels, "float32") < 1e-5


def test_the_python_of_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    module = stirred(FAMILIES["labml"][0]())
    st.save_file(module.state_dict(), "net.safetensors")
    page = (ROOT / "docs" / "exchange.md").read_text(encoding="utf-8")
    scope = {"module": module}
    for code in re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE):
        exec(code, scope)
    assert 0 < float(capsys.readouterr().out) < 1e-5


def test_what_does_not_fit_the_names_of_a_file(tmp_path):
    module, theirs = stirred(FAMILIES["labml"][0]()), tmp_path / "theirs.safetensors"
    st.save_file(module.state_dict(), theirs)
    model = tu.load_torch(theirs)
    for depth, words in ((1, "and the network no "), (6, "for which .* has no place")):
        other = type(model)(base_channels=4, depth=depth)
        with pytest.raises(ValueError, match=words):
            tu.save_torch(other, tmp_path / "x.safetensors", like=theirs)
    letters = tmp_path / "letters.safetensors"
    st.save_file(stirred(Letters()).state_dict(), letters)
    with pytest.raises(ValueError, match="do not tell whose channels come first"):
        tu.save_torch(model, tmp_path / "x.safetensors", like=letters)
    st.save_file({"a.weight": torch.zeros(2)}, letters)
    with pytest.raises(ValueError, match=r"letters\.safetensors holds no U-Net"):
        tu.save_torch(model, tmp_path / "x.safetensors", like=letters)
    with pytest.raises(ValueError, match="'up_skip' would have no effect without like"):
        tu.save_torch(model, tmp_path / "x.safetensors", joined="up_skip")
    assert not (tmp_path / "x.safetensors").exists()


def test_into_a_model_that_does_not_fit(tmp_path):
    tu.save_torch(tu.UNet(base_channels=2, depth=1), tmp_path / "net.safetensors")
    model = tu.UNet(base_channels=2, depth=2)
    before = model.state_dict()
    with pytest.raises(ValueError, match=r"missing: encoder\.1\.conv1\.weight") as caught:
        tu.load_torch(tmp_path / "net.safetensors", model=model)
    assert "decoder.0" not in str(caught.value)
    model = tu.UNet(base_channels=3, depth=1)
    with pytest.raises(
        ValueError, match=r"encoder.0.conv1.weight: shape \(2, 1, 3, 3\), expected \(3"
    ):
        tu.load_torch(tmp_path / "net.safetensors", model=model)
    assert before.keys() == tu.UNet(base_channels=2, depth=2).state_dict().keys()


OPTIONS = {"joined": "up_skip", "fold": True, "padding": "valid", "scale": 255.0}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_that_would_have_no_effect_are_refused(tmp_path, name):
    model = small_stirred(tu.UNet(1, 2, base_channels=2, depth=1))
    tu.save_torch(model, tmp_path / "net.safetensors")
    option = {name: OPTIONS[name]}
    words = f"{name}={OPTIONS[name]!r} would have no effect"
    with pytest.raises(ValueError, match=f"says itself what its network is, so {words}"):
        tu.load_torch(tmp_path / "net.safetensors", **option)
    with pytest.raises(ValueError, match=f"fills a network that is given, so {words}"):
        tu.load_torch(tmp_path / "net.safetensors", model=model, **option)


def test_a_network_of_the_same_names_takes_a_file_without_counters(tmp_path):
    model = small_stirred(tu.networks.NormUNet(1, 2, base_channels=2, depth=1))
    kept = {k: v for k, v in model.torch_state().items() if "num_batches" not in k}
    write_tensors(tmp_path / "net.safetensors", kept, {})
    again = tu.load_torch(
        tmp_path / "net.safetensors", model=tu.networks.NormUNet(1, 2, base_channels=2, depth=1)
    )
    x = np.random.default_rng(0).random((1, 8, 8, 1)).astype(np.float32)
    np.testing.assert_array_equal(model.predict(x), again.predict(x))


def test_whole_numbers_are_no_weights(tmp_path):
    layer = tu.Conv2d(2, 3, 3)
    arrays = {key: (50 * array).astype(np.int8) for key, array in layer.torch_state().items()}
    write_tensors(tmp_path / "net.safetensors", arrays, {})
    with pytest.raises(ValueError, match="weight: int8, expected float32: quantised weights"):
        tu.load_torch(tmp_path / "net.safetensors", model=layer)


def test_a_network_is_filled_where_it_is(tmp_path, device):
    tu.save_torch(tu.UNet(1, 2, base_channels=2, depth=1), tmp_path / "net.safetensors")
    model = tu.UNet(1, 2, base_channels=2, depth=1, seed=5).to(device)
    tu.load_torch(tmp_path / "net.safetensors", model=model)
    first = tu.UNet(1, 2, base_channels=2, depth=1).state_dict()
    assert model.device == device
    for name, array in model.to("cpu").named_state():
        np.testing.assert_array_equal(array, first[name])


def test_a_layer_that_is_no_network(tmp_path):
    layer = tu.Conv2d(2, 3, 3)
    tu.save_torch(layer, tmp_path / "layer.safetensors")
    other = tu.load_torch(tmp_path / "layer.safetensors", model=tu.Conv2d(2, 3, 3))
    np.testing.assert_array_equal(layer.params["weight"], other.params["weight"])


@pytest.mark.parametrize(
    "said",
    [
        "{",
        "[]",
        '{"name": "UNet"}',
        '{"name": "Nothing", "config": {}}',
        '{"name": "UNet", "config": {"base_channels": 100000}}',
        json.dumps({"name": "UNet", "config": tu.UNet(base_channels=1).config | {"depth": 30}}),
        json.dumps(
            {"name": "UNet", "config": tu.UNet(base_channels=1).config | {"base_channels": 10**6}}
        ),
    ],
)
def test_metadata_that_was_made_up_takes_no_memory(tmp_path, said):
    arrays = tu.UNet(base_channels=1, depth=1).torch_state()
    write_tensors(tmp_path / "net.safetensors", arrays, {"tinyunet": said})
    with pytest.raises(ValueError, match=r"net\.safetensors"):
        tu.load_torch(tmp_path / "net.safetensors")
