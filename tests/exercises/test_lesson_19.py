"""Lesson 19: right answers, and the usual wrong ones; test_all.py tries them."""

import numpy as np
import pytest

import tinyunet as tu
from tinyunet.exercises import check
from tinyunet.exercises.lesson_19 import losses, steps
from tinyunet.exercises.trial import Trial, slopes

# ---------------------------------------------------------------------- right, in other ways


def l1_loss(y, t):
    over, under = (y > t).astype(y.dtype), (y < t).astype(y.dtype)
    slope = (over - under) / y.size
    return (slope * (y - t)).sum(), slope


def judge_loss(z, real):
    """By the probability of what is wrong."""
    away = -z if real else z
    p = (1 + np.tanh(away / 2)) / 2
    return np.logaddexp(0, away).mean(), (-p if real else p) / z.size


def seen(x, image):
    return np.concatenate((x, image), axis=3)


def judge_step(judge, optimizer, x, y, painted):
    """Painted first, and the kept gradients put into the layers."""
    loss, dz = judge_loss(judge(seen(x, painted)), False)
    judge.backward_parameters(dz)
    kept = [(layer, key, g) for _, layer in judge.named_layers() for key, g in layer.grads.items()]
    other, dz = judge_loss(judge(seen(x, y)), True)
    judge.backward_parameters(dz)
    for layer, key, g in kept:
        layer.grads[key] = (layer.grads[key] + g) / 2
    optimizer.step()
    return np.mean([loss, other])


def generator_step(generator, judge, optimizer, x, y, painted, weight):
    """By one gradient of what the judge sees, to which that of L1 is added in place."""
    fooled, dz = judge_loss(judge(seen(x, painted)), True)
    dx = judge.backward(dz)
    dx[..., x.shape[3] :] += weight * l1_loss(painted, y)[1]
    generator.backward_parameters(np.ascontiguousarray(dx[..., x.shape[3] :]))
    optimizer.step()
    return fooled


RIGHT = {
    "l1_loss": l1_loss,
    "judge_loss": judge_loss,
    "judge_step": judge_step,
    "generator_step": generator_step,
}


def by_cases(y, t):
    """In loops over everything, and a gradient by masks."""
    off, dy = (y - t).ravel(), np.zeros_like(y)
    dy[y > t], dy[y < t] = 1 / y.size, -1 / y.size
    return sum(abs(value) for value in off.tolist()) / len(off), dy


def by_softplus(z, real):
    """Where a logit is far off, its loss is a straight line."""
    s = z if not real else -z
    soft = np.where(s > 0, s + np.log1p(np.exp(-abs(s))), np.log1p(np.exp(-abs(s))))
    p = np.where(s > 0, 1 / (1 + np.exp(-abs(s))), np.exp(-abs(s)) / (1 + np.exp(-abs(s))))
    return soft.sum() / soft.size, np.where(real, -p, p) / p.size


def real_last_and_by_names(judge, optimizer, x, y, painted):
    """The first pass's gradients are put aside by name, and added in place to the second's."""
    pairs = [(painted, False), (y, True)]
    losses, aside = [], []
    for image, real in pairs:
        loss, dz = judge_loss(judge(seen(x, image)), real)
        judge.backward(dz, input_gradient=False)
        losses.append(loss)
        aside.append({name: g.copy() for name, g in judge.named_gradients()})
    for name, g in judge.named_gradients():
        g[...] = np.mean([aside[0][name], aside[1][name]], axis=0)
    optimizer.step()
    return float(np.mean(losses))


def painted_again(generator, judge, optimizer, x, y, painted, weight):
    """L1's gradient first, and the channels counted from behind."""
    dpainted = weight * np.sign(painted - y) / painted.size
    fooled, dz = judge_loss(judge(seen(x, painted)), True)
    dpainted = dpainted + np.split(judge.backward(dz), [x.shape[3]], axis=3)[1]
    generator.backward(dpainted, input_gradient=False)
    optimizer.step()
    return np.float64(fooled)


ALSO_RIGHT = {
    "l1_loss": [by_cases, lambda y, t: [np.mean(abs(t - y)), -np.sign(t - y) / y.size]],
    "judge_loss": [by_softplus, lambda z, real: tuple(judge_loss(z, bool(real)))],
    "judge_step": [real_last_and_by_names, lambda *given: judged(*given)],
    "generator_step": [painted_again, lambda *given: generated(*given)],
}

# ---------------------------------------------------------------------- wrong


def naive(z, real):
    p = 1 / (1 + np.exp(-z))
    return -np.log(p if real else 1 - p).mean(), (p - real) / z.size


def overflowing(z, real):
    e = np.exp(z)
    return judge_loss(z, real)[0], (e / (1 + e) - real) / z.size


