"""Floor 2: pictures as files and arrays, the preprocessing that travels with weights, and labelled sets of pictures.

Pillow and numpy only, never torch, and neither of the two before it is needed: every name here is loaded on first use
(PEP 562), so that `import neocog.pictures` costs nothing. `decode` itself lives in `neocog.pictures.decode`: a function
exported under its own module's name would change meaning with the order of imports.
"""

from typing import TYPE_CHECKING

from neocog.lazy import lazy

if TYPE_CHECKING:
    from neocog.pictures.cifar import load_cifar_folder as load_cifar_folder
    from neocog.pictures.decode import IMAGE_SUFFIXES as IMAGE_SUFFIXES
    from neocog.pictures.decode import probe as probe
    from neocog.pictures.embedded import load_digits as load_digits
    from neocog.pictures.folder import load_folder as load_folder
    from neocog.pictures.idx import load_idx_folder as load_idx_folder
    from neocog.pictures.idx import read_idx as read_idx
    from neocog.pictures.modes import flatten as flatten
    from neocog.pictures.named import NAMED as NAMED
    from neocog.pictures.named import load_data as load_data
    from neocog.pictures.preprocessing import Preprocessing as Preprocessing
    from neocog.pictures.preprocessing import mean_std as mean_std
    from neocog.pictures.sets import ArrayPictures as ArrayPictures
    from neocog.pictures.sets import Dataset as Dataset
    from neocog.pictures.sets import FilePictures as FilePictures
    from neocog.pictures.sets import Pictures as Pictures
    from neocog.pictures.sets import stratified_split as stratified_split

_HOME = {
    "NAMED": "named",
    "load_data": "named",
    "Preprocessing": "preprocessing",
    "mean_std": "preprocessing",
    "IMAGE_SUFFIXES": "decode",
    "probe": "decode",
    "flatten": "modes",
    "Pictures": "sets",
    "ArrayPictures": "sets",
    "FilePictures": "sets",
    "Dataset": "sets",
    "stratified_split": "sets",
    "load_folder": "folder",
    "read_idx": "idx",
    "load_idx_folder": "idx",
    "load_cifar_folder": "cifar",
    "load_digits": "embedded",
}

__all__ = list(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]
__getattr__ = lazy(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
