"""Files as people have them: images of any format and depth, masks of any kind, and their pairs."""
