# ---
# jupyter:
#   tinyunet:
#     lesson: 10
#     title: Valid or same?
#     time: 30 s
# ---

# %% [markdown]
# # Lesson 10: Valid or same?
#
# *About half a minute of computing and 60 minutes of reading and writing. You need:
# [lesson 7](07_the_u.ipynb), the sizes in a U-Net, and [lesson 8](08_training.ipynb), the training
# loop.*
#
# A convolution has to do something at the border. **Same** padding puts zeros around the image, so
# that the output is as large as the input. **Valid** means no padding: the kernel stays inside, and
# the output is smaller. Most networks of today use same padding, for it is convenient. The U-Net is
# valid. This lesson shows why, on images that are too large to be computed in one piece. After it
# you can
#
# - say which sizes a valid U-Net takes and gives;
# - compute an image of any size in tiles, with mirrored borders: the paper's **overlap-tile**
#   strategy;
# - explain the two ways in which tiles fail to fit together, and see both;
# - say by how many pixels a tile may be moved so that nothing changes.

# %%
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import tinyunet as tu
from tinyunet.data import Batches
from tinyunet.exercises import check, measured, predict, quiz, small

plt.rcParams["figure.dpi"] = 110
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"

# %% [markdown]
# ## Sizes
#
# Every 3x3 convolution without padding takes one pixel off each end of a side, so a pair of them
# takes 4 off the side. A pooling halves the side, which must be even; an up-convolution doubles it.
#
# **Predict**: a U-Net with one pooling gets a side of 20. What comes out?

# %%
predict("side that comes out for 20, with one pooling", 16)

# %% [markdown]
# ### Exercise 1: in and out
#
# A U-Net of some `depth` has, on each level down, two convolutions and a pooling, two convolutions
# at the bottom, and, on each level up, an up-convolution and two convolutions. It is exercise 1 of
# [lesson 7](07_the_u.ipynb) once more, but return `None`, not 0, where the input does not fit:
# where a pooling would see an odd side, or nothing is left.


# %% nbgrader={"grade": false, "grade_id": "output_side", "locked": false, "schema_version": 3, "solution": true, "task": false}
def output_side(side, depth):
    """Return the side of the output of a valid U-Net, or None where the input does not fit."""
    ### BEGIN SOLUTION
    for _ in range(depth):
        side -= 4
        if side % 2:
            return None
        side //= 2
    side -= 4
    for _ in range(depth):
        side = 2 * side - 4
    return side if side > 0 else None
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_output_side", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.output_side(output_side)

# %%
measured("side that comes out for 20, with one pooling", output_side(20, 1))

# %% [markdown]
# **Derive** it in one line. Let $b$ be the side after the bottom's convolutions. Upwards, each
# level maps $s$ to $2s - 4$; downwards, read from the bottom, to $2s + 4$. After $d$ levels
#
# $$ \text{out} = 2^d b - 4\,(2^{d-1} + \dots + 2 + 1) = 2^d b - 4\,(2^d - 1), \qquad \text{in} =
# 2^d (b + 4) + 4\,(2^d - 1). $$
#
# Input and output differ by $4 \cdot 2^d + 8\,(2^d - 1) = 12 \cdot 2^d - 8$, whatever $b$ is. That
# is the context that a tile needs: half of it, $6 \cdot 2^d - 4$ pixels, on each side. We call it
# the **margin**.

# %%
for depth in (1, 2, 3, 4):
    fits = [side for side in range(1, 600) if output_side(side, depth)]
    lost = {side - output_side(side, depth) for side in fits}
    print(f"depth {depth}: {fits[0]}, {fits[1]}, {fits[2]}, ... lose {lost} = 12 * 2^{depth} - 8")
measured("side that comes out for 572, in the paper's network", output_side(572, 4))

# %% [markdown]
# ## What one pixel sees
#
# Can it really be that a tile of the paper's network needs a margin of 92 pixels? **Check** it with
# the gradient. The gradient of one output pixel with respect to the image is not 0 just where the
# pixel looks. `backward` gives it, if the upstream gradient is 1 at that pixel and 0 elsewhere. We
# use three levels, and make all weights positive, so that no ReLU is closed and nothing cancels.
# (Of a pooling's window, the gradient shows the winner only. We look just for the first and the
# last column, and find them through one row or another.)
#
# **Predict** for depth 3: how many pixels wide is the region that one output pixel sees? And do all
# output pixels see regions of the same size?

