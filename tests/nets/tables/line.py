"""One row of a layer table."""

Shape = tuple[int, ...]
Line = tuple[str, Shape, int, int, int | None, int | None]
"""(path or block, output, params, MACs, receptive field, stride); None: not printed, or a full connection's field."""


def blocks(scope: str, first: int, last: int, output: Shape, params: int, macs: int, field: int, stride: int) -> list[Line]:
    """Equal blocks, of which only the last one's receptive field was printed."""
    rows: list[Line] = [(f"{scope}.{i}", output, params, macs, None, stride) for i in range(first, last + 1)]
    return [*rows[:-1], (*rows[-1][:4], field, stride)]
