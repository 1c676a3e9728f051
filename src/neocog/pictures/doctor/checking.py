"""`check`: every picture of a data set examined, one at a time a worker, and what is to be said of them."""

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from neocog.errors import BadPicture
from neocog.pictures.doctor.copies import copies, equal_files
from neocog.pictures.doctor.counts import class_findings, size_findings
from neocog.pictures.doctor.exam import Exam, Fact, examine, examine_pixels, recognised, unusable
from neocog.pictures.doctor.finding import UNUSABLE, Finding, Report, ordered
from neocog.pictures.doctor.giveaway import giveaways
from neocog.pictures.doctor.listing import Listing, list_folder, listing_of
from neocog.pictures.doctor.table import Table
from neocog.pictures.names import Names
from neocog.pictures.sets import Dataset, Pictures

OnProgress = Callable[[str, int, int], None]
_SMALLEST = 32  # pixels a side: smaller pictures look too much alike to be compared by their look
_FACTS = {
    "wrong-extension": Fact.WRONG_EXTENSION,
    "animated": Fact.ANIMATED,
    "pages": Fact.PAGES,
    "float": Fact.FLOAT,
    "sixteen-bit": Fact.SIXTEEN_BIT,
    "cmyk": Fact.CMYK,
    "alpha": Fact.ALPHA,
    "palette": Fact.PALETTE,
    "rotated": Fact.ROTATED,
    "blank": Fact.BLANK,
}


def check(
    data: str | Path | Dataset, quick: bool = False, on_progress: OnProgress | None = None, workers: int | None = None
) -> Report:
    """What is wrong with a folder of class folders, with whatever else `load_data` takes, or with a Dataset.

    `quick` reads headers only: damage to pixels, copies in another format and look-alikes go unseen. `on_progress(what,
    done, total)`. DataError for what is no data set. Memory: about 150 bytes a picture, and one picture a worker.
    """
    if not isinstance(data, Dataset):
        from neocog.pictures.named import NAMED, load_data

        named = str(data) in NAMED and not (isinstance(data, Path) and data.is_dir())
        if not named and not str(data).startswith(("hf:", "stream:")):
            root = Path(data).expanduser()
            if not _no_class_folders(root):
                return check_folder(root, quick, on_progress, workers)
        data = load_data(data, val_fraction=0, test_fraction=0)
    return check_dataset(data, on_progress)


def _no_class_folders(root: Path) -> bool:
    """Whether pictures lie here in another way: idx, CIFAR's or STL-10's files, shards, parquet, ImageNet's flat validation."""
    from neocog.pictures.cifar import cifar_folder
    from neocog.pictures.hub_sets import has_parquet
    from neocog.pictures.idx import idx_file
    from neocog.pictures.imagenet import find_validation
    from neocog.pictures.scan import is_file
    from neocog.pictures.shards import has_shards
    from neocog.pictures.stl10 import stl10_folder

    idx = any(idx_file(root, part, kind) for part in ("train", "t10k") for kind in ("images", "labels"))
    arrays = idx or is_file(root / "data_batch_1") or cifar_folder(root) is not None
    arrays = arrays or stl10_folder(root) is not None
    return arrays or has_shards(root) or has_parquet(root) or find_validation(root) is not None


