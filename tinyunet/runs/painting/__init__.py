"""A network that paints: trained in a folder, and used on pictures, as `tinyunet paint` does."""
