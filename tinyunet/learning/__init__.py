"""How a network learns: optimizers, one step, the loop around it, and what is kept of a run."""
