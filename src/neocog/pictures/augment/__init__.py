"""Augmentations as the papers have them: pure functions of pixels and random draws. Pillow and numpy, no torch."""
