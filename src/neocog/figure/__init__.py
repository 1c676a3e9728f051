"""Figures without a plotting library: marks that become SVG or pixels, colour scales, sheets of tiles, parts of charts."""
