"""Where a training begins: weights from elsewhere, or a start made from pictures."""