# %%
predict("widest region that an output pixel sees", 89)
choices = ("as large as that of its neighbours", "not always as large")
predict("a pixel's region is", "as large as that of its neighbours", choices=choices)

# %%
model = tu.UNet(base_channels=2, depth=3, seed=0, dtype="float64")
model.load_state_dict({name: abs(p) for name, p in model.named_parameters()})
x = np.random.default_rng(0).random((1, 124, 124, 1))
report = tu.check_gradients(model, x, samples=3)
measured("worst relative error of the gradients", report.worst)

regions = []
for pixel in range(8):
    dy = np.zeros_like(model(x))  # (1, 36, 36, 2)
    dy[0, 16, 16 + pixel, 0] = 1
    seen = np.flatnonzero(model.backward(dy)[0].any(axis=(0, 2)))  # columns of the image
    regions.append((seen[0], seen[-1]))
    print(
        f"output column {16 + pixel} sees the columns {seen[0]} to {seen[-1]}: {np.ptp(seen) + 1}"
    )
widths = [last - first + 1 for first, last in regions]
measured("widest region that an output pixel sees", max(widths))
measured("a pixel's region is", choices[int(max(widths) > min(widths))])

# %% [markdown]
# Between 92 and 100 columns, much more than the 29 that its fourteen 3x3 convolutions would see
# without poolings (each adds 2). The outer ones have little weight, but they count. Output column
# 16 lies over column 16 + 44 of the image, so it sees 44 pixels to the left of itself: the margin.
#
# And the regions do not move along pixel by pixel: neighbours share a region, then it jumps. A
# pooling looks at windows that lie on a fixed grid. Two pixels in one window are treated
# differently from two pixels on both sides of its edge. With three poolings the grid has 8 pixels.
# So a U-Net moves along with the image only in steps of $2^d$; for other steps it computes
# something else. Keep that in mind.

# %% [markdown]
# ## Mirrors and tiles
#
# The network loses its margin on all sides. To get an answer for every pixel of the image, we need
# context from beyond its border. There is none, so we make it up: the paper mirrors the image.
#
# ### Exercise 2: mirrored borders
#
# `a b c d` becomes `c b | a b c d | c b`: the border pixel is the mirror, and is not repeated. The
# result has the image's dtype, since a network of float32 takes no float64. On no side are more
# pixels asked for than lie behind the border pixel: H - 1 or W - 1.


# %% nbgrader={"grade": false, "grade_id": "mirror", "locked": false, "schema_version": 3, "solution": true, "task": false}
def mirror(image, above, below, left, right):
    """Return the image (H, W), larger by so many mirrored rows and columns on its four sides."""
    ### BEGIN SOLUTION
    return np.pad(image, ((above, below), (left, right)), mode="reflect")
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_mirror", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.mirror(mirror)

# %% [markdown]
# Large images do not fit into memory at once. So compute the output in pieces, **tiles**. To give a
# tile of `gives` pixels, the network reads a window of `reads = gives + 2 * margin`. Windows
# overlap, the tiles that they give do not, and together they should be what the network gives for
# the whole image in one piece.
#
# They are, if every pixel keeps its place on the poolings' grid. So tiles must follow each other by
# a multiple of $2^d$ ([Rumberger et al. 2021](https://arxiv.org/abs/2101.05846)). The natural
# stride, `gives`, is no such multiple if $d \ge 3$: $\text{out} = 2^d b - 4 (2^d - 1)$ leaves a
# remainder of 4. The paper's 388 is $24 \cdot 16 + 4$.
#
# ### Exercise 3: where tiles start
#
# Return the first pixel of each tile along a side of the image, in order, beginning at 0. Every
# tile begins inside the image, at a multiple of $2^d$ (without poolings, $d = 0$, anywhere).
# Together the tiles give every pixel. There are no more of them than with the largest stride that
# is allowed. The last tile may stand out of the image.


# %% nbgrader={"grade": false, "grade_id": "tile_starts", "locked": false, "schema_version": 3, "solution": true, "task": false}
def tile_starts(side, gives, depth):
    """Return the list of the tiles' first pixels."""
    ### BEGIN SOLUTION
    stride = gives // 2**depth * 2**depth
    return list(range(0, side, stride))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_tile_starts", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.tile_starts(tile_starts)

