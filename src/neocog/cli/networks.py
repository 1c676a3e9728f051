"""What a verb was given as a network: a run folder, a name, or a line of text."""

from pathlib import Path

from neocog.arch import Architecture
from neocog.errors import UserError
from neocog.nets import Net, resolve
from neocog.nets.registry import looks_like_text


def network(name: str) -> tuple[Architecture, Net | None]:
    """The architecture, and the network that carries its card; None for a run's, which is fitted to its data.

    Raises UnknownName, or TextError with the column.
    """
    if (Path(name) / "config.json").is_file():
        from neocog.runs.config import read_config

        return read_config(name).arch.renamed(name), None
    net = named(name)
    return net.build(), net


def named(name: str) -> Net:
    """The network of a name or of a line of text. Raises UserError, for a path that of a run that is not there."""
    if "/" in name and not looks_like_text(name):
        raise UserError(f"{name}: there is no such run folder")
    return resolve(name)
