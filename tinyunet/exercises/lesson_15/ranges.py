"""Lesson 15: in which ranges its measured values lie."""

RANGES = {
    "milliseconds for moving an image": (0.08, 0.09),
    "milliseconds for moving all parameters": (7.7, 7.8),
    "all outputs there and back, in times of computing forward": (2, 2.5),
    "lines of five that are refused": (3, 3),
    "np.maximum of a device array": ("works",),
    "mean-pooling, host against toy: largest difference": (0, 1e-12),
    "mean-pooling: worst relative error of the gradient": (0, 1e-7),
    "trips for the parameters": (26, 26),
    "bytes moved for each parameter": (4, 4),
    "microseconds with a wait after each order": (280, 280),
    "microseconds with one wait, at the end": (210, 210),
    "trips in a step of the little network": (2, 2),
    "waits in a step of the little network": (1, 1),
    "launches in a step of the little network": (15, 60),
    "losses of the little network, host against toy: difference": (0, 1e-5),
    "loss of the little network, in times of the noise": (0, 0.6),
    "waits of the talkative step": (3, 3),
    "trips to the device in a step of a U-Net": (3, 3),
    "waits in a step of a U-Net": (1, 1),
    "launches in a step of a U-Net": (100, 5000),
    "losses of a U-Net, host against toy: relative difference": (0, 1e-4),
}
SMALL = {name: limits for name, limits in RANGES.items() if "in times of the noise" not in name}
