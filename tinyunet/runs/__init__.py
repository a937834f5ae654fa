"""A run in a folder: its settings, its training, predictions with its model."""
