"""Weights that others have published, by name: what file, from where, and what it wants of pictures.

`weights=` and `--weights` take: a file; `pretrained` (the first published for the network), `tv`, `tv:V2`,
`tv:IMAGENET1K_V2`, `keras`; an address; a file of a hub, `hf:owner/name`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath
from typing import TypeVar

from neocog.errors import UnknownName, UserError
from neocog.pictures.preprocessing import Preprocessing
from neocog.weights.converters import dialects, preprocessing_of
from neocog.weights.converters.dialect import Dialect

T = TypeVar("T")
TABLE = "published.txt"
SHORT = {"tv": "torchvision", "torchvision": "torchvision", "keras": "keras", "timm": "timm", "neocog": "neocog"}
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # mean, std
HALVES = (0.5,) * 3, (0.5,) * 3
FROM_TENSORFLOW = ("googlenet", "inception_v3")  # torchvision undoes ImageNet's mean and std inside these: `transform_input`


@dataclass(frozen=True, slots=True)
class Published:
    """A line of the table. name: the network, in the publisher's words. checksum: "sha256:" and the digits that the file's
    name carries (Keras: all of them), or "md5:". top1, top5: accuracy in percent, as published."""

    party: str
    name: str
    tag: str
    megabytes: float | None
    checksum: str | None
    resize: int | None
    crop: int | None
    interpolation: str | None
    top1: float | None
    top5: float | None
    url: str

    @property
    def file(self) -> str:
        """The file's name."""
        return PurePosixPath(self.url).name

    @property
    def dialect(self) -> Dialect:
        """How its tensors are written down."""
        if self.party == "neocog":
            return Dialect("neocog", self.name, self.name)
        return next(d for d in dialects() if (d.party, d.name) == (self.party, self.name))

    @property
    def net(self) -> str:
        """Our name of its network."""
        return self.dialect.net

    @property
    def preprocessing(self) -> Preprocessing:
        """What it wants of pictures."""
        if self.party != "torchvision" or self.crop is None:
            return preprocessing_of(self.dialect)
        mean, std = HALVES if self.name in FROM_TENSORFLOW else IMAGENET
        return Preprocessing(
            self.crop, self.crop, resize_to=self.resize, interpolation=self.interpolation or "bilinear", mean=mean, std=std
        )


@cache
def table() -> tuple[Published, ...]:
    """Every published file that is known."""
    lines = (files("neocog.nets") / TABLE).read_text("utf-8").splitlines()
    return tuple(_read(line) for line in lines if line and not line.startswith("#"))


def _read(line: str) -> Published:
    party, name, tag, megabytes, checksum, resize, crop, interpolation, top1, top5, url = line.split()

    return Published(
        party, name, tag, _known(float, megabytes), _known(str, checksum), _known(int, resize), _known(int, crop),
        _known(str, interpolation), _known(float, top1), _known(float, top5), url,
    )  # fmt: skip


def _known(kind: Callable[[str], T], word: str) -> T | None:
    return None if word == "-" else kind(word)


def by_file(name: str) -> Published | None:
    """The published file of this name, of a network that we have."""
    found = next((entry for entry in table() if entry.file == name), None)
    return found if found is not None and _ours(found) else None


def of_net(net: str) -> tuple[Published, ...]:
    """Everything published for a network of ours."""
    ways = {(d.party, d.name) for d in dialects() if d.net == net} | {("neocog", net)}
    return tuple(entry for entry in table() if (entry.party, entry.name) in ways)


def find(reference: str, net: str) -> Published:
    """`pretrained`, `tv`, `tv:V2`, `tv:IMAGENET1K_V2` for our `net`. Raises UserError, with what there is."""
    known = of_net(net)
    party, _, tag = reference.partition(":")
    tag = tag.upper().removeprefix("IMAGENET1K_")
    for entry in known:
        if (party == "pretrained" or SHORT.get(party) == entry.party) and tag in ("", entry.tag):
            return entry
    if not known:
        raise UserError(f"{net} has no published weights that neocog knows; give a file or an address")
    offers = [f"{'tv' if e.party == 'torchvision' else e.party}:{e.tag}" for e in known]
    raise UnknownName("weights", reference, offers, f"{net} has {', '.join(offers)}.")


def is_reference(words: str) -> bool:
    """Whether `words` name published weights rather than a file."""
    return words == "pretrained" or words.partition(":")[0] in SHORT or is_address(words) or words.startswith("hf:")


def is_address(words: str) -> bool:
    """Whether `words` are an address."""
    return words.startswith(("https://", "http://"))


def _ours(entry: Published) -> bool:
    return entry.party == "neocog" or any((d.party, d.name) == (entry.party, entry.name) for d in dialects())
