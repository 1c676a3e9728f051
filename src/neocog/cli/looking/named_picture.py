"""A picture by its file, or by the name that evaluations and reports give it: `cat.jpg`, `test[5511]`, `test/bees/07.jpg`."""

from pathlib import Path
from typing import TYPE_CHECKING

from neocog.errors import BadPicture, UserError
from neocog.pictures.decode import decode

if TYPE_CHECKING:
    from PIL import Image

    from neocog.pictures.sets import Dataset, Pictures


def named_picture(name: str, run: str, spec: str | None = None) -> "Image.Image":
    """The picture. Names are looked up in the data of `spec`, else in that which the run learned from.

    Raises UserError where there is neither a file nor a picture of the name.
    """
    if Path(name).is_file():
        return decode(Path(name))
    data = _data(run, spec)
    if data is None:
        raise UserError(f"{name}: there is no such file, and {run} knows of no data in which it could be a picture's name")
    splits = [split for split in (data.test, data.val, data.train) if split is not None]
    found = [(split, i) for split in splits for i in range(len(split)) if f"/{split.name(i)}".endswith(f"/{name}")]
    whole = [(split, i) for split, i in found if split.name(i) == name]
    if len(whole or found) > 1:
        raise UserError(f"{name} is the name of {len(found)} pictures of {data.name}; write more of it, as {_name(found[0])}")
    for split, i in whole or found:
        try:
            return split.picture(i)
        except BadPicture as error:
            raise UserError(f"{name} of {data.name}: {error}") from None
    example = _name((splits[0], 0))
    raise UserError(f"{name}: neither a file nor the name of a picture of {data.name}, whose names are like {example}")


def _name(picture: "tuple[Pictures, int]") -> str:
    return picture[0].name(picture[1])


def _data(run: str, spec: str | None) -> "Dataset | None":
    from neocog.pictures import load_data
    from neocog.runs import read_config
    from neocog.runs.config import CONFIG

    folder = Path(run) if Path(run).is_dir() else Path(run).parent
    known = read_config(folder).data if (folder / CONFIG).is_file() else None
    if known is not None and known["fingerprint"] and spec in (None, known["spec"]):
        return load_data(str(known["spec"]), seed=known["split_seed"])
    return load_data(spec, judging=True) if spec else None
