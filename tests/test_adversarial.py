"""Two networks that learn from each other: one step by hand and beside PyTorch, resumed runs."""

import copy

import numpy as np
import pytest
from helpers import assert_close
from painters import made, without_effect
from test_relatives_layers import assert_digits, random

import tinyunet as tu
from tinyunet.data import Pairs
from tinyunet.networks import PaintsChainerDiscriminator, PatchGAN, Pix2PixGenerator


class Still(tu.SGD):
    """Takes note of gradients and changes nothing."""

    def step(self):
        self.found = {name: g.copy() for name, g in self.model.named_gradients()}


def judge_for(generator, conditional=True, **options):
    """A discriminator in float64 whose weights are large enough to matter."""
    channels = generator.num_classes + conditional * generator.in_channels
    judge = PatchGAN(channels, base_channels=3, layers=1, dtype="float64", seed=4, **options)
    rng = np.random.default_rng(6)
    for name, array in judge.named_parameters():
        array *= 10
        if name.endswith("bias"):
            array[...] = 0.1 * rng.standard_normal(array.shape)
    return judge


def images(model, n=2, seed=5):
    x = random(n, 8, 16, model.in_channels, seed=seed)
    return x, np.tanh(random(n, 8, 16, model.num_classes, seed=seed + 1))


# ---------------------------------------------------------------------- one step


def test_a_step_by_hand():
    """G = a x and D(q) = u q + v x, the logit of the pair (x, q), at x = (1, 2) and y = (2, 1)."""
    x, y = (np.array(values, "float64").reshape(1, 1, 2, 1) for values in ((1, 2), (2, 1)))
    generator = tu.Conv2d(1, 1, 1, bias=False).astype("float64")
    judge = tu.Conv2d(2, 1, 1, bias=False).astype("float64")
    generator.params["weight"][...] = 0.5
    judge.params["weight"][0, 0, :, 0] = 0.2, 1
    optimizers = Still(generator, 1.0), Still(judge, 1.0)
    taken = tu.adversarial_step(generator, judge, optimizers, x, y, l1_weight=10)
    assert taken.discriminator == pytest.approx(0.762276047, abs=5e-10)
    assert_digits(optimizers[1].found["weight"], 0.444293209, 0.184740171)
    assert taken.adversarial + 10 * taken.l1 == pytest.approx(7.811801729, abs=5e-10)
    assert_digits(optimizers[0].found["weight"], -5.363722225)


@pytest.mark.parametrize("loss", [tu.GANLoss(), tu.LeastSquaresGANLoss()])
@pytest.mark.parametrize("conditional", [True, False])
def test_the_gradients_are_those_of_both_losses(loss, conditional):
    """Beside finite differences of the losses as they are written down, in a few directions."""
    generator = made("pix2pix, no dropout")
    judge, (x, y) = judge_for(generator, conditional), images(generator)
    optimizers = Still(generator, 1.0), Still(judge, 1.0)
    options = {"loss": loss, "l1_weight": 3.0, "conditional": conditional}
    tu.adversarial_step(generator, judge, optimizers, x, y, **options)

    def joined(q):
        return np.concatenate([x, q], -1) if conditional else q

    def losses():
        q = generator(x)
        of_judge = (loss(judge(joined(y)), True) + loss(judge(joined(q)), False)) / 2
        return loss(judge(joined(q)), True) + 3 * abs(q - y).mean(), of_judge

    rng = np.random.default_rng(8)
    for k, (model, optimizer) in enumerate(zip((generator, judge), optimizers, strict=True)):
        for _ in range(2):
            steps = {name: rng.standard_normal(a.shape) for name, a in model.named_parameters()}
            slope = sum((optimizer.found[name] * step).sum() for name, step in steps.items())
            values = []
            for sign in (1e-6, -2e-6):
                for name, array in model.named_parameters():
                    array += sign * steps[name]
                values.append(losses()[k])
            for name, array in model.named_parameters():
                array += 1e-6 * steps[name]
            assert (values[0] - values[1]) / 2e-6 == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_the_discriminators_gradients_of_the_generators_pass_are_thrown_away():
    generator = made("pix2pix")
    judge, (x, y) = judge_for(generator), images(generator)
    optimizers = Still(generator, 1.0), tu.SGD(judge, 0.1)
    tu.adversarial_step(generator, judge, optimizers, x, y)
    assert not dict(judge.named_gradients())
    with pytest.raises(RuntimeError, match="no gradient for stages"):
        optimizers[1].step()


