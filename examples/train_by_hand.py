"""Train a U-Net with every step in sight: copy this file, and change it.

python examples/train_by_hand.py         about a minute, then look at by_hand.png
python examples/train_by_hand.py 20      20 steps
"""

import sys

import numpy as np

import tinyunet as tu

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 300
BATCH = 8
rng = np.random.default_rng(0)

# Data. Your own images, all of one size: tu.data.load_folder("mine/images", "mine/masks")
data = tu.data.synthetic_cells(50, size=96, seed=0)
train, validation, test = data.split(validation=0.1, test=0.2, seed=0)
images, labels = np.stack(train.images), np.stack(train.labels)  # (N, H, W, 1), (N, H, W)
# Background between touching cells counts more than other pixels, or they would grow together.
border = {"sigma": 2, "class_weights": (1, 1)}
weights = np.stack([tu.weight_map(tu.separate(cells), **border) for cells in train.instances])

model = tu.UNet(data.channels, data.num_classes, base_channels=8, depth=3, padding="same")
loss = tu.SoftmaxCrossEntropy()
optimizer = tu.Adam(model, lr=2e-3)


def score(part):
    """SEG, the mean overlap of each true cell with the one found for it, and the cells found."""
    found = [tu.instances(tu.predict_image(model, image)) for image in part.images]
    pairs = zip(found, part.instances, strict=True)
    return np.mean([tu.metrics.seg(cells, truth) for cells, truth in pairs]), found


for step in range(1, STEPS + 1):
    optimizer.lr = 2e-3 * tu.rate_factor("cosine", step - 1, STEPS)  # rises, then falls to 0
    chosen = rng.choice(len(images), BATCH, replace=False)
    x, t, w = images[chosen], labels[chosen], weights[chosen].astype(np.float32)
    if rng.random() < 0.5:  # a mirror image is a new image
        x, t, w = x[:, :, ::-1], t[:, :, ::-1], w[:, :, ::-1]
    if rng.random() < 0.5:
        x, t, w = x[:, ::-1], t[:, ::-1], w[:, ::-1]

    logits = model(x)  # forward: (N, H, W, classes)
    value = loss(logits, t, w)
    dlogits = loss.backward()  # dL/dlogits, in the shape of logits
    model.backward(dlogits, input_gradient=False)  # sets the gradient of every parameter
    optimizer.step()  # changes every parameter a little, against its gradient

    if step % 20 == 0:
        print(f"step {step:4} of {STEPS}   loss {value:.4f}", flush=True)
    if step % 100 == 0:
        print(f"                  SEG  {score(validation)[0]:.3f} on validation images", flush=True)

seg, found = score(test)
print(f"SEG {seg:.3f} on {len(test)} test images; see by_hand.png")
tu.plots.save(tu.plots.compare(test.images[:3], test.instances[:3], found[:3]), "by_hand.png")