# %% [markdown]
# ### Exercise 4: the overlap-tile
#
# `network` takes a window `(reads, reads)` of the image's dtype, and returns its tile `(gives,
# gives)`, the window's middle: `(reads - gives) // 2` pixels of the window lie above the tile, and
# as many to its left. Below and to its right there is one more if `reads - gives` is odd. So where
# the last tile starts at `last`, the mirrored image has to reach `last + reads`. Mirror the image,
# run all tiles, and put them together. Where a tile stands out of the image, cut it. (Where tiles
# overlap, the later one may overwrite the earlier one: they agree.)


# %% nbgrader={"grade": false, "grade_id": "overlap_tile", "locked": false, "schema_version": 3, "solution": true, "task": false}
def overlap_tile(network, image, reads, gives, depth):
    """Return the network's answer (H, W) for every pixel of an image (H, W)."""
    ### BEGIN SOLUTION
    height, width = image.shape
    margin = (reads - gives) // 2
    tops, lefts = tile_starts(height, gives, depth), tile_starts(width, gives, depth)
    below, right = tops[-1] + reads - margin - height, lefts[-1] + reads - margin - width
    padded = mirror(image, margin, below, margin, right)
    y = np.zeros_like(image)
    for top in tops:
        for left in lefts:
            part = network(padded[top : top + reads, left : left + reads])
            y[top : top + gives, left : left + gives] = part[: height - top, : width - left]
    return y
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_overlap_tile", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check.overlap_tile(overlap_tile)

# %% [markdown]
# ## Two trained networks
#
# Now for a real test. We train two small U-Nets for a short time, with equal first weights: a valid
# one and one with same padding. The images are tissue with dark membranes; the networks say how
# probable it is that a pixel lies inside a cell.

# %% jupyter={"source_hidden": true}
models, losses = {}, {}


def draw_training():
    """Draw the losses so far, and what the networks make of an image by now."""
    figure = Figure((8, 2.6), layout="constrained")
    left, *places = figure.subplots(1, 3)
    for (padding, line), colour in zip(losses.items(), (BLUE, ORANGE), strict=False):
        left.plot(line, color=colour, linewidth=1, label=padding)
    left.set_xlim(0, steps)
    left.set_ylim(0, 1)
    left.set_xlabel("step")
    left.set_title("loss", fontsize=11)
    left.legend(frameon=False)
    for axis, padding in zip(places, ("valid", "same"), strict=True):
        axis.set_axis_off()
        axis.set_title(f"{padding}: probability of cell", fontsize=11)
        if padding in models:
            seen = tu.predict_image(models[padding], train_images.images[0])[..., 1]
            axis.imshow(seen, cmap="gray", vmin=0, vmax=1)
    return figure


# %% alt="The losses of the valid and the same-padding network fall alike, from about 0.7 to about 0.25; beside them, the probability of cell that each gives for an image, with dark membranes."
train_images = tu.data.synthetic_membranes(4 if small else 16, size=128, seed=0)
steps = 10 if small else 150  # `small` is True in quick trial runs only


def trained(padding, side, progress):
    """Return a trained U-Net of depth 3; it sees windows of the given side."""
    model = tu.UNet(base_channels=4, depth=3, padding=padding, seed=1)
    models[padding], losses[padding] = model, []
    size = (side, side)
    batches = Batches(train_images, None, 2, size, model.output_size(*size), augment=True, seed=0)
    loss, optimizer = tu.SoftmaxCrossEntropy(), tu.Adam(model, lr=0.002)
    for i in range(steps):
        images, labels, _ = batches[i]
        losses[padding].append(loss(model(images), labels))
        model.backward(loss.backward(), input_gradient=False)
        optimizer.step()
        progress()
    return model


progress = tu.plots.Growing(2 * steps, draw_training)
valid, same = trained("valid", 132, progress), trained("same", 64, progress)


# %%
def network(model, gives=None):
    """Return a function from a window to the probability of "cell" (of `gives` pixels)."""

    def probability(window):
        z = model.predict(np.ascontiguousarray(window)[None, ..., None])[0, :gives, :gives]
        return 1 / (1 + np.exp(z[..., 0] - z[..., 1]))  # softmax with two classes

    return probability


# %% [markdown]
# One of the images that they have never seen, computed by the valid network: in one piece, and in
# tiles of 36 pixels, whose windows have $36 + 2 \cdot 44 = 124$. The blue tile needs the orange
# window.