def test_the_discriminator_learns_first():
    """G's loss is through the D that has learned."""
    generator = made("pix2pix")
    judge, (x, y) = judge_for(generator), images(generator)
    before, painted = copy.deepcopy(judge), copy.deepcopy(generator)(x)
    optimizers = Still(generator, 1.0), tu.SGD(judge, 0.05)
    taken = tu.adversarial_step(generator, judge, optimizers, x, y)
    joined = np.concatenate([x, painted], -1)
    assert taken.adversarial == tu.GANLoss()(judge(joined), True)
    assert taken.adversarial != pytest.approx(tu.GANLoss()(before(joined), True), rel=0.01)


def test_paintschainers_discriminator_takes_part_with_two_logits():
    generator = made("PaintsChainer")
    judge = PaintsChainerDiscriminator(3, size=16, widths=(3, 4), dtype="float64")
    x, y = random(2, 16, 16, 4), random(2, 16, 16, 3, seed=1)
    optimizers = tu.Adam(generator), tu.Adam(judge)
    options = {"loss": tu.SoftmaxGANLoss(), "l1_weight": 1.0, "conditional": False}
    first = tu.adversarial_step(generator, judge, optimizers, x, y, **options)
    for _ in range(5):
        last = tu.adversarial_step(generator, judge, optimizers, x, y, **options)
    assert last.l1 < first.l1


def test_on_each_device(xp, device):
    generator = made("pix2pix, port")
    judge, (x, y) = judge_for(generator, port=True), images(generator)
    x, y = (np.repeat(a, 2, axis=1) for a in (x, y))
    there = [copy.deepcopy(model).to(device) for model in (generator, judge)]
    for one, two in ((generator, judge), there):
        taken = tu.adversarial_step(one, two, (tu.SGD(one, 0.1), tu.SGD(two, 0.1)), x, y)
        assert np.isfinite(taken.adversarial)
    for model, other in zip((generator, judge), there, strict=True):
        for (name, array), (_, found) in zip(model.named_state(), other.named_state(), strict=True):
            assert_close(found, array, 1e-10, name)


def test_a_loss_that_is_not_finite_ends_it():
    generator = made("pix2pix")
    judge, (x, y) = judge_for(generator), images(generator)
    optimizers = tu.SGD(generator, 0.1), tu.SGD(judge, 0.1)
    before = judge.state_dict(), generator.state_dict()
    y[0, 0, 0, 0] = np.nan
    with pytest.raises(ArithmeticError, match="discriminator's loss became nan: take a lower"):
        tu.adversarial_step(generator, judge, optimizers, x, y)
    for model, state in zip((judge, generator), before, strict=True):
        for name, array in model.named_parameters():
            np.testing.assert_array_equal(array, state[name])


# ---------------------------------------------------------------------- beside PyTorch