def judged(judge, optimizer, x, y, painted, said=(True, False), half=0.5, keep=True, step=1,
           join=seen, returned=sum):  # fmt: skip
    kept, parts = {}, []
    for image, real in zip((y, painted), said, strict=True):
        loss, dz = judge_loss(judge(join(x, image)), real)
        judge.backward(dz * half)
        parts.append(loss * half)
        if step == 2:
            optimizer.step()
        for name, g in judge.named_gradients():
            g += kept.get(name, 0) if keep else 0
            kept[name] = g.copy()
    if step == 1:
        optimizer.step()
    return returned(parts)


def in_one_batch(judge, optimizer, x, y, painted):
    z = judge(np.concatenate([seen(x, y), seen(x, painted)]))
    losses, slopes = zip(
        *(judge_loss(part, real) for part, real in zip(np.split(z, 2), (True, False), strict=True)),
        strict=True,
    )
    judge.backward(np.concatenate(slopes) / 2)
    optimizer.step()
    return sum(losses) / 2


def generated(generator, judge, optimizer, x, y, painted, weight, said=True, sign=1, part=None,
              adversary=1, l1=None, step=True, also=None):  # fmt: skip
    fooled, dz = judge_loss(judge(seen(x, painted)), said)
    dseen = judge.backward(sign * dz)
    dpainted = dseen[..., part or slice(x.shape[3], None)]
    dy = l1_loss(painted, y)[1] * (weight if l1 is None else l1)
    generator.backward(adversary * dpainted + dy)
    if step:
        optimizer.step()
    if also:
        also(judge)
    return sign * fooled


def learns_to_be_fooled(judge):
    tu.SGD(judge, 0.1).step()


def judge_wrong(**options):
    return lambda *given: judged(*given, **options)


def generator_wrong(**options):
    return lambda *given: generated(*given, **options)


# What is wrong, and words that its message should hold ("" where no cause is named).
WRONG = {
    "l1_loss": [
        (lambda y, t: (((y - t) ** 2).mean(), 2 * (y - t) / y.size), "mean square"),
        (lambda y, t: (l1_loss(y, t)[0], 2 * (y - t) / y.size), "gradient of squares"),
        (lambda y, t: ((y - t).mean(), l1_loss(y, t)[1]), "cancel"),
        (lambda y, t: (l1_loss(y, t)[0], abs(y - t) / y.size), "and not its size"),
        (lambda y, t: (l1_loss(y, t)[0], np.sign(y) / y.size), "the sign of y"),
        (lambda y, t: (l1_loss(y, t)[0], (y - t) / abs(y - t) / y.size), "0 / 0"),
        (lambda y, t: (((y - t) ** 2).mean() ** 0.5, l1_loss(y, t)[1]), "root of the mean square"),
        (lambda y, t: (abs(y - t).sum(), np.sign(y - t)), "not divided"),
        (lambda y, t: (abs(y - t).sum(), l1_loss(y, t)[1]), "loss is a sum"),
        (lambda y, t: (l1_loss(y, t)[0], np.sign(y - t)), "not divided"),
        (lambda y, t: (l1_loss(y, t)[0], np.sign(y - t) / len(y)), "number of images"),
        (lambda y, t: (l1_loss(y, t)[0], l1_loss(t, y)[1]), "sign"),
        (lambda y, t: (l1_loss(y, t)[0], np.where(y >= t, 1, -1) / y.size), "equals t"),
        (lambda y, t: (l1_loss(y, t)[0], np.where(y > t, 1, -1) / y.size), "not -1"),
        (lambda y, t: l1_loss(y, t)[0], "belong behind the return"),
        (lambda y, t: (3 + l1_loss(y, t)[0], np.sqrt(abs(y))), ""),
    ],
    "judge_loss": [
        (naive, "logarithm infinite"),
        (overflowing, "cannot overflow"),
        (lambda z, real: judge_loss(z, not real), "exchanged"),
        (
            lambda z, real: (np.mean(np.logaddexp(0, z) + z * real), judge_loss(z, real)[1]),
            "it is subtracted",
        ),
        (
            lambda z, real: (np.mean(np.logaddexp(0, -abs(z)) - z * real), judge_loss(z, real)[1]),
            "max(z, 0) is missing",
        ),
        (lambda z, real: judge_loss(z, True), "exchanged"),
        (lambda z, real: judge_loss(z, False), "exchanged"),
        (lambda z, real: (judge_loss(z, real)[0], -judge_loss(z, real)[1]), "it is p - t"),
        (lambda z, real: (judge_loss(z, real)[0], z.size * judge_loss(z, real)[1]), "not divided"),
        (lambda z, real: tuple(z.size * part for part in judge_loss(z, real)), "not divided"),
        (lambda z, real: (judge_loss(z, real)[0], (z - real) / z.size), "sigmoid first"),
        (lambda z, real: (-judge_loss(z, real)[0], judge_loss(z, real)[1]), "above"),
        (lambda z, real: judge_loss(z, real)[1], "belong behind the return"),
        (lambda z, real: (judge_loss(z, real)[0] + 1, judge_loss(z, real)[1] ** 2), ""),
    ],
    "judge_step": [
        (judge_wrong(keep=False), "overwrote"),
        (judge_wrong(step=2, keep=False), "after each pass"),
        (judge_wrong(step=0), "nothing was learned"),
        (judge_wrong(said=(False, True)), "real and fake are exchanged"),
        (judge_wrong(said=(True, True)), "called real, too"),
        (judge_wrong(half=1), "not halved"),
        (in_one_batch, "batch norm"),
        (judge_wrong(join=lambda x, image: seen(image, x)), "x stands behind"),
        (judge_wrong(returned=lambda parts: 2 * sum(parts)), "not halved"),
        (judge_wrong(returned=lambda parts: 2 * parts[1]), "painted images alone"),
        (judge_wrong(returned=lambda parts: 2 * parts[0]), "real images alone"),
        (judge_wrong(returned=lambda parts: None), ""),
        (judge_wrong(join=lambda x, image: image), ""),
        (judge_wrong(half=0.3), "wrong scale"),
    ],
    "generator_step": [
        (generator_wrong(part=slice(0, 2)), "those of x"),
        (generator_wrong(said=False), "found out"),
        (generator_wrong(said=False, sign=-1), "where the judge is sure"),
        (generator_wrong(l1=0), "L1 is missing"),
        (generator_wrong(adversary=0), "goes on into the generator"),
        (generator_wrong(l1=1), "the weight is missing"),
        (generator_wrong(adversary=-1), "the judge's part: both"),
        (generator_wrong(step=False), "nothing was learned"),
        (generator_wrong(also=learns_to_be_fooled), "thrown away"),
        (lambda *given: generated(*given) and None, ""),
        (lambda *given: 2 * generated(*given), "twice what"),
    ],
}  # fmt: skip


