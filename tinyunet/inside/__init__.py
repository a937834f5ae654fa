"""See inside a network: a page of its maps, its gradients, and what each part brings."""

from tinyunet.inside.page import Page, explore

__all__ = ["Page", "explore"]