@pytest.mark.parametrize(
    ("name", "conditional", "kind"),
    [("pix2pix, port", True, "Adam"), ("pix2pix", False, "SGD"), ("pix2pix", True, "SGD")],
)
def test_steps_of_both_networks_beside_pytorch(name, conditional, kind):
    """Two steps, with all that they change: parameters and running statistics.

    Adam makes of a gradient that is nothing but round-off a whole step, so a bias without effect would
    go anywhere: it runs with networks that have none.
    """
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here and is not installed")
    from test_painting_torch import F, Oracle
    from test_torch import image_to_torch, parameters_to_torch, torch_axes

    generator = made(name)
    judge = judge_for(generator, conditional, port=kind == "Adam")
    states = [parameters_to_torch(model) for model in (generator, judge)]
    oracles = [Oracle(m, s) for m, s in zip((generator, judge), states, strict=True)]
    if kind == "Adam":
        ours = [tu.Adam(model, 2e-3, (0.5, 0.999)) for model in (generator, judge)]
        theirs = [torch.optim.Adam(s.values(), 2e-3, (0.5, 0.999)) for s in states]
    else:
        ours = [tu.SGD(model, 0.02, 0.9) for model in (generator, judge)]
        theirs = [torch.optim.SGD(s.values(), 0.02, 0.9) for s in states]

    def bce(z, real):
        return F.binary_cross_entropy_with_logits(z, torch.full_like(z, float(real)))

    for step in range(2):
        x, y = (np.repeat(a, 2, axis=1) for a in images(generator, seed=20 + step))
        masked = copy.deepcopy(generator)
        masked(x)
        taken = tu.adversarial_step(
            generator, judge, ours, x, y, l1_weight=10.0, conditional=conditional
        )

        paint, verdict = oracles
        paint.masks = Oracle(masked, states[0]).masks
        tx, ty = image_to_torch(x), image_to_torch(y)

        def pair(q, tx=tx):
            return torch.cat([tx, q], 1) if conditional else q

        painted = paint(tx)
        theirs[1].zero_grad()
        of_judge = (bce(verdict(pair(painted.detach())), False) + bce(verdict(pair(ty)), True)) / 2
        of_judge.backward()
        theirs[1].step()
        theirs[0].zero_grad()
        fooled, l1 = bce(verdict(pair(painted)), True), F.l1_loss(painted, ty)
        (fooled + 10 * l1).backward()
        theirs[0].step()

        assert taken.discriminator == pytest.approx(of_judge.item(), rel=1e-10)
        assert taken.adversarial == pytest.approx(fooled.item(), rel=1e-10)
        assert taken.l1 == pytest.approx(l1.item(), rel=1e-10)
    for model, state, oracle in zip((generator, judge), states, oracles, strict=True):
        axes, idle = torch_axes(model), without_effect(model)
        assert bool(idle) == (kind == "SGD")
        for key, array in model.named_parameters():
            theirs_now = state[key].detach().numpy()
            assert_close(array.transpose(axes[key]), theirs_now, 1e-10, key)
        for key, array in model.named_buffers():
            if key in oracle.running:
                assert_close(array, oracle.running[key].numpy(), 1e-10, key)


# ---------------------------------------------------------------------- runs

COINS = tu.data.coin_flip_colours(12, seed=3)


def networks(judged=True, **options):
    generator = Pix2PixGenerator(widths=(4, 6, 8), drops=1, **options)
    return [generator, PatchGAN(base_channels=4, layers=1)][: 1 + judged]


def trained(models, steps=4, **options):
    return tu.fit_painter(
        models[0], lambda i: COINS.batch(i, 2), *models[1:], steps=steps,
        **{"schedule": "poly", "progress": False, **options},
    )  # fmt: skip


def assert_equal_states(models, others):
    for model, other in zip(models, others, strict=True):
        for (name, a), (_, b) in zip(model.named_state(), other.named_state(), strict=True):
            np.testing.assert_array_equal(a, b, name)


@pytest.mark.parametrize("judged", [True, False])
@pytest.mark.parametrize("at", [1, 3])
def test_a_resumed_run_goes_on_bit_for_bit(tmp_path, judged, at):
    at_once = networks(judged)
    history = trained(at_once)

    def stop(done, step):
        if done == at:
            raise KeyboardInterrupt

    out, first = tmp_path / "painter.npz", networks(judged)
    with pytest.raises(KeyboardInterrupt):
        trained(first, out=out, callbacks=[stop])
    again = networks(judged)
    seen = []
    found = trained(again, out=out, resume=True, callbacks=[lambda done, step: seen.append(done)])
    assert found == history
    assert seen == list(range(at + 1, 5))
    assert_equal_states(again, at_once)
    assert_equal_states([tu.load(out)], at_once[:1])
    assert trained(networks(judged), out=out, resume=True) == history  # it was at its end


