"""Which pictures `neocog evaluate` judges a run on, and what can be refused before torch is loaded."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from neocog.errors import BadPicture, UserError

if TYPE_CHECKING:
    from neocog.arch import Architecture
    from neocog.evaluate import Predictions, Protocol
    from neocog.pictures import Pictures
    from neocog.pictures.preprocessing import Preprocessing
    from neocog.pictures.sets import Dataset
    from neocog.runs import Config


class Split(NamedTuple):
    """The pictures, in words which they are, where they are from, and the files that were left out."""

    pictures: "Pictures"
    what: str
    data: dict[str, Any]
    skipped: tuple[BadPicture, ...]


def check_protocols(runs: Sequence[str], protocols: "Sequence[Protocol]") -> None:
    """Raises UserError for protocols that do not fit what the runs say of themselves; weight files are asked when loaded."""
    from neocog.runs import read_config

    for run in runs:
        if run.startswith("hf:") or run.endswith(".safetensors"):
            continue
        config = read_config(run)
        check_fit(protocols, config.preprocessing, config.arch)


def check_fit(protocols: "Sequence[Protocol]", record: "Preprocessing", arch: "Architecture") -> None:
    """Raises UserError for protocols that do not fit a network."""
    from neocog.evaluate.cost import cost, dense_sides

    for protocol in protocols:
        for side in dense_sides(protocol.resolved(record)):
            cost(arch, side)


def check_same(folder: str, kept: "Predictions", split: Split) -> None:
    """Raises UserError for a kept evaluation of other pictures than those that are to be judged."""
    from neocog.evaluate.predictions import one_line

    names = [one_line(split.pictures.name(i)) for i in range(len(split.pictures))]
    if list(kept.names) != names or kept.data.get("fingerprint", "") not in ("", split.data["fingerprint"]):
        raise UserError(
            f"{folder} is of other pictures ({len(kept):,}, {kept.data.get('split', 'of unknown origin')}) than those that are "
            f"judged here ({len(names):,}, {split.what}): evaluate both on the same split of the same data"
        )


def choose_split(run: str, others: Sequence[str], spec: str, split: str | None) -> Split:
    """Of the run's own data its test split; of other data what none of the runs learned from. `split`: what was asked for."""
    from neocog.runs.learned import unlearned

    found = _chosen(run, spec, split)
    for other in others if split is None else ():
        new = unlearned(_folder(other), found.pictures)
        if len(new) == 0:
            raise UserError(f"{other} learned from every picture that {run} is judged on; --split judges it all the same")
        if len(new) < len(found.pictures):
            what = f"{found.what} but {len(found.pictures) - len(new):,} that {other} learned from"
            found = found._replace(pictures=found.pictures.subset(new), what=what)
    return found


def _folder(run: str) -> Path:
    """The run folder of a run or of a weight file in it."""
    return Path(run) if Path(run).is_dir() else Path(run).parent


def _chosen(run: str, spec: str, split: str | None) -> Split:
    from neocog.runs import read_config
    from neocog.runs.config import CONFIG
    from neocog.runs.learned import unlearned

    folder = _folder(run)
    config = read_config(folder) if (folder / CONFIG).is_file() else None
    data, own = _load(spec, config)
    seed = config.data["split_seed"] if own and config is not None else 0
    told = {"spec": spec, "name": data.name, "fingerprint": data.fingerprint, "split_seed": seed}
    splits = {"train": data.train, "val": data.val, "test": data.test}
    if split is not None:
        found = splits[split]
        if found is None:
            raise UserError(f"{spec} has no {split} split")
        return Split(found, split, told, left_out(data, found))
    if own and data.test is None and data.val is None:
        raise UserError(
            f"{spec} is what {run} learned from and has no test split; --split train judges it on that all the same"
        )
    name, chosen = next(
        (n, p) for n, p in (("test", data.test), ("val", data.val), ("all pictures", data.train)) if p is not None
    )
    skipped = left_out(data, chosen)
    if own:
        return Split(chosen, name, told, skipped)
    new = unlearned(folder, chosen)
    if len(new) == 0:
        asked = name if name in splits else "train"
        raise UserError(f"{run} learned from every picture of {spec}; --split {asked} judges it all the same")
    words = f"{name} but {len(chosen) - len(new):,} that it learned from" if len(new) < len(chosen) else name
    return Split(chosen.subset(new), words, told, skipped)


def _load(spec: str, config: "Config | None") -> "tuple[Dataset, bool]":
    """The data, split as the run had it where it is the run's own, whole where it is not; and whether it is.

    A large folder takes minutes to list, so it is read at once as what it probably is: that which stands where the run's lay.
    """
    from neocog.pictures import load_data

    def own_split(config: "Config") -> "Dataset":
        return load_data(spec, seed=config.data["split_seed"], judging=True)

    def whole() -> "Dataset":
        return load_data(spec, val_fraction=0, test_fraction=0, judging=True)

    if config is None:
        return whole(), False
    trained_on = str(config.data["spec"])
    likely = spec == trained_on or os.path.realpath(spec) == os.path.realpath(trained_on)
    data = own_split(config) if likely else whole()
    own = data.fingerprint == config.data["fingerprint"]
    return data if own == likely else own_split(config) if own else whole(), own


def left_out(data: "Dataset", chosen: "Pictures") -> tuple[BadPicture, ...]:
    """The files that cannot be read and belong to the split; of those that no folder gives to a split it is said so."""
    splits = [split for split in (data.train, data.val, data.test) if split is not None and len(split)]
    if len(splits) == 1:
        return data.skipped
    heads = [{split.name(i).split("/")[0] for i in (0, len(split) - 1)} for split in splits]
    found = []
    for bad in data.skipped:
        homes = [split for split, head in zip(splits, heads, strict=True) if head == {bad.where.split("/")[0]}]
        if len(homes) == 1 and homes[0] is chosen:
            found.append(bad)
        elif not homes or (len(homes) > 1 and any(home is chosen for home in homes)):  # carved off what can be read
            found.append(BadPicture(bad.where, f"{bad.why} (in the data, of no split)"))
    return tuple(found)
