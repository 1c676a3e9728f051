"""`weights=`: a file, a published one by its short name, an address, or a repository of the hub."""

from pathlib import Path
from typing import NamedTuple

from neocog.errors import UserError
from neocog.pictures.preprocessing import Preprocessing
from neocog.weights import hub, published
from neocog.weights.download import OnProgress, fetch


class Here(NamedTuple):
    """A weight file on this machine. preprocessing: what its publisher wants of pictures, where that is known."""

    path: Path
    preprocessing: Preprocessing | None = None


def fetched(words: str | Path, net: str | None, on_progress: OnProgress | None = None) -> Here:
    """The file that `words` mean for the network of ours called `net`. Raises UserError, one line, also offline."""
    if not isinstance(words, str) or Path(words).exists() or not published.is_reference(words):
        return Here(Path(words))
    if hub.is_hub(words):
        path, config = hub.fetch_with_config(words)
        return Here(path, hub.timm_preprocessing(config))
    if published.is_address(words):
        listed = next((entry for entry in published.table() if entry.url == words), None)
        path = fetch(words, listed.checksum if listed else None, on_progress)
        known = published.by_file(path.name)
        return Here(path, known.preprocessing if known and known.net == net else None)
    if net is None:
        raise UserError(f"'{words}' means published weights of a network by name; give a file for one that has none")
    entry = published.find(words, net)
    return Here(fetch(entry.url, entry.checksum, on_progress), entry.preprocessing)
