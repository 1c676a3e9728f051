"""The terms of a published error, read from its card's words: a small closed vocabulary, so that only like is ranked with like.

16.4 % is five AlexNets and 18.2 % one; 3.57 % is six ResNets on the test pictures, 4.49 % one on the validation pictures.
Errors compare where the pictures, the views, the number of nets (one or several) and what was learned from agree:
`Terms.ranked_with`.
Every clause of every card is one of `CLAUSES`; a test says which is not.
"""

import re
from dataclasses import dataclass, field

from neocog.nets.result import Result

ONE, WHOLE, UNSAID = "1 crop", "1 view, the picture as it is", "views not told"
VIEWS = (
    ONE, "5 crops", "10 crops", "12 crops", "50 crops", "144 crops", "150 crops of 3 scales",
    "dense, 1 scale", "dense, 3 scales", "dense, 5 scales",
    "dense, scales not told", "dense and crops together", WHOLE, "2 views", "6 views", UNSAID,
)  # fmt: skip
"""Every way of looking at a picture that the cards know; the protocols of measured figures are brought to these."""

AS_THEY_ARE, SHIFTED, FALL = "without augmentation", "with shifts and flips", "pre-trained on ImageNet Fall 2011 too"
DISTORTED = "with distorted pictures"
TRAINING = ("", AS_THEY_ARE, SHIFTED, DISTORTED, FALL)
"""What was learned from, where that tells errors apart; "": the training pictures, the paper's way (as all do on ImageNet)."""

NUMBERS = {w: i for i, w in enumerate(("one", "two", "three", "four", "five", "six", "seven"), 1)}
_COUNT = "|".join(NUMBERS)

SAME_PICTURES = {f"ILSVRC-{year} {split}": f"ILSVRC-2012 {split}" for year in (2013, 2014, 2015) for split in ("val", "test")}
"""The classification pictures of 2012 have stayed (Russakovsky et al. 2015, table 2, and the challenges' own pages)."""

# Each clause: what it looks like, and the fields that it gives. "{}" is what the parentheses found.
CLAUSES: tuple[tuple[str, dict[str, str]], ...] = (
    (r"one picture as it is", {"views": WHOLE}),
    (r"1 (?:centre )?crop", {"views": ONE}),
    (r"1 (?:centre )?crop of ([\d.]+(?: %| from \d+)?)", {"views": ONE, "size": "{}"}),
    (r"(bicubic)", {"size+": "{}"}),
    (r"(10|12|144) crops", {"views": "{} crops"}),
    (r"150 crops of three scales", {"views": "150 crops of 3 scales"}),
    (r"150 crops and dense together|crops and dense together", {"views": "dense and crops together"}),
    (r"dense|fully convolutional", {"views": "dense, scales not told"}),
    (r"one scale of (\d+)", {"views": "dense, 1 scale", "size": "{}"}),
    (r"three scales(?: around (\d+))?", {"views": "dense, 3 scales", "size": "{}"}),
    (r"five scales", {"views": "dense, 5 scales"}),
    (r"six views \(three shifts, mirrored\)", {"views": "6 views"}),
    (rf"(?:{_COUNT}) nets?(?: of configurations C, D and E)?", {}),
    (rf"(?:{_COUNT}) nets?: ((?:{_COUNT}) .*)", {"notes": "{}"}),
    (r"one net \((BN-x30)\)", {"notes": "{}"}),
    (r"two of them of 152 layers|D and E|.* and three Inception-ResNets v2", {"notes": "{0}"}),
    (r"without the blacklisted pictures", {"fewer": "without the blacklisted pictures"}),
    (r"no augmentation", {"training": AS_THEY_ARE}),
    (r"(?:trained )?with shifts and flips", {"training": SHIFTED}),
    (r"trained on 540,000 distorted pictures too", {"training": DISTORTED}),
    (r"two of them pre-trained on ImageNet Fall 2011", {"training": FALL}),
    (r"trained (?:on|at) (?:scales? of )?\d+(?: to \d+)?|trained with scale and aspect-ratio crops", {"notes": "{0}"}),
    (r"([\d,]+ trained|[\d,]+ digits trained|\d+ passes|batches of \d+)", {"notes": "{}"}),
    (r"((?:best|mean|median) of .*)", {"runs": "{}"}),
    (r"((?:torchvision|TF-slim|Caffe|fb\.resnet\.torch)'s .*|Keras' .*|published checkpoint)", {"weights": "{}"}),
    (r"(the authors' .*)", {"weights": "{}"}),
    (r"([A-Z]\w+(?: et al\.| & [A-Z]\w+)? \d{4})", {"notes": "{}"}),  # who says so, where it is not the card's paper
)
_COMPILED = tuple((re.compile(pattern), fields) for pattern, fields in CLAUSES)


