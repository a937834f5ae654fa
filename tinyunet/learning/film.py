"""Film: small frames of a training, to be played beside its loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array, to_cpu, to_device
from tinyunet.engine.whole_files import written_whole
from tinyunet.layers import Conv2d
from tinyunet.learning.npz import Npz
from tinyunet.networks.network import Network
from tinyunet.networks.receptive_field import Calls, recorded_calls
from tinyunet.segmentation.tiles import checked

FILE = "film.npz"
SIDE, SMALL = 96, 48  # pixels: of the prediction, and of feature maps, at most
LAYERS, CHANNELS = 6, 4  # whose maps are kept, and how many of each
SEEN = 256  # pixels of the image, at most


class Film:
    """Keep frames of a training at some twenty moments: ``tu.fit(..., callbacks=[tu.Film(folder)])``.

    A frame has the prediction for one image, a few feature maps, and for every layer the norm of its
    gradient in that step and of its parameters. Moments lie closer together at the beginning, where
    more changes. `tinyunet.explore` plays the film of the run's folder.

    Parameters
    ----------
    out
        The folder for ``film.npz``, best that of the run.
    image
        (H, W, C) to be predicted; by default the middle of the first validation image, else of the
        first training image.
    moments
        How many frames.
    """

    def __init__(
        self, out: str | Path, image: np.ndarray | None = None, *, moments: int = 20
    ) -> None:
        if moments < 2:
            raise ValueError(f"a film needs 2 moments or more, got {moments}")
        self.path, self.image, self.moments = Path(out) / FILE, image, moments
        self.frames: list[dict[str, Any]] = []
        self._layers: list[str] = []
        self._seen: np.ndarray | None = None

    def __call__(self, training: Any, step: Any) -> None:
        """Keep a frame if it is time; `fit` calls this after every step."""
        if step.number not in moments_of(training.total, self.moments):
            return
        if self.image is None:
            data = training.validation or training.batches.dataset
            self.image = data.images[0]
        if not self.frames and training.history.resumed_at and self.path.is_file():
            self._go_on(step.number)
        self.frames.append(self._frame(training.model, step.number))
        self.write(training.history.loss, training.history.validation)

    def _frame(self, model: Network, number: int) -> dict[str, Any]:
        x = _shown(model, self.image)
        self._seen = _thinned(to_cpu(x)[0], SIDE)
        with recorded_calls(model, x) as calls:
            logits = to_cpu(model.predict(x))[0]
        if not self._layers:
            self._layers = _chosen(calls)
        maps, highs = _maps(calls, self._layers)
        gradients = dict(model.named_gradients())
        learned = {k: array for k, array in model.named_learned() if not k.endswith("bias")}
        return {
            "step": number,
            "prediction": _prediction(logits),
            "maps": maps,
            "highs": highs,
            "gradients": [_norm(gradients[k]) if k in gradients else 0.0 for k in learned],
            "weights": [_norm(array) for array in learned.values()],
            "names": list(learned),
        }

    def _go_on(self, number: int) -> None:
        """Take over the frames before a step from the film of the run that was resumed."""
        arrays = read_film(self.path)
        self._layers = arrays["layers"]
        layers = range(len(self._layers))
        for i, step in enumerate(arrays["steps"].tolist()):
            if step < number:
                self.frames.append(
                    {
                        "step": step,
                        "prediction": arrays["prediction"][i],
                        "maps": [arrays[f"maps.{k}"][i] for k in layers],
                        "highs": [arrays[f"highs.{k}"][i].tolist() for k in layers],
                        "gradients": arrays["gradients"][i].tolist(),
                        "weights": arrays["weights"][i].tolist(),
                        "names": arrays["names"],
                    }
                )

    def write(self, loss: list[float], validation: list[tuple[int, float]]) -> None:
        """Write the frames so far."""
        frames, first = self.frames, self.frames[0]
        arrays = {
            "steps": np.array([frame["step"] for frame in frames]),
            "loss": np.array(loss, np.float64),
            "validation": np.array(validation, np.float64).reshape(-1, 2),
            "image": self._seen,
            "prediction": np.stack([frame["prediction"] for frame in frames]),
            "gradients": np.array([frame["gradients"] for frame in frames]),
            "weights": np.array([frame["weights"] for frame in frames]),
            "names": _text(first["names"]),
            "layers": _text(self._layers),
        }
        for i in range(len(self._layers)):
            arrays[f"maps.{i}"] = np.stack([frame["maps"][i] for frame in frames])
            arrays[f"highs.{i}"] = np.array([frame["highs"][i] for frame in frames])
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(self.path) as file:
            np.savez_compressed(file, **arrays)


def moments_of(total: int, count: int) -> list[int]:
    """Return about `count` of the steps 1 to `total`, closer together at the beginning."""
    places = 1 + (total - 1) * np.linspace(0, 1, count) ** 2
    return sorted({round(float(place)) for place in places})


def read_film(path: Path) -> dict[str, Any]:
    """Read a film: its arrays by name, and ``names`` and ``layers`` as lists of text.

    Raises
    ------
    ValueError
        If it is damaged, or none.
    """
    try:
        with path.open("rb") as file:
            npz = Npz(file)
            arrays: dict[str, Any] = {name: npz.read(name) for name in npz.members}
        for name in ("names", "layers"):
            text = bytes(arrays[name]).decode()
            arrays[name] = text.split("\n") if text else []
        _check(arrays)
    except (OSError, MemoryError):
        raise
    except Exception as error:
        raise ValueError(f"{path} is no film that tinyunet wrote, or damaged: {error}") from error
    return arrays


def _check(arrays: dict[str, Any]) -> None:
    """Raise ValueError unless all arrays are of as many moments."""
    moments, layers = len(arrays["steps"]), range(len(arrays["layers"]))
    kept = [
        "prediction",
        "gradients",
        "weights",
        *(f"{k}.{i}" for k in ("maps", "highs") for i in layers),
    ]
    if not moments or any(len(arrays[name]) != moments for name in kept):
        raise ValueError("its arrays are not of the same moments")
    if "image" in arrays and arrays["image"].ndim != 3:  # a film may have none
        raise ValueError("its image is not (H, W, C)")


def _shown(model: Network, image: Any) -> Array:
    """The middle of an image (H, W, C), in a size that the network takes: (1, h, w, C)."""
    image = checked(model, image)
    sides = zip(image.shape[:2], model.sizes, strict=True)
    taken = [max(axis.up_to(min(side, SEEN)), default=axis.first) for side, axis in sides]
    spare = [max(0, new - side) for new, side in zip(taken, image.shape[:2], strict=True)]
    image = np.pad(image, ((0, spare[0]), (0, spare[1]), (0, 0)), mode="symmetric")
    top, left = ((side - new) // 2 for side, new in zip(image.shape[:2], taken, strict=True))
    part = image[None, top : top + taken[0], left : left + taken[1]]
    return to_device(np.ascontiguousarray(part), model.device)


def _chosen(calls: Calls) -> list[str]:
    """The names of some convolutions, from the first to the one before the last."""
    names = [name for name, layer, *_ in calls.made if isinstance(layer, Conv2d)][:-1]
    places = np.linspace(0, len(names) - 1, min(LAYERS, len(names))).round().astype(int)
    return [names[i] for i in dict.fromkeys(places.tolist())]


def _maps(calls: Calls, layers: list[str]) -> tuple[list[np.ndarray], list[list[float]]]:
    """The first channels (c, h, w) of layers' outputs as bytes, and what 255 stands for."""
    made = {name: y for name, _, y, _ in calls.made}
    maps, highs = [], []
    for name in layers:
        y = np.abs(to_cpu(made[name])[0, :, :, :CHANNELS]).astype(np.float64)
        small = np.moveaxis(_thinned(y, SMALL), 2, 0)
        high = small.max(axis=(1, 2))
        scale = np.where(high > 0, high, 1)[:, None, None]
        maps.append(np.round(255 * small / scale).astype(np.uint8))
        highs.append(high.tolist())
    return maps, highs


def _thinned(array: np.ndarray, side: int) -> np.ndarray:
    """Every k-th pixel of an array (H, W, C), so that it fits into a side."""
    k = -(-max(array.shape[:2]) // side)
    return array[::k, ::k]


def _prediction(logits: np.ndarray) -> np.ndarray:
    """The foreground's probability as bytes, or of more classes the class, at every k-th pixel."""
    logits = _thinned(logits, SIDE).astype(np.float64)
    if logits.shape[2] > 2:
        return logits.argmax(axis=2).astype(np.uint8)
    z = logits[..., 0] if logits.shape[2] == 1 else logits[..., 1] - logits[..., 0]
    return np.round(255 / (1 + np.exp(-np.clip(z, -50, 50)))).astype(np.uint8)


def _norm(array: Array) -> float:
    return float(np.sqrt((to_cpu(array).astype(np.float64) ** 2).sum()))


def _text(names: list[str]) -> np.ndarray:
    """Names as bytes: a file of plain numbers."""
    return np.frombuffer("\n".join(names).encode(), np.uint8)
