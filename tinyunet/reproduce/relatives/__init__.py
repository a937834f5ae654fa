"""What each relative of the U-Net was made for, shown in small: streets, outlines and cues."""
