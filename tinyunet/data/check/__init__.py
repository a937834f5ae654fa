"""What is in a folder of images and masks, and what speaks against training with it as it is."""
