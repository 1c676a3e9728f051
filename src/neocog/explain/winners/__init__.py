"""What every map answers most: the search, its patches, and how they came about in training."""