# %%
side = 108 if small else 180
test = tu.data.synthetic_membranes(2 if small else 6, size=side, seed=1)
image = test.images[0][..., 0]
margin = 6 * 2**3 - 4
gives, reads = 36, 36 + 2 * margin


def in_one_piece(model, image):
    """Return the answer for all pixels, with mirrored borders but no tiles."""
    sides = [model.output_size(*[s] * 2)[0] for s in model.valid_input_sizes(len(image) + 100)]
    gives = next(s for s in sides if s >= len(image))
    reads = model.input_size(gives, gives)[0]
    return overlap_tile(network(model), image, reads, gives, depth=3)


whole = in_one_piece(valid, image)
tiles = overlap_tile(network(valid), image, reads, gives, depth=3)
package = tu.predict_image(valid, image, tile=reads)[..., 1]
measured("tiles against one piece: largest difference", abs(tiles - whole).max())
measured("tiles against the package's: largest difference", abs(tiles - package).max())

# %% jupyter={"source_hidden": true} alt="Left, the image with mirrored borders, a blue tile and the much larger orange window that it needs. Middle, the probability of cell with the lines between tiles, which cannot be seen in it. Right, the truth."
figure, axes = plt.subplots(1, 3, figsize=(8, 2.9), layout="constrained")
extent = (-margin - 0.5, side + margin - 0.5, side + margin - 0.5, -margin - 0.5)
axes[0].imshow(mirror(image, *[margin] * 4), cmap="gray", extent=extent)
axes[0].add_patch(Rectangle((-0.5, -0.5), side, side, fill=False, color="white", linewidth=1))
axes[0].add_patch(Rectangle((-margin, 32 - margin), reads, reads, fill=False, color=ORANGE, lw=2))
axes[0].add_patch(Rectangle((0, 32), gives, gives, fill=False, color=BLUE, linewidth=2))
axes[0].set_title("mirrored; image in white", fontsize=11)
axes[1].imshow(tiles, cmap="gray", vmin=0, vmax=1)
for start in tile_starts(side, gives, 3)[1:]:
    axes[1].axhline(start - 0.5, color=BLUE, linewidth=0.7)
    axes[1].axvline(start - 0.5, color=BLUE, linewidth=0.7)
axes[1].set_title("probability of cell, in tiles", fontsize=11)
axes[2].imshow(test.labels[0], cmap="gray")
axes[2].set_title("truth", fontsize=11)
for axis in axes:
    axis.set_axis_off()
plt.show()

# %% [markdown]
# ## Break it on purpose: seams
#
# Four ways to tile. The measure is the difference, pixel by pixel, from what the *same network*
# gives for the image in one piece:
#
# 1. same padding, every 32: tiles of 32 pixels side by side, without overlap (32 is a multiple of
#    8, so the grid is right);
# 2. valid, every 36: the valid network, each tile 36 pixels after the one before. That is a
#    multiple of 4, but not of 8: two of the three poolings meet their grid, the third does not;
# 3. valid, every 35: no pooling meets its grid;
# 4. valid, every 32.
#
# **Predict** the largest difference of a probability for each: is there none, or a small one, or up
# to 1?

# %%
predict("same padding, every 32: largest difference", 0.2)
predict("valid, every 36: largest difference", 0.01)
predict("valid, every 35: largest difference", 0.05)
predict("valid, every 32: largest difference", 0)

# %%
kinds = {  # the model, what a tile reads and gives, and the poolings that we respect
    "same padding, every 32": (same, 32, 32, 3),
    "valid, every 36": (valid, reads, 36, 0),  # stride: a multiple of 2 ** 0 = 1
    "valid, every 35": (valid, reads, 35, 0),
    "valid, every 32": (valid, reads, 36, 3),
}
seams, stitched = {}, {}
for name, (model, tile_reads, tile_gives, depth) in kinds.items():
    tile = network(model, tile_gives)
    pairs = []
    for gray in test.images:
        one = in_one_piece(model, gray[..., 0])
        pairs.append((overlap_tile(tile, gray[..., 0], tile_reads, tile_gives, depth), one))
    stitched[name] = np.array(pairs)
    seams[name] = abs(stitched[name][:, 0] - stitched[name][:, 1])
    measured(f"{name}: largest difference", seams[name].max())