def check_folder(root: Path, quick: bool, on_progress: OnProgress | None, workers: int | None) -> Report:
    """A folder of class folders, as it lies there: before anything is carved off or left out."""
    listing = list_folder(root)
    table, bad = Table(), list[BadPicture]()
    total = len(listing.names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about metadata
        for i, exam in enumerate(_examined(root, listing.names, quick, workers or os.cpu_count() or 1)):
            if isinstance(exam, BadPicture):
                bad.append(exam)
            else:
                table.add(i, exam)
            if on_progress is not None and (i % 16 == 0 or i + 1 == total):
                on_progress("examining", i + 1, total)
    findings = [*unusable(bad), *_places(listing)]
    if quick:
        names, index = listing.names, table.index
        same = equal_files(table.bytes, lambda k: root / names[index[k]])
        findings += copies(same, [], listing, table.index)
    return _report(root.resolve().name or "pictures", str(root), listing, table, findings, quick, on_progress)


def check_dataset(data: Dataset, on_progress: OnProgress | None) -> Report:
    """A data set that is loaded already: in memory, in files or elsewhere."""
    listing, parts = listing_of(data)
    table, bad = Table(), list(data.skipped)
    for i, (part, k) in enumerate((one, k) for one in parts for k in range(len(one))):
        try:
            table.add(i, _pixels(part, k))
        except BadPicture as error:
            bad.append(BadPicture(error.where, error.why))
        if on_progress is not None and (i % 256 == 0 or i + 1 == len(listing.names)):
            on_progress("examining", i + 1, len(listing.names))
    return _report(data.name, "", listing, table, unusable(bad), False, on_progress)


def _pixels(part: Pictures, k: int) -> Exam:
    picture = part.picture(k)
    return examine_pixels(picture)._replace(length=picture.width * picture.height * len(picture.getbands()))


def _examined(root: Path, names: Names, quick: bool, workers: int) -> Iterator[Exam | BadPicture]:
    """The exam of each, in order; a few ahead of the one that is asked for, so that memory is bounded."""

    def one(name: str) -> Exam | BadPicture:
        try:
            return examine(root / name, name, quick)
        except BadPicture as bad:
            return BadPicture(bad.where, bad.why)  # without its traceback, which would hold on to the file's pixels
        except MemoryError:
            return BadPicture(name, "too large for the memory of this machine")
        except OSError as error:  # gone since it was listed, or a disk at fault
            return BadPicture(name, (error.strerror or str(error)).lower())

    if workers == 1:
        yield from map(one, names)
        return
    pool = ThreadPoolExecutor(workers)  # Pillow decodes outside the interpreter's lock
    waiting: deque[Future[Exam | BadPicture]] = deque()
    try:
        for name in names:
            waiting.append(pool.submit(one, name))
            if len(waiting) > 4 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _places(listing: Listing) -> list[Finding]:
    """Folders, and files that are no pictures or lie where nobody looks."""
    findings = []
    if listing.unreadable:
        names, why = zip(*listing.unreadable, strict=True)
        findings.append(Finding("unreadable-folder", names, why))
    if len(listing.outside):
        findings.append(Finding("outside", listing.outside))
    forms = [recognised(listing.root / name) for name in listing.others]
    hidden = [i for i, form in enumerate(forms) if form]
    if hidden:
        findings.append(Finding("unnamed", listing.others.take(hidden), tuple(str(forms[i]) for i in hidden)))
    if others := [i for i, form in enumerate(forms) if not form]:
        findings.append(Finding("other", listing.others.take(others)))
    findings += [Finding("layout", particulars=note) for note in listing.notes]
    return findings


def _report(
    name: str, root: str, listing: Listing, table: Table, findings: list[Finding], quick: bool, on_progress: OnProgress | None
) -> Report:
    """Everything that can be said once every picture has been examined."""
    index, facts, sizes = table.index, table.facts, table.sizes
    for kind, fact in _FACTS.items():
        at = np.flatnonzero(facts & fact)
        if kind == "blank" and quick:
            continue
        if len(at):
            form = table.form
            why = tuple(f"a {table.forms[form[k]]}" for k in at) if kind == "wrong-extension" else ()
            findings.append(Finding(kind, listing.names.take(index[at].tolist()), why))
    grey = facts & Fact.GREY > 0
    if grey.any() and not grey.all():
        kind = "grey-among-colour" if 2 * grey.sum() <= len(grey) else "colour-among-grey"
        at = np.flatnonzero(grey if kind == "grey-among-colour" else ~grey)
        findings.append(Finding(kind, listing.names.take(index[at].tolist())))
    if not quick:
        groups, alike = _compared(table, grey, on_progress)
        findings += copies(groups, alike, listing, index)
    findings += size_findings(sizes, index, listing)
    counts, of_classes = class_findings(listing, index)
    findings += of_classes
    findings += giveaways(listing, table)
    median = np.median(sizes, axis=0).astype(int).tolist() if len(sizes) else None
    pictures = len(table) + sum(len(one.files) for one in findings if one.kind in UNUSABLE)
    return Report(
        name, root, listing.classes, counts, pictures, len(table), (median[0], median[1]) if median else None,
        int(table.bytes.sum()), quick, ordered(findings),
    )  # fmt: skip


def _compared(table: Table, grey: np.ndarray, on_progress: OnProgress | None) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """(rows with the same pixels, rows that look the same). A single colour and tiny pictures have no look to compare."""
    from neocog.pictures.doctor.look import groups_of, looks_alike

    blank = table.facts & Fact.BLANK > 0
    rich = np.flatnonzero(~blank & (table.sizes.min(1, initial=2**31) >= _SMALLEST))
    progress = None if on_progress is None else lambda done, total: on_progress("comparing", done, total)
    exact = groups_of(table.pixels)
    exact = [group for group in exact if not blank[group[0]]]
    return exact, [rich[group] for group in looks_alike(table.look[rich], progress)]
