"""What was made of a file of PyTorch's weights, in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class TorchReport:
    """What `load_torch` made of a file.

    Attributes
    ----------
    family
        Whose names they are.
    network
        What was made of them.
    tensors, parameters
        How many arrays the file has, and how many parameters the network.
    changed
        What is otherwise than in the file: folded, swapped, converted.
    left_over
        Arrays that no network needs.
    assumed
        What the file does not say, and how to say it.
    """

    file: str
    family: str
    network: str = ""
    tensors: int = 0
    parameters: int = 0
    changed: list[str] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        left = (
            f"{len(self.left_over)} arrays, such as {self.left_over[0]}" if self.left_over else ""
        )
        lines = [
            f"{self.file}: {self.tensors} arrays, names as of {self.family}",
            f"network: {self.network}, {self.parameters:,} parameters",
            *(f"changed: {what}" for what in self.changed),
            *([f"left over: {left}"] if left else []),
            *(f"assumed: {what}" for what in self.assumed),
        ]
        return "\n".join(lines)
