"""Lesson 8: right answers that are not ours, for the student's notebook."""

import numpy as np


# %% he_std
def he_std(kh, kw, c_in, c_out):
    """Return the root of the variance 2 / N."""
    under_the_kernel = np.prod([kh, kw, c_in])
    return float(np.sqrt(2.0) * under_the_kernel**-0.5)


# %% sgd_step
def sgd_step(p, g, v, lr, momentum):
    """Step against the velocity, which is a sum of two arrays."""
    velocity = np.add(np.multiply(v, momentum), g)
    return [np.subtract(p, np.multiply(velocity, lr)), velocity]


# %% adam_step
def adam_step(p, g, m, s, t, lr, beta1, beta2, eps):
    """Number by number."""
    new = [np.zeros(np.shape(p)) for _ in range(3)]
    for i in np.ndindex(np.shape(p)):
        mean = beta1 * m[i] + (1 - beta1) * g[i]
        square = beta2 * s[i] + (1 - beta2) * g[i] ** 2
        step = mean / (1 - beta1**t) / ((square / (1 - beta2**t)) ** 0.5 + eps)
        new[0][i], new[1][i], new[2][i] = p[i] - lr * step, mean, square
    return tuple(new)


# %% train
def train(model, loss, optimizer, batches, first, last):
    """Fill an array with the losses."""
    losses = np.empty(last - first)
    for place, i in enumerate(range(first, last)):
        batch = batches[i]
        losses[place] = loss(model(batch[0]), labels=batch[1])
        gradient = loss.backward()
        model.backward(gradient)
        optimizer.step()
    return losses