@pytest.mark.parametrize("judged", [True, False])
def test_a_run_on_each_device_is_resumed_on_the_cpu(tmp_path, judged, xp, device):
    models, out = [model.to(device) for model in networks(judged)], tmp_path / "painter.npz"
    history = trained(models, out=out)
    assert len(history) == 4
    assert {tu.array_module(a) for m in models for _, a in m.named_parameters()} == {xp}
    again = networks(judged)
    assert trained(again, out=out, resume=True) == history
    for model, other in zip(models, again, strict=True):
        for name, array in model.state_dict().items():
            np.testing.assert_array_equal(tu.to_cpu(array), other.state_dict()[name])


def test_a_step_is_what_adversarial_step_makes_of_it():
    models, others = networks(), networks()
    (found,) = trained(models, steps=1, l1_weight=7.0, conditional=True)
    batch = COINS.batch(0, 2)
    optimizers = tuple(tu.Adam(model, 2e-4, (0.5, 0.999)) for model in others)
    expected = tu.adversarial_step(*others, optimizers, batch.inputs, batch.targets, l1_weight=7.0)
    assert found == expected
    assert_equal_states(models, others)


def test_alone_it_learns_by_l1():
    models = networks(judged=False, dtype="float64")
    optimizer = tu.Adam(models[0], 5e-3)
    history = trained(models, steps=25, optimizers=[optimizer])
    assert history[0].discriminator is history[0].adversarial is None
    assert np.mean([step.l1 for step in history[-5:]]) < 0.8 * history[0].l1
    assert optimizer.lr == 5e-3  # as chosen: the schedule multiplies it only in between


def test_a_file_that_is_there_is_not_overwritten_and_another_run_not_resumed(tmp_path):
    out = tmp_path / "painter.npz"
    trained(networks(), steps=1, out=out)
    with pytest.raises(FileExistsError, match="resume=True continues it, or choose another"):
        trained(networks(), steps=1, out=out)
    for options, words in (
        ({"steps": 2}, "steps: 1 in the file, 2 asked for"),
        ({"steps": 1, "l1_weight": 1.0}, "l1_weight: 100.0 in the file, 1.0 asked for"),
        ({"steps": 1, "loss": tu.LeastSquaresGANLoss()}, "loss: GANLoss in the file, LeastSquares"),
    ):
        with pytest.raises(ValueError, match=words):
            trained(networks(), out=out, resume=True, **options)
    with pytest.raises(ValueError, match=r"generator: .*seed.* in the file"):
        trained(networks(seed=1), steps=1, out=out, resume=True)
    with pytest.raises(ValueError, match=r"discriminator: .* in the file, None asked"):
        trained(networks(False), steps=1, out=out, resume=True)
    tu.save(tmp_path / "model.npz", networks()[0])
    with pytest.raises(ValueError, match=r"model\.npz holds no run of fit_painter"):
        trained(networks(), out=tmp_path / "model.npz", resume=True)
    with pytest.raises(ValueError, match="resume=True needs the file of the run"):
        trained(networks(), resume=True)


def test_after_an_error_within_a_step_the_file_is_that_of_whole_steps(tmp_path):
    models, out = networks(), tmp_path / "painter.npz"
    poisoned = Pairs(COINS.inputs[:2], COINS.targets[:2] * np.float32(np.nan))

    def batch(i):
        return COINS.batch(i, 2) if i < 2 else poisoned

    with pytest.raises(ArithmeticError, match="discriminator's loss became nan"):
        tu.fit_painter(models[0], batch, models[1], steps=4, out=out, progress=False)
    assert not out.exists()  # it was not yet time to write it


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"steps": 0}, "steps must be at least 1"),
        ({"l1_weight": -1.0}, "l1_weight not below 0, got 4 and -1.0"),
        ({"schedule": "linear"}, "schedule must be"),
        ({"optimizers": []}, "one for each network, the generator's first, got 0 for 2"),
    ],
)
def test_settings_that_cannot_be(options, words):
    with pytest.raises(ValueError, match=words):
        trained(networks(), **options)
