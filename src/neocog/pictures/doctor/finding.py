"""What the doctor can say: the kinds of findings, one finding, and the report that holds them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

SEVERITIES = ("error", "warning", "note")
Groups = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Kind:
    """A kind of finding: how bad it is, what is said of the files, and what to do about it."""

    severity: str
    words: str
    advice: str


KINDS: dict[str, Kind] = {
    # files that cannot be used
    "empty": Kind("error", "empty (0 bytes)", "get them again"),
    "truncated": Kind("error", "cut off before the end", "get them again: a download or a copy was broken off"),
    "damaged-header": Kind("error", "header damaged", "get them again"),
    "undecodable": Kind("error", "damaged inside", "get them again, or save them anew with a picture program"),
    "not-a-picture": Kind("error", "no picture, whatever the name says", "remove them"),
    "heic": Kind("error", "HEIC, which cannot be read", "save them as JPEG"),
    "too-large": Kind("error", "more pixels than is safe to decode", "if they are what they should be, make them smaller"),
    "broken-link": Kind("error", "a link that leads nowhere", "mend or remove the links"),
    "no-permission": Kind("error", "may not be read", "give yourself the right to read them (chmod u+r)"),
    "not-a-file": Kind("error", "neither file nor folder (a pipe, a device)", "remove them"),
    "unreadable-folder": Kind("error", "a folder that cannot be listed", "give yourself the right to (chmod u+rx)"),
    # the same picture twice
    "leak": Kind("error", "the same picture in two splits", "keep one of each: what was learned must not be tested"),
    "two-labels": Kind("error", "the same picture in two classes", "decide which class is right"),
    "duplicate": Kind("warning", "copies within one class", "keep one of each, or a split may part them"),
    "near-leak": Kind("error", "look the same across splits", "compare them, and keep one of each"),
    "near-two-labels": Kind("warning", "look the same in two classes", "compare them: is one of the labels wrong?"),
    "near-duplicate": Kind("warning", "look the same within one class", "compare them; copies count double"),
    "crowd": Kind("warning", "look much like one another", "frames of a film? then keep them in one split"),
    # classes
    "one-class": Kind("error", "there is one class only", "add a folder of something else: a classifier needs two or more"),
    "empty-class": Kind("error", "no usable picture", "add pictures or remove the folder"),
    "unknown-class": Kind("error", "unknown to train", "rename or remove them, or add them to train"),
    "absent-class": Kind("warning", "no picture in a later split", "add some: they cannot be judged"),
    "tiny-class": Kind("warning", "fewer than 10 training pictures", "add pictures: this is too little to learn from"),
    "imbalance": Kind("warning", "the classes are far from balanced", "add pictures of the rare ones"),
    "giveaway": Kind("warning", "classes told by what is not in the picture", "collect all classes the same way"),
    # where files lie and what they are called
    "outside": Kind("warning", "outside the class folders, and ignored", "move them into a class, or away"),
    "wrong-extension": Kind("warning", "named like another format", "rename them: other programs may refuse them"),
    "unnamed": Kind("warning", "a picture, but not named like one, and ignored", "add the ending of their format"),
    "other": Kind("note", "no picture, and ignored", "nothing to do"),
    "layout": Kind("note", "", "nothing to do, if this is what you meant"),
    # what is lost on the way to 8-bit RGB
    "animated": Kind("warning", "an animation", "the first frame is used: save the frames as files if you need them"),
    "pages": Kind("warning", "several pages", "the first is used: save the pages as files if you need them"),
    "float": Kind("note", "floats", "they are scaled to 8 bits, those beyond 0..1 each by its own minimum and maximum"),
    "sixteen-bit": Kind("note", "16 bits", "they are scaled to 8"),
    "cmyk": Kind("note", "CMYK", "they become RGB without their colour profile: colours may be off"),
    "alpha": Kind("note", "transparency", "they are laid on white"),
    "palette": Kind("note", "a palette", "they become RGB"),
    "rotated": Kind("note", "turned by EXIF data", "they are set upright; other programs may show them lying"),
    "grey-among-colour": Kind("note", "grey among colour pictures", "they become RGB with three equal channels"),
    "colour-among-grey": Kind("note", "colour among grey pictures", "everything becomes RGB"),
    # what they show
    "blank": Kind("warning", "one colour and nothing else", "remove them"),
    "thin": Kind("warning", "a side of less than 4 pixels", "remove them"),
    "proportions": Kind("warning", "far longer than wide, or wider than long", "cropping will show a small part of them"),
    "odd-size": Kind("warning", "far from the usual size", "look whether they belong here: thumbnails, icons, banners?"),
    "incomplete": Kind("note", "not all pictures were compared", "`neocog data check` compares all"),
}  # fmt: skip

UNUSABLE = ("empty", "truncated", "damaged-header", "undecodable", "not-a-picture", "heic", "too-large", "broken-link",
            "no-permission", "not-a-file")  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One kind of trouble with all files (or classes) it concerns, named from the root of the data.

    `why`: to each of `files` what is particular about it, or nothing. `groups`: of copies, those that belong together.
    """

    kind: str
    files: Sequence[str] = ()
    why: Sequence[str] = ()
    groups: Groups = ()
    particulars: str = ""

    @property
    def severity(self) -> str:
        """error, warning or note."""
        return KINDS[self.kind].severity

    @property
    def advice(self) -> str:
        """What to do."""
        return KINDS[self.kind].advice

    @property
    def words(self) -> str:
        """What is the matter, in a few words."""
        return " ".join(part for part in (KINDS[self.kind].words, self.particulars) if part)

    @property
    def count(self) -> str:
        """ "1 file", "3 classes", "12 files in 5 groups"."""
        n = len(self.files)
        plural, one = ("classes", "class") if self.kind.endswith("-class") else ("files", "file")
        if not n:
            return ""
        if self.kind in ("imbalance", "giveaway", "one-class", "layout", "incomplete"):
            return ""
        said = f"{n:,} {one if n == 1 else plural}"
        return said + (f" in {len(self.groups):,} groups" if len(self.groups) > 1 else "")

    @property
    def head(self) -> str:
        """ "3 files: cut off before the end"."""
        return f"{self.count}: {self.words}" if self.count else self.words

    @property
    def sentence(self) -> str:
        """One line, naming some of the files."""
        named = some(self.files, self.why, 3)
        return ": ".join(part for part in (self.head, named, self.advice) if part)

    def to_json(self) -> dict[str, Any]:
        """A plain object with every file."""
        plain: dict[str, Any] = {"kind": self.kind, "severity": self.severity, "words": self.words, "advice": self.advice,
                                 "count": len(self.files), "files": list(self.files)}  # fmt: skip
        if len(self.why):
            plain["why"] = list(self.why)
        if len(self.groups):
            plain["groups"] = [list(group) for group in self.groups]
        return plain


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Errors first, then in the order of `KINDS`."""
    order = list(KINDS)
    return tuple(sorted(findings, key=lambda one: (SEVERITIES.index(one.severity), order.index(one.kind))))


def some(files: Sequence[str], why: Sequence[str], most: int) -> str:
    """ "a.jpg (cut off), b.jpg and 37 more"."""
    shown = [f"{files[i]} ({why[i]})" if len(why) else files[i] for i in range(min(most, len(files)))]
    return ", ".join(shown) + (f" and {len(files) - most:,} more" if len(files) > most else "")


@dataclass(frozen=True)
class Report:
    """What the doctor says of a data set.

    `counts`: usable pictures by split and class. `size`: median (width, height) of the usable ones. `quick`: only the
    headers were read.
    """

    name: str
    root: str
    classes: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    pictures: int
    usable: int
    size: tuple[int, int] | None
    bytes: int
    quick: bool
    findings: tuple[Finding, ...] = field(default_factory=tuple)

    def of(self, *kinds: str) -> tuple[Finding, ...]:
        """The findings of these kinds."""
        return tuple(finding for finding in self.findings if finding.kind in kinds)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What should not be trained on as it is."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    def to_json(self) -> dict[str, Any]:
        """A plain object with everything."""
        return {"schema": 1, "name": self.name, "root": self.root, "quick": self.quick, "pictures": self.pictures,
                "usable": self.usable, "bytes": self.bytes, "size": list(self.size) if self.size else None,
                "classes": list(self.classes), "counts": self.counts,
                "findings": [finding.to_json() for finding in self.findings]}  # fmt: skip