# ---------------------------------------------------------------------- the checks themselves


def test_the_losses_of_the_checks_are_the_packages_and_their_gradients_right():
    rng = np.random.default_rng(4)
    y, t, z = (rng.standard_normal((2, 2, 3, 1)) for _ in range(3))
    package = tu.L1Loss()
    loss, dy = losses._l1(y, t)
    assert loss == pytest.approx(package(y, t), rel=1e-12)
    np.testing.assert_allclose(dy, package.backward(), rtol=1e-12)
    for real in (True, False):
        package = tu.GANLoss()
        loss, dz = losses._judge(z, real)
        assert loss == pytest.approx(package(z, real), rel=1e-12)
        np.testing.assert_allclose(dz, package.backward(), rtol=1e-12)
        measured = slopes(lambda z, real=real: np.array([losses._judge(z, real)[0]]), z)
        np.testing.assert_allclose(measured.whole[0], measured.dy * dz, rtol=1e-6)


def test_both_steps_together_are_the_packages():
    rng, trial = np.random.default_rng(6), Trial(None)
    x, y = (rng.standard_normal((2, steps.SIDE, steps.SIDE, c)) for c in (3, 2))
    theirs, ours = steps.Networks(trial, 3, 2), steps.Networks(trial, 3, 2)
    optimizers = tuple(steps.PlainSGD(model) for model in (theirs.generator, theirs.judge))
    done = tu.adversarial_step(theirs.generator, theirs.judge, optimizers, x, y, l1_weight=3.0)
    before = [steps._weights(model) for model in (ours.generator, ours.judge)]
    painted = ours.generator(x)
    loss, step = steps._judges(ours.judge, x, y, painted)
    assert loss == pytest.approx(done.discriminator, rel=1e-12)
    np.testing.assert_allclose(before[1] + step, steps._weights(theirs.judge), atol=1e-12)
    steps.PlainSGD(ours.judge)  # moves nothing yet: the judge learns here
    for (_, mine), (_, other) in zip(
        ours.judge.named_parameters(), theirs.judge.named_parameters(), strict=True
    ):
        mine[...] = other
    fooled, step = steps._generators(ours, x, y, painted, 3.0)
    assert fooled == pytest.approx(done.adversarial, rel=1e-12)
    np.testing.assert_allclose(before[0] + step, steps._weights(theirs.generator), atol=1e-12)


def test_messages_name_networks_in_words():
    text = str(check.judge_step(judge_wrong(step=0)))
    assert "judge = a small network" in text
    assert "SGD with a rate of 0.5" in text
    assert "0x" not in text