# %% jupyter={"source_hidden": true} alt="Mean differences in four maps, logarithmic. Same padding: a grid of bright lines around its tiles. Valid, every 36: a chessboard of right and wrong tiles. Valid, every 35: wrong everywhere but in the first tile. Valid, every 32: black."
figure, axes = plt.subplots(1, 4, figsize=(8, 2.4), layout="constrained")
for axis, (name, seam) in zip(axes, seams.items(), strict=True):
    shown = axis.imshow(np.maximum(seam.mean(axis=0), 1e-8), cmap="magma", norm=LogNorm(1e-8, 1))
    axis.set_title(name.replace(", ", ",\n"), fontsize=11)
    axis.set_axis_off()
bar = figure.colorbar(shown, ax=axes, fraction=0.02, pad=0.01)
bar.set_label("mean difference")
plt.show()

# %% [markdown]
# The maps are means over several images, so that what remains is due to the tiles. The colours are
# logarithmic.
#
# - Same padding has seams all around its tiles: there a tile sees zeros, where the image in one
#   piece goes on.
# - Valid, every 36: no seams but a chessboard. The tile at 0 is right, the one at 36 meets the
#   third pooling's grid shifted, the one at 72 is right again, for 72 is a multiple of 8. A tile is
#   right where both its row and its column begin at a multiple of 8.
# - Valid, every 35: only the first tile is right, and the errors are larger, since more
#   poolings meet another grid. (The start 70 is even, so its first pooling is right at least.)
# - Valid, every 32: nothing but the rounding of float32.
#
# How large should tiles be? Move the slider: at the left what the same-padding network makes of a
# part of the image in such tiles, at the right the difference from one piece.

# %% jupyter={"source_hidden": true} alt="Tiles of the same-padding network. With small tiles the picture is crossed by many seams; the larger the tiles, the fewer."
one = in_one_piece(same, image)


