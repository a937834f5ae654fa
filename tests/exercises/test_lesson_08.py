"""Lesson 8: right answers, and the usual wrong ones; test_all.py tries them."""

import numpy as np

from tinyunet.exercises import check


def he_std(kh, kw, c_in, c_out):
    return np.sqrt(2 / (kh * kw * c_in))


def sgd_step(p, g, v, lr, momentum):
    v = momentum * v + g
    return p - lr * v, v


def adam_step(p, g, m, s, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g * g
    m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
    return p - lr * m_hat / (np.sqrt(s_hat) + eps), m, s


def train(model, loss, optimizer, batches, first, last):
    losses = []
    for i in range(first, last):
        images, labels, _ = batches[i]
        losses.append(loss(model(images), labels))
        model.backward(loss.backward())
        optimizer.step()
    return losses


def sgd_in_place(p, g, v, lr, momentum):
    v *= momentum
    v += g
    return p - lr * v, v


def without_correction(p, g, m, s, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g * g
    return p - lr * m / (np.sqrt(s) + eps), m, s


def eps_inside(p, g, m, s, t, lr, beta1, beta2, eps):
    _, m, s = adam_step(p, g, m, s, t, lr, beta1, beta2, eps)
    return p - lr * m / (1 - beta1**t) / np.sqrt(s / (1 - beta2**t) + eps), m, s


def without_root(p, g, m, s, t, lr, beta1, beta2, eps):
    _, m, s = adam_step(p, g, m, s, t, lr, beta1, beta2, eps)
    return p - lr * m / (1 - beta1**t) / (s / (1 - beta2**t) + eps), m, s


def returns_hats(p, g, m, s, t, lr, beta1, beta2, eps):
    p, m, s = adam_step(p, g, m, s, t, lr, beta1, beta2, eps)
    return p, m / (1 - beta1**t), s / (1 - beta2**t)


def no_update(model, loss, optimizer, batches, first, last):
    losses = []
    for i in range(first, last):
        losses.append(loss(model(batches[i][0]), batches[i][1]))
        model.backward(loss.backward())
    return losses


def one_batch(model, loss, optimizer, batches, first, last):
    images, labels, _ = batches[first]
    losses = []
    for _ in range(first, last):
        losses.append(loss(model(images), labels))
        model.backward(loss.backward())
        optimizer.step()
    return losses


def update_first(model, loss, optimizer, batches, first, last):
    for i in range(first, last):
        loss(model(batches[i][0]), batches[i][1])
        optimizer.step()
        model.backward(loss.backward())


def update_after_the_loop(model, loss, optimizer, batches, first, last):
    losses = no_update(model, loss, optimizer, batches, first, last)
    optimizer.step()
    return losses


def without_the_last_update(model, loss, optimizer, batches, first, last):
    losses = train(model, loss, optimizer, batches, first, last - 1)
    losses.append(loss(model(batches[last - 1][0]), batches[last - 1][1]))
    return losses


def loss_to_backward(model, loss, optimizer, batches, first, last):
    for i in range(first, last):
        images, labels, _ = batches[i]
        model.backward(loss(model(images), labels))
        optimizer.step()


def two_of_a_batch(model, loss, optimizer, batches, first, last):
    for i in range(first, last):
        images, labels = batches[i]
        loss(model(images), labels)


def without_backward(model, loss, optimizer, batches, first, last):
    for i in range(first, last):
        loss(model(batches[i][0]), batches[i][1])
        optimizer.step()


def loss_afterwards(model, loss, optimizer, batches, first, last):
    losses = []
    for i in range(first, last):
        train(model, loss, optimizer, batches, i, i + 1)
        losses.append(loss(model(batches[i][0]), batches[i][1]))
    return losses


def from_zero(model, loss, optimizer, batches, first, last):
    return train(model, loss, optimizer, batches, 0, last - first)


def labels_first(model, loss, optimizer, batches, first, last):
    images, labels, _ = batches[first]
    return [loss(labels, model(images))]


def backward_of_a_number(model, loss, optimizer, batches, first, last):
    images, labels, _ = batches[first]
    value = loss(model(images), labels)
    value.backward()


def trains_what_was_predicted(model, loss, optimizer, batches, first, last):
    images, labels, _ = batches[first]
    value = loss(model.predict(images), labels)
    model.backward(loss.backward())
    return [value]


def adam_with(power):
    """Adam where m and s are divided by 1 - power(beta, t)."""

    def step(p, g, m, s, t, lr, beta1, beta2, eps):
        m, s = beta1 * m + (1 - beta1) * g, beta2 * s + (1 - beta2) * g * g
        root = np.sqrt(s / (1 - power(beta2, t)))
        return p - lr * m / (1 - power(beta1, t)) / (root + eps), m, s

    return step


RIGHT = {"he_std": he_std, "sgd_step": sgd_step, "adam_step": adam_step, "train": train}


def sgd_by_loops(p, g, v, lr, momentum):
    """Number by number, in float64 whatever came in."""
    new_p, new_v = np.zeros(p.shape), np.zeros(p.shape)
    for i in np.ndindex(p.shape):
        new_v[i] = momentum * float(v[i]) + float(g[i])
        new_p[i] = p[i] - lr * new_v[i]
    return [new_p, new_v]


def sgd_in_copies(p, g, v, lr, momentum):
    p, v = p.copy(), v.copy()
    v *= momentum
    v += g
    p -= lr * v
    return p, v


def adam_by_a_rate(p, g, m, s, t, lr, beta1, beta2, eps):
    """Kingma and Ba's other form: the corrections are in the rate and in eps."""
    m, s = m + (1 - beta1) * (g - m), s + (1 - beta2) * (g**2 - s)
    root = np.sqrt(1 - beta2**t)
    return p - lr * root / (1 - beta1**t) * m / (np.sqrt(s) + eps * root), m, s


def adam_in_float64(*arguments):
    p, g, m, s = (np.asarray(a, float) for a in arguments[:4])
    return list(adam_step(p, g, m, s, *arguments[4:]))


def train_with_a_counter(model, loss, optimizer, batches, first, last):
    losses = np.zeros(last - first)
    i = first
    while i < last:
        batch = batches[i]
        logits = model.forward(batch[0])
        losses[i - first] = loss.forward(logits, batch[1], batch[2])
        dlogits = loss.backward()
        model.backward(dlogits, input_gradient=False)
        optimizer.step()
        i += 1
    return losses


def train_to_a_tuple(model, loss, optimizer, batches, first, last):
    return tuple(train(model, loss, optimizer, batches, i, i + 1)[0] for i in range(first, last))


ALSO_RIGHT = {
    "he_std": [
        lambda kh, kw, i, o: np.float32(2 / (kh * kw * i)) ** 0.5,
        lambda kh, kw, i, o: np.sqrt(2) / np.sqrt(np.ones((kh, kw, i)).sum()),
    ],
    "sgd_step": [sgd_by_loops, sgd_in_copies],
    "adam_step": [adam_by_a_rate, adam_in_float64],
    "train": [train_with_a_counter, train_to_a_tuple],
}

# What is wrong, and words that its message should hold ("" where no cause is named).
WRONG = {
    "he_std": [
        (lambda kh, kw, i, o: 2 / (kh * kw * i), "the square root is missing"),
        (lambda kh, kw, i, o: (1 / (kh * kw * i)) ** 0.5, "so 2 / N"),
        (lambda kh, kw, i, o: (2 / (kh * kw * o)) ** 0.5, "output channels"),
        (lambda kh, kw, i, o: (2 / i) ** 0.5, "kernel's pixels are missing"),
        (lambda kh, kw, i, o: 2 / np.sqrt(kh * kw * i), "under the square root"),
        (lambda kh, kw, i, o: np.sqrt(2 / kh * kw * i), "needs brackets"),
        (lambda kh, kw, i, o: np.sqrt(2 / (kh**2 * i)), "taken for a square"),
        (lambda kh, kw, i, o: np.sqrt(2 / ((kh + kw) * i)), "are added"),
        (lambda kh, kw, i, o: np.sqrt(2 / (kh * kw * (i + o) / 2)), "mean of input and output"),
        (lambda kh, kw, i, o: (2 // (kh * kw * i)) ** 0.5, "// divides whole numbers"),
        (lambda *all: np.ones(all) * he_std(*all), "one number is wanted"),
        (lambda kh, kw, i, o: 0.02, ""),
    ],
    "sgd_step": [
        (lambda p, g, v, lr, mu: (p + lr * (mu * v + g), mu * v + g), "wrong sign"),
        (lambda p, g, v, lr, mu: (p - lr * v, mu * v + g), "the old velocity"),
        (
            lambda p, g, v, lr, mu: (p - lr * (mu * v + (1 - mu) * g), mu * v + (1 - mu) * g),
            "1 - momentum only",
        ),
        (lambda p, g, v, lr, mu: (p - mu * v - lr * g, mu * v + lr * g), "inside the velocity"),
        (lambda p, g, v, lr, mu: (p - lr * g, g), "is forgotten"),
        (lambda p, g, v, lr, mu: (p + mu * v - lr * g, mu * v - lr * g), "its minus are inside"),
        (sgd_in_place, "an argument was overwritten"),
        (lambda *all: (sgd_step(*all)[0], all[2]), "return the new one"),
        (lambda p, g, v, lr, mu: (p - lr * (mu * v - g), mu * v - g), "subtracted in the velocity"),
        (lambda p, g, v, lr, mu: (p + lr * (mu * v - g), mu * v - g), "both signs changed"),
        (lambda p, g, v, lr, mu: sgd_step(p, g, v, mu, lr), "lr and momentum are exchanged"),
        (lambda *all: (all[0] - sgd_step(*all)[0], sgd_step(*all)[1]), "step was returned"),
        (lambda p, g, v, lr, mu: sgd_step(p, mu * g, v, lr, 1), "not the gradient"),
        (lambda p, g, v, lr, mu: sgd_step(p, mu * g, v, lr, 1 - mu), "mean's weights"),
        (lambda p, g, v, lr, mu: (p - lr * g - mu * v - g, mu * v + g), "holds the gradient"),
        (lambda p, g, v, lr, mu: p - lr * (mu * v + g), "belong behind the return"),
    ],
    "adam_step": [
        (without_correction, "too small at first"),
        (eps_inside, "inside the square root"),
        (without_root, "square root of s is missing"),
        (returns_hats, "divided again"),
        (adam_with(lambda b, t: b * t), "not a factor"),
        (adam_with(lambda b, t: b), "the exponent t is missing"),
        (adam_with(lambda b, t: 1 - 1 / (1 - b**t)), "multiplied by 1 - beta ** t"),
        (lambda *a: adam_step(*a[:6], a[7], a[6], a[8]), "m has beta1, s has beta2"),
        (lambda *a: adam_step(*a[:8], 0), "eps is missing"),
        (lambda *a: adam_step(*a[:8], 1e-8), "eps is missing"),
        (lambda *a: (adam_step(*a)[0], *a[2:4]), "the old m and s were returned"),
        (lambda *a: (a[0] - adam_step(*a)[0], *adam_step(*a)[1:]), "step was returned"),
        (lambda *a: (adam_step(*a[:8], 0)[0] + a[8], *adam_step(*a)[1:]), "brackets"),
        (lambda *a: adam_step(*a[:4], a[4] + 1, *a[5:]), "t is one too large"),
        (lambda *a: adam_step(*a[:4], a[4] - 1, *a[5:]), "t is counted from 0"),
        (lambda p, g, m, s, t, lr, *a: adam_step(p, g, m, s, t, 1, *a), "learning rate is missing"),
        (lambda p, g, m, s, *_: (p - g, m, s), "the old m and s"),
    ],
    "train": [
        (no_update, "optimizer.step() is missing"),
        (one_batch, "the same batch"),
        (update_after_the_loop, "optimizer.step() is missing"),
        (loss_afterwards, "again after the update"),
        (from_zero, "number `first`"),
        (without_the_last_update, "belongs into the loop"),
        (lambda *a: train(*a)[-1], "only the last loss"),
        (update_first, "gradients first"),
        (without_backward, "model.backward is missing"),
        (loss_to_backward, "and not the loss"),
        (two_of_a_batch, "three things"),
        (
            lambda *a: train(*a[:5], a[4] + 1),
            "return stands in it",
        ),
        (lambda *a: train(*a)[-1:], "made anew in each step"),
        (lambda *a: np.cumsum(train(*a)), "were added up"),
        (lambda *a: sum(train(*a)), "into one number"),
        (lambda *a: train(*a[:4], 0, a[5]), "begin with `first`"),
        (labels_first, "logits first"),
        (backward_of_a_number, "the object `loss`"),
        (trains_what_was_predicted, "predict keeps nothing"),
        (lambda *a: iter(train(*a)), ""),
    ],
}


def test_an_update_before_backward_says_what_is_missing():
    assert "run the model's backward before step" in str(check.train(update_first))
