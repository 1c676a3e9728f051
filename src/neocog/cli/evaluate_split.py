"""Which pictures `neocog evaluate` judges a run on."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neocog.errors import BadPicture, UserError

if TYPE_CHECKING:
    from neocog.pictures import Pictures

Split = tuple["Pictures", str, dict[str, Any], tuple[BadPicture, ...]]
"""The pictures, in words which they are, where they are from, and files that were left out."""


def choose_split(run: str, others: Sequence[str], spec: str, split: str | None) -> Split:
    """Of the run's own data its test split; of other data what none of the runs learned from. `split`: what was asked for."""
    from neocog.runs import RunFolder
    from neocog.runs.learned import unlearned

    pictures, what, told, skipped = _chosen(run, spec, split)
    for other in others if split is None else ():
        folder = RunFolder(other if Path(other).is_dir() else Path(other).parent)
        new = unlearned(folder.path, pictures)
        if len(new) == 0:
            raise UserError(f"{other} learned from every picture that {run} is judged on; --split judges it all the same")
        if len(new) < len(pictures):
            what = f"{what} but {len(pictures) - len(new):,} that {other} learned from"
            pictures = pictures.subset(new)
    return pictures, what, told, skipped


def _chosen(run: str, spec: str, split: str | None) -> Split:
    from neocog.pictures import load_data
    from neocog.runs import RunFolder
    from neocog.runs.learned import unlearned

    folder = RunFolder(run if Path(run).is_dir() else Path(run).parent)
    config = folder.config() if folder.exists else None
    data = load_data(spec, seed=config.data["split_seed"] if config else 0)
    own = config is not None and data.fingerprint == config.data["fingerprint"]
    if not own:
        data = load_data(spec, val_fraction=0, test_fraction=0)
    told = {"spec": spec, "name": data.name, "fingerprint": data.fingerprint}
    splits = {"train": data.train, "val": data.val, "test": data.test}
    if split is not None:
        found = splits[split]
        if found is None:
            raise UserError(f"{spec} has no {split} split")
        return found, split, told, data.skipped
    if own and data.test is None and data.val is None:
        raise UserError(
            f"{spec} is what {run} learned from and has no test split; --split train judges it on that all the same"
        )
    name, chosen = next(
        (n, p) for n, p in (("test", data.test), ("val", data.val), ("all pictures", data.train)) if p is not None
    )
    if own:
        return chosen, name, told, data.skipped
    new = unlearned(folder.path, chosen)
    if len(new) == 0:
        raise UserError(f"{run} learned from every picture of {spec}; --split {chosen_name(name)} judges it all the same")
    words = f"{name} but {len(chosen) - len(new):,} that it learned from" if len(new) < len(chosen) else name
    return chosen.subset(new), words, told, data.skipped


def chosen_name(words: str) -> str:
    """The --split that these words stand for."""
    return words if words in ("val", "test") else "train"