def draw_tiles(tile):
    """Draw the prediction in such tiles, and its difference from one piece."""
    found = overlap_tile(network(same, tile), image, tile, tile, depth=3)
    figure = Figure((5.4, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    part = np.s_[:112, :112]  # in which the borders of the largest tiles can be seen
    plain = {"vmin": 0, "interpolation": "nearest"}
    left.imshow(found[part], cmap="gray", vmax=1, **plain)
    right.imshow(abs(found - one)[part], cmap="magma", vmax=0.5, **plain)
    left.set_title(f"tiles of {tile} px", fontsize=11)
    right.set_title(f"mean difference {abs(found - one).mean():.3f}", fontsize=11)
    cost = (tile + 2 * margin) ** 2 / tile**2
    figure.supxlabel(
        f"Valid tiles as large read {cost:.1f} pixels for each that they give.", size=11
    )
    left.set_axis_off()
    right.set_axis_off()
    return figure


tu.plots.slider(
    draw_tiles,
    (16, 24, 32, 48, 64, 96),
    "side of a tile",
    alt="The same-padding network's prediction in tiles, and its difference from that in one piece.",
    start=2,
    dpi=90,
)

# %% [markdown]
# Larger tiles have fewer borders, and for valid ones less is computed twice: take them as large as
# memory allows.
#
# How far do the zeros reach into a same-padding tile? And do the seams do any harm, measured
# against the truth instead of against the other prediction? A pixel counts as wrong if its more
# probable class is wrong. **Predict** by how many percentage points more pixels are wrong, up to 1
# pixel from a tile's border, than in one piece.

# %%
predict("same padding: more wrong pixels at a border, in percent", 2)

# %%
place = np.arange(side) % 32
inner = np.minimum(place, 31 - place)  # distance along a line from the tile's border
distance = np.minimum(inner[:, None], inner[None, :])  # of a pixel from its tile's nearest border
truth = np.array(test.labels) > 0
tiled, one = stitched["same padding, every 32"].swapaxes(0, 1)
change = seams["same padding, every 32"].mean(axis=0)
profile = np.array([change[distance == d].mean() for d in range(16)])


def share_wrong(probability, where):
    """Return the percentage of wrong pixels of each image, among those at some distances."""
    return 100 * ((probability > 0.5) != truth)[:, where].mean(axis=1)


for name, where in (("0 to 1 px from a border", distance < 2), ("8 px or more", distance >= 8)):
    harm = share_wrong(tiled, where) - share_wrong(one, where)  # image by image
    error = harm.std(ddof=1) / len(harm) ** 0.5
    print(
        f"{name:24} wrong in one piece {share_wrong(one, where).mean():5.1f} %, in tiles "
        f"{share_wrong(tiled, where).mean():5.1f} %, difference {harm.mean():+.1f} ± {error:.1f}"
    )
near = (share_wrong(tiled, distance < 2) - share_wrong(one, distance < 2)).mean()
measured("same padding: more wrong pixels at a border, in percent", near)
ratio = profile[0] / profile[12:].mean()
measured("same padding: change at the border, in times of deep inside", ratio)

# %% jupyter={"source_hidden": true} alt="The mean change falls quickly with the distance from the tile's border and is small, but not 0, deep inside."
figure, axis = plt.subplots(figsize=(5.5, 2.6), layout="constrained")
axis.plot(profile, "o-", color=ORANGE, markersize=4)
axis.set_ylim(bottom=0)
axis.set_xlabel("pixels from the border of its tile")
axis.set_ylabel("mean change")
axis.grid(color="0.93")
axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# (The numbers behind the ± are standard errors over the images.)
#
# The change falls quickly with the distance, but in this network it is not 0 even in the middle of
# a tile. Against the truth, harm is done near the border; some pixels deeper, the two are about
# equally often wrong.
#
# So is same padding wrong? No: for images that fit into memory it works well, and sizes are simple.
# In tiles it needs an overlap, too, of which the rim is thrown away; then the seams become faint,
# and where the rim is as wide as the zeros reach, they are gone. A valid network has that built in:
# what it gives has never seen a made-up pixel, except for the mirror at the border of the image.
#
# How much hangs on what is made up? In a page of `tu.explore` a switch exchanges the two, mirror and
# zeros, and each pixel shows the frame of what it sees, border and all.

# %%
for name, model in (("valid", valid), ("same", same)):
    page = tu.explore(model, test.images[0], mask=truth[0], places=3, progress=False)
    page.save(f"{name}.html")  # open it in your browser
    for way in page.data["whatif"]["variants"]:
        if way["group"] == "border":
            print(f"{name}, {way['name']}: {100 * way['changed']:.1f} % of the pixels change class")

# %% [markdown]
# ## Quiz
#
# **One pixel more.** A valid U-Net of depth 2 makes 8 pixels of a side of 48. Of 49 it makes
#
# - a) 9.
# - b) 8.
# - c) nothing: it does not take 49.

# %%
quiz("one pixel more", "c")

# %% [markdown]
# **A moved image.** An image is moved by 2 pixels. What a network with three poolings gives, far
# from the border, is
#
# - a) the same, moved by 2 pixels.
# - b) in general something else.
# - c) the same, unmoved.

# %%
quiz("a moved image", "b")

# %% [markdown]
# **Small tiles.** For lack of memory, someone lets the paper's network give tiles of 20 pixels
# instead of 388, every 16. Then
#
# - a) the result is the same, and takes far more computing.
# - b) the result has seams.
# - c) the result is the same, and takes as much computing.

# %%
quiz("small tiles", "a")

# %% [markdown]
# **Seams away.** A same-padding network has to work in tiles. What takes its seams away?
#
# - a) A longer training.
# - b) Tiles every 36 pixels.
# - c) Overlapping tiles whose rims are thrown away.

# %%
quiz("seams away", "c")

# %% [markdown]
# **Chessboard.** Every second tile of a prediction is slightly wrong. You look first at
#
# - a) the stride of the tiles.
# - b) the mirrored border.
# - c) the training data.

# %%
quiz("chessboard", "a")

# %% [markdown]
# ## What you know now
#
# - A valid U-Net of depth $d$ loses $12 \cdot 2^d - 8$ pixels of a side; every pooling needs an
#   even side.
# - A pixel sees a region on the poolings' grid. So the network moves along with the image in steps
#   of $2^d$ only.
# - Tiles of a valid network fit together exactly, if they follow each other by a multiple of $2^d$
#   and the image's border is mirrored.
# - Tiles with same padding have seams where they do not overlap, since zeros are no context.
#
# The package's version is `tinyunet/segmentation/tiles.py`:
# `tu.predict_image(model, image, tile=...)`. It takes both kinds of network; around the whole
# image, one with same padding sees its zeros there, and no mirror.
#
# In [lesson 11](11_few_images.ipynb) we have ten images only, and make them last.
