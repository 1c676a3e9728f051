"""From a unit back to the pixels: the rules, what they mean for each layer, and projections."""
