"""Winograd's minimal filtering: 3x3 convolutions with fewer multiplications."""