@dataclass(frozen=True, slots=True)
class Terms:
    """pictures: of which split. views: one of `VIEWS`. training: one of `TRAINING`. What is below does not tell classes apart
    but stands beside the error. size: of the crop (in percent of the picture, or from which short side), or of the short side
    that dense evaluation saw. runs: "best of five". weights: whose, if not those of the paper. unknown: clauses that nobody
    understands; each keeps its error in a class of its own.
    """

    pictures: str
    views: str
    nets: int = 1
    training: str = ""
    size: str = ""
    runs: str = ""
    weights: str = ""
    notes: tuple[str, ...] = ()
    unknown: tuple[str, ...] = field(default=())

    @property
    def ranked_with(self) -> tuple[str, bool, str, str]:
        """Errors compare where these are equal: pictures, several nets or one, views, training."""
        return self.pictures, self.nets > 1, ", ".join((self.views, *self.unknown)), self.training


def read_terms(result: Result) -> Terms:
    """The terms of a card's error."""
    found: dict[str, str] = {}
    notes: list[str] = []
    unknown: list[str] = []
    for clause in clauses(result.protocol):
        match, fields = next(((m, f) for p, f in _COMPILED if (m := p.fullmatch(clause))), (None, {}))
        if match is None:
            unknown.append(clause)
            continue
        said = next((group for group in match.groups() if group), "") if match.re.groups else clause
        for key, value in fields.items():
            words = value.replace("{0}", clause).replace("{}", said)
            if key == "notes":
                notes.append(words)
            elif key == "size+":
                found["size"] = ", ".join(filter(None, (found.get("size", ""), words)))
            elif key != "views" or found.get("views", UNSAID).endswith("not told"):
                found[key] = words
    pictures = SAME_PICTURES.get(result.data, result.data)
    if fewer := found.pop("fewer", ""):
        pictures += f" {fewer}"
    views = found.pop("views", UNSAID)
    return Terms(pictures, views, result.nets, notes=tuple(notes), unknown=tuple(unknown), **found)


def clauses(protocol: str) -> list[str]:
    """The clauses of a protocol; commas within brackets, or in numbers and lists that belong to one clause, part nothing."""
    kept = re.sub(r"\([^)]*\)|configurations C, D and E", lambda m: m[0].replace(", ", "\0"), protocol)
    return [part.strip().replace("\0", ", ") for part in re.split(r"[,;] ", kept)]


def views_of(protocol_id: str) -> str:
    """The views of a measured figure's protocol id (`1crop-256-224-bilinear-aa`, `10crop-…`, `dense-256,384,512-flip-…`,
    `native-32`); the id itself where the vocabulary has no word for it, so that it is compared with its like only."""
    parts = [_part(part) for part in protocol_id.split("+")]
    if "" in parts:
        return protocol_id
    if len(parts) == 1:
        return parts[0]
    both = sorted(part.partition(" ")[0].rstrip(",") for part in parts)
    return "dense and crops together" if len(parts) == 2 and both[1] == "dense" and both[0].isdigit() else protocol_id


def _part(words: str) -> str:
    """The views of one part of an id; "" where there is no word for them: means of scores, dense without its mirror image."""
    kind, *rest = words.split("-")
    mirrored = rest[-1:] == ["flip"]
    scales = next((len(part.split(",")) for part in rest if part.removeprefix("squash")[:1].isdigit()), 1)
    if "scores" in rest:
        return ""
    if kind in ("native", "pad", "squash"):
        return "2 views" if mirrored else WHOLE
    if kind == "dense":
        return f"dense, {scales} scale{'s' if scales > 1 else ''}" if "flip" in rest else ""
    if kind == "1crop":
        return "" if scales > 1 else "2 views" if mirrored else ONE
    if kind == "50crop":
        return f"{50 * scales} crops of {scales} scales" if scales > 1 else "50 crops"
    crops = re.fullmatch(r"(\d+)crop", kind)
    return f"{crops[1]} crops" if crops and (kind == "144crop" or scales == 1) else ""
