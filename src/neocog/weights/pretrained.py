"""`weights=`: a file, a published one by its short name, an address, or a repository of the hub."""

from pathlib import Path
from typing import Any, NamedTuple

from neocog.errors import UserError
from neocog.nets import resolve
from neocog.pictures.preprocessing import Preprocessing
from neocog.weights import hub, published
from neocog.weights.download import OnProgress, fetch
from neocog.weights.foreign import check_twin


class Here(NamedTuple):
    """A weight file on this machine. preprocessing, net: what its publisher wants of pictures, and says that it is, where that
    is known."""

    path: Path
    preprocessing: Preprocessing | None = None
    net: str | None = None


def fetched(words: str | Path, net: str | None, on_progress: OnProgress | None = None) -> Here:
    """The file that `words` mean for the network of ours called `net`. Raises UserError, one line, also offline."""
    if not isinstance(words, str) or Path(words).exists() or not published.is_reference(words):
        return Here(Path(words))
    if hub.is_hub(words):
        path, config = hub.fetch_with_config(words)
        return Here(path, hub.timm_preprocessing(config), _theirs(words, config, net))
    if published.is_address(words):
        listed = next((entry for entry in published.table() if entry.url == words), None)
        path = fetch(words, listed.checksum if listed else None, on_progress)
        known = published.by_file(path.name)
        return Here(path, known.preprocessing if known and known.net == net else None)
    if net is None:
        raise UserError(f"'{words}' means published weights of a network by name; give a file for one that has none")
    entry = published.find(words, net)
    return Here(fetch(entry.url, entry.checksum, on_progress), entry.preprocessing)


def _theirs(words: str, config: dict[str, Any], net: str | None) -> str | None:
    """timm's name of the network in a repository, with its prefix, if that is one of ours. Raises UserError if it is not `net`:
    timm has networks that differ only in what has no weights."""
    name = config.get("architecture")
    if not isinstance(name, str):
        return None
    check_twin(name, words)
    try:
        ours = resolve(f"timm:{name}").name
    except UserError:
        return None
    if net is not None and ours != net:
        raise UserError(f"{words}: not the weights of {net}: they are of timm's {name}, which is {ours}")
    return f"timm:{name}"
