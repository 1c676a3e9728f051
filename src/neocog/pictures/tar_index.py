"""The index of tar shards: of each picture in them its name, where its bytes lie, and its label. Nothing is unpacked."""

import json
import re
import tarfile
from array import array
from dataclasses import dataclass, field
from pathlib import Path

from neocog.errors import BadPicture
from neocog.pictures.names import Names
from neocog.pictures.scan import hidden, is_picture

LABELS = (".cls", ".cls.txt", ".json")
LONGEST = 255  # letters in the name of a class, as in that of a folder


@dataclass
class Index:
    """What lies in the shards of one split. labels: as they are written, a number or a name."""

    shards: list[Path] = field(default_factory=list)
    names: Names = field(default_factory=Names)
    places: array = field(default_factory=lambda: array("q"))
    labels: list[str | int] = field(default_factory=list)
    skipped: list[BadPicture] = field(default_factory=list)

    def read(self, path: Path, root: Path) -> None:
        """Add the samples of one shard. A damaged one gives what lies before the damage, and is told."""
        shard, place = len(self.shards), path.relative_to(root).as_posix()
        self.shards.append(path)
        key, pictures, label = "", list[tarfile.TarInfo](), None
        try:
            with tarfile.open(path, "r:") as tar:
                for member in tar:
                    name = member.name
                    if hidden(Path(name).name) or member.isdir():
                        continue
                    if _key(name) != key:
                        self._add(shard, place, pictures, label)
                        key, pictures, label = _key(name), [], None
                    if not member.isreg() or member.issparse():
                        if is_picture(name):
                            what = "stored with holes" if member.isreg() else "a link in the tar, not a picture of its own"
                            self.skipped.append(BadPicture(f"{place}/{name}", f"{what}: write the tar without such"))
                    elif name.lower().endswith(LABELS):
                        label = _label(tar, member, label)
                    elif is_picture(name):
                        pictures.append(member)
                damage = _end(path, tar.offset)
        except (tarfile.TarError, OSError, EOFError, ValueError) as error:  # ValueError: of numbers in pax headers
            damage = str(error) if key else "empty or no tar file"
        length = path.stat().st_size
        self._add(shard, place, [one for one in pictures if one.offset_data + one.size <= length], label)
        if damage:
            self.skipped.append(BadPicture(place, f"the shard is damaged ({damage}): what lies behind the damage is left out"))

    def _add(self, shard: int, place: str, pictures: list[tarfile.TarInfo], label: str | int | None) -> None:
        for member in pictures:
            folder = Path(member.name).parent.name
            if label is None and not folder:
                self.skipped.append(
                    BadPicture(f"{place}/{member.name}", "no label: neither .cls nor .json beside it, nor a folder")
                )
                continue
            self.names.append(f"{place}/{member.name}")
            self.places.extend((shard, member.offset_data, member.size))
            self.labels.append(folder if label is None else label)


def _end(path: Path, offset: int) -> str:
    """What is wrong with the end of a tar, or "": `tarfile` takes a header that is damaged for the end, and says nothing."""
    with path.open("rb") as file:
        file.seek(offset)
        mark = file.read(tarfile.BLOCKSIZE)
    if not mark:
        return "no end mark: it was cut off, or is still being written"
    return "" if len(mark) == tarfile.BLOCKSIZE and not any(mark) else f"no header at byte {offset:,}"


def _key(name: str) -> str:
    folder, _, file = name.rpartition("/")
    return f"{folder}/{file.split('.', 1)[0]}"


def _label(tar: tarfile.TarFile, member: tarfile.TarInfo, before: str | int | None) -> str | int | None:
    """A number from 0 or a name; `before` where this file tells neither. Below 0 means "unlabelled" in many sets."""
    file = tar.extractfile(member)
    text = file.read(1 << 20).decode("utf-8", "replace").strip() if file else ""
    if not member.name.lower().endswith(".json"):
        if re.fullmatch(r"-?[0-9]{1,18}", text):
            return int(text) if int(text) >= 0 else before
        return text if 0 < len(text) <= LONGEST else before
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return before
    if isinstance(told, dict):
        told = next((told[k] for k in ("class", "cls", "label", "class_name") if k in told), None)
    usable = (isinstance(told, str) and 0 < len(told) <= LONGEST) or (isinstance(told, int) and 0 <= told < 10**18)
    return told if before is None and usable and not isinstance(told, bool) else before
