"""What a verb was given as a network: a run folder, a name, or a line of text."""

from pathlib import Path

from neocog.arch import Architecture
from neocog.nets import Net, resolve


def network(name: str) -> tuple[Architecture, Net | None]:
    """The architecture, and the network that carries its card; None for a run's, which is fitted to its data.

    Raises UnknownName, or TextError with the column.
    """
    if (Path(name) / "config.json").is_file():
        from neocog.runs.config import read_config

        return read_config(name).arch.renamed(name), None
    net = resolve(name)
    return net.build(), net
