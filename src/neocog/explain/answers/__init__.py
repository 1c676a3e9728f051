"""What layers answer, and the weights that can be seen: planes, templates, strokes, filters."""
