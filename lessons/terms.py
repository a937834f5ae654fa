"""What the glossary says of terms whose sentence in the lesson leans on a picture beside it.

All others stand there in the words of their lesson: see `lessons.glossary`.
"""

TERMS = {
    "accuracy": "The share of pixels that are labelled right. High wherever most pixels are "
    "background.",
    "adjoint identity": "For a linear layer, the sum of y times dy is the sum of x times dx: "
    "what goes forward and what comes back weigh each other alike. It holds up to rounding.",
    "backward pass": "The way from the loss back to the image: each layer turns the gradient "
    "of its output into those of its input and of its parameters.",
    "balance": "How many bytes a machine can move from memory in the time of one "
    "multiplication. Work that needs more of them waits for memory.",
    "bands": "A few rows of an image at a time, so that what is computed from them stays in "
    "the cache.",
    "bandwidth": "How many bytes a second a connection carries, as between memory and processor.",
    "batch": "Several images that go through the network together, along the first axis of "
    "its arrays.",
    "bilinear interpolation": "A value between four pixels: each counts by its nearness in "
    "rows times that in columns.",
    "bins": "Parts into which something is cut to take a mean or a count of each: a map in "
    "PSPNet's pyramid, probabilities in a reliability diagram.",
    "boundary score": "How well outlines lie: F1 of boundary pixels that have a partner on "
    "the other side within a few pixels.",
    "ceiling": "The best score that a question allows, whoever answers it: of a perfect mask "
    "in which touching cells are one.",
    "central difference": "A slope measured by a step to each side: (f(x + eps) - f(x - eps)) "
    "/ (2 eps).",
    "channels": "The numbers that each pixel has: three in a colour image, up to 1024 in the "
    "U-Net.",
    "components": "Sets of pixels of a mask that hang together, each sharing an edge with the "
    "next.",
    "concat": "Joining two arrays as channels: first those of one, then those of the other.",
    "convolution": "A kernel slides over the image, and at each place the products of its "
    "weights with the pixels below are added up.",
    "core": "The inside of a cell by a second, higher threshold: one for each cell, also "
    "where cells touch.",
    "crop": "Cutting out the middle of an array, to the size of another one.",
    "cue": "A detail that tells the class of something far away from it.",
    "dead": "Of a ReLU, or a network: 0 for every input, so no gradient comes through and "
    "nothing changes.",
    "decoder": "The right arm of the U: from coarse to fine, to a label for every pixel.",
    "device array": "An array in the memory of a GPU.",
    "encoder": "The left arm of the U: from fine to coarse, seeing more with each level.",
    "f1": "The harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN). Of cells, "
    "where a pair counts as found from an IoU of 0.5 on.",
    "fcn": "A fully convolutional network (Long, Shelhamer and Darrell, "
    "[arXiv:1411.4038](https://arxiv.org/abs/1411.4038)): coarse scores from a classifier's "
    "features, enlarged, with the scores of finer levels added.",
    "fork": "Where one array goes two ways. On the way back the two gradients are added.",
    "generator": "The network of a GAN that makes pictures, here pix2pix's U.",
    "im2col": "Computing a convolution as one matrix product: every window of the image "
    "becomes a row.",
    "intersection": "The pixels that are in both of two masks.",
    "intersection over union": "IoU, or Jaccard index: pixels in both masks over pixels in "
    "either, TP / (TP + FP + FN).",
    "interval": "A range that holds the true mean in 95 of 100 such experiments.",
    "iou": "Intersection over union.",
    "jacobian": "The matrix of all first derivatives of a map. Its determinant says how areas "
    "change.",
    "kernel": "The small array of weights that a convolution slides over the image.",
    "l1": "The mean absolute error. The number that makes it smallest is the median.",
    "layer": "One step of a network, with its numbers in `params`, a forward and a backward pass.",
    "learning rate": "By how much of its gradient a parameter is changed in a step.",
    "log-sum-exp": "The logarithm of the sum of exponentials, computed after the largest was "
    "taken off, so that nothing overflows.",
    "logits": "The network's scores, any numbers whatever, before softmax turns them to "
    "probabilities.",
    "margin": "What a tile needs of its surroundings, on each side, so that its output is "
    "that of the whole.",
    "mean iou": "The mean of the classes' IoU, so that a rare class counts as much as a "
    "frequent one.",
    "median": "As many values are below it as above.",
    "momentum": "Each step goes on with most of the step before, like a ball that rolls.",
    "pattern": "What a layer makes of a flat image: its standard deviation says how strong "
    "the checkerboard is.",
    "precision": "The share of what was called so that is so: TP / (TP + FP).",
    "recall": "The share of what is so that was found: TP / (TP + FN).",
    "same": "Padding that keeps the size; without padding a convolution is called valid.",
    "segnet": "An encoder and a decoder (Badrinarayanan, Kendall and Cipolla, "
    "[arXiv:1511.00561](https://arxiv.org/abs/1511.00561)) whose poolings tell the decoder "
    "where each largest value was, and nothing else.",
    "skip connections": "The way of features from the encoder straight to the decoder's same "
    "level.",
    "stem": "The first convolutions of a network, which make the image smaller.",
    "surprise": "The negative logarithm of the probability that the right class was given.",
    "tent": "The weights of linear interpolation: 1 at the pixel, falling to 0 at its neighbours.",
    "test images": "Those that nothing was learned from or chosen by: scored once, at the "
    "very end.",
    "training images": "Those that the network learns from.",
    "transpose": "The matrix with rows and columns exchanged. A linear layer's backward pass "
    "multiplies by it.",
    "u-net": "A network in the form of a U: an encoder, a decoder, and skips between their levels.",
    "unconditional": "Of a judge that sees the painted picture alone, not what it was painted "
    "from.",
    "union": "The pixels that are in at least one of two masks.",
    "valid": "A convolution without padding: only where the whole kernel lies on the image.",
    "v_rand": "How well a segmentation groups pixels into the true cells: the harmonic mean "
    "of a share that falls when cells are split and one that falls when they are merged.",
    "validation images": "Those by which things are chosen: the best moment of a training, a "
    "threshold.",
    "variance between the groups": "How far the means of two groups lie apart: w (1 - w) (m1 "
    "- m0)^2. Otsu's threshold makes it largest.",
    "warp": "A smooth displacement of all pixels of an image, as if it were printed on rubber.",
    "weight": "How much a pixel counts in the loss; in a kernel, one of its numbers.",
    "weight map": "A weight for each pixel, high on the thin background between touching cells.",
}
