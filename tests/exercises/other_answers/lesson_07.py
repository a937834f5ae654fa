"""Right answers to lesson 7 that are not ours."""


# %% unet_output_side
def unet_output_side(side, depth):
    """Return the side of the output, a whole number, or 0 where that input is not possible."""
    sides = [side]
    for _ in range(depth):
        half, odd = divmod(sides[-1] - 4, 2)
        if odd or half < 1:
            return 0
        sides.append(half)
    out = sides[-1] - 4
    while depth:
        out, depth = out * 2 - 4, depth - 1
    return out if out > 0 else 0


# %% unet_parameters
def unet_parameters(in_channels, num_classes, base_channels, depth):
    """Return how many weights and biases a U-Net has."""
    c = base_channels
    level = 9 * in_channels * c + 9 * c * c + 2 * c
    total = level + c * num_classes + num_classes
    for _ in range(depth):
        total += 4 * 2 * c * c + 9 * 2 * c * c + 9 * c * c + 3 * c  # up to this level
        total += 9 * c * 2 * c + 9 * 4 * c * c + 4 * c  # the pair below
        c *= 2
    return total


# %% unet_forward
def unet_forward(net, x):
    """Return the logits (N, H', W', num_classes) of images x (N, H, W, in_channels)."""
    kept = {}
    for i, (encoder, pool) in enumerate(zip(net.encoder, net.pools, strict=True)):
        kept[i] = encoder(x)
        x = pool(kept[i])
    x = net.bottom(x)
    for i in range(net.depth - 1, -1, -1):
        x = net.decoder[i](net.skips[i](kept.pop(i), net.ups[i](x)))
    return net.head(x)


# %% unet_backward
def unet_backward(net, dy):
    """Return the gradient of the images from that of the logits; every layer keeps its own."""
    gradient, kept = net.head.backward(dy), []
    for decoder, skip, up in zip(net.decoder, net.skips, net.ups, strict=True):
        both = skip.backward(decoder.backward(gradient))
        kept.insert(0, both[0])
        gradient = up.backward(both[1])
    gradient = net.bottom.backward(gradient)
    for pool, encoder, more in zip(net.pools[::-1], net.encoder[::-1], kept, strict=True):
        gradient = encoder.backward(more + pool.backward(gradient))
    return gradient
