"""One self-contained HTML file about a run or a bake-off."""
