"""Test protocols as values: which views of a picture a network is shown, and how its answers are averaged. No torch.

    1crop                    what the network's preprocessing record cuts out
    5crop  10crop            four corners and the centre; and their mirror images (Krizhevsky et al. 2012, section 4.1)
    50crop                   a regular 5×5 grid and its mirror images (Simonyan & Zisserman 2014, section 3.2)
    144crop                  4 scales × 3 squares × 6 crops × 2 (Szegedy et al. 2014, section 7)
    dense                    fully convolutional over the whole picture and its mirror image (Simonyan & Zisserman, 3.2)

`@256,384,512` behind a kind says to which short sides the picture is brought, `+` joins kinds whose mean probabilities count
alike, and words follow a colon: `:scores` averages scores instead of probabilities, `:square` takes crops of the central
square, `:noflip` leaves out dense's mirror image. A name stands for a paper's whole protocol: `googlenet`, `vgg-dense`.
"""

import re
from dataclasses import dataclass, replace

from neocog.errors import UserError, nearest
from neocog.pictures.preprocessing import Preprocessing

VIEWS = {"1crop": 1, "5crop": 5, "10crop": 10, "50crop": 50, "144crop": 36, "dense": 2}
"""How many views a kind takes at each scale."""
NAMED = {
    "alexnet": "10crop:square",
    "vgg-dense": "dense@256,384,512",
    "vgg-crops": "50crop@256,384,512",
    "vgg-both": "dense@256,384,512+50crop@256,384,512",
    "googlenet": "144crop",
    "resnet": "dense@224,256,384,480,640",
}
WORDS = {
    "scores": ("1crop", "5crop", "10crop", "50crop", "144crop", "dense"),
    "square": ("5crop", "10crop"),
    "noflip": ("dense",),
}
GOOGLENET = (1.0, 9 / 8, 5 / 4, 11 / 8)  # 256, 288, 320 and 352, as shares of the first
LARGEST = 8192  # pixels of a short side


@dataclass(frozen=True)
class Term:
    """One kind of views. scales: short sides in pixels; none: the record's own. scores: what is averaged is scores, not
    probabilities. square: crops of the central square of the picture. flip: dense's mirror image."""

    kind: str
    scales: tuple[int, ...] = ()
    scores: bool = False
    square: bool = False
    flip: bool = True

    def __str__(self) -> str:
        words = [name for name, on in (("scores", self.scores), ("square", self.square), ("noflip", not self.flip)) if on]
        scales = "@" + ",".join(map(str, self.scales)) if self.scales else ""
        return ":".join([self.kind + scales, *words])

    @property
    def plain(self) -> bool:
        """Whether its one view is what the record cuts out (once it is `resolved`)."""
        return self.kind == "1crop" and not self.scales

    @property
    def views(self) -> int:
        """How many views of a picture it takes (once it is `resolved`); equal ones are computed once."""
        return VIEWS[self.kind] * max(1, len(self.scales)) // (1 if self.flip else 2)

    def resolved(self, record: Preprocessing) -> "Term":
        """The same with its scales settled for this record, in its simplest form: equal terms show the same views.

        Raises UserError where the record leaves no border to crop from, or a scale is smaller than the crop.
        """
        own, crop = own_side(record), max(record.height, record.width)
        term = replace(self, square=self.square and record.resize != "squash")
        if self.kind == "1crop":
            if len(self.scales) <= 1:
                term = replace(term, scores=False)  # of one view all means are the same
            if self.scales == (own,):
                return replace(term, scales=())
        elif not self.scales:
            if own is None or (own <= crop and self.kind != "dense"):
                what = "no whole picture to go over" if self.kind == "dense" else "no border to crop from"
                raise UserError(
                    f"protocol {self}: the network is shown {record.id}, which leaves {what}; "
                    f"say to which short side pictures are to be brought, for example {self.kind}@{round(crop * 8 / 7)}"
                    + (
                        f",{round(crop * 9 / 7)},{round(crop * 10 / 7)},{round(crop * 11 / 7)}"
                        if self.kind == "144crop"
                        else ""
                    )
                )
            shares = GOOGLENET if self.kind == "144crop" else (1.0,)
            term = replace(term, scales=tuple(round(own * share) for share in shares))
        if self.kind != "dense" and (small := [side for side in term.scales if side < crop]):
            raise UserError(
                f"protocol {self}: a crop of {crop} pixels does not fit into a picture of {small[0]}; take @{crop} or more"
            )
        return term

    def id(self, record: Preprocessing, flip: bool = False) -> str:
        """What stands beside a figure: equal ids mean equal views, equally averaged."""
        term = self.resolved(record)
        mirrored = "-flip" if flip and term.kind == "1crop" else ""
        if term.plain:
            return record.id + mirrored
        # the record's own words for the size of the crop and for the filter
        _, _, size, way = replace(record, resize="shorter", resize_to=max(record.height, record.width)).id.split("-", 3)
        scales = ("squash" if record.resize == "squash" else "") + ",".join(map(str, term.scales))
        middle = ["flip"] * term.flip if term.kind == "dense" else [size]
        parts = [term.kind, *["square"] * term.square, scales, *middle, way, *["scores"] * term.scores]
        return "-".join(parts) + mirrored


@dataclass(frozen=True)
class Protocol:
    """Terms whose mean probabilities count alike."""

    terms: tuple[Term, ...]

    def __str__(self) -> str:
        return "+".join(map(str, self.terms))

    @property
    def plain(self) -> bool:
        """Whether it is what the record cuts out and nothing else."""
        return len(self.terms) == 1 and self.terms[0].plain

    def resolved(self, record: Preprocessing) -> "Protocol":
        """With all scales settled and its terms in order; raises UserError as `Term.resolved`."""
        return Protocol(tuple(sorted((term.resolved(record) for term in self.terms), key=str)))

    def views(self, record: Preprocessing) -> int:
        """How many views of each picture the network is shown."""
        return sum(term.views for term in self.resolved(record).terms)

    def id(self, record: Preprocessing, flip: bool = False) -> str:
        """`10crop-256-224-bilinear-aa` · `dense-256,384-flip-bilinear-aa+50crop-256-224-bilinear-aa`: stamped on every number.

        flip: the run's own answer to one view is the mean with its mirror image (`Predictor.flip`).
        """
        return "+".join(term.id(record, flip) for term in self.resolved(record).terms)


PLAIN = Protocol((Term("1crop"),))


def parse_protocol(text: str) -> Protocol:
    """A protocol from its text or a paper's name. Raises UserError that says what can be written."""
    if not text.strip():
        raise UserError(f"an empty protocol; write one of {', '.join((*VIEWS, *NAMED))}")
    terms: list[Term] = []
    for part in text.split("+"):
        word = part.strip().lower()
        terms += [_term(one, text) for one in NAMED.get(word, word).split("+")]
    if len(set(terms)) < len(terms):
        raise UserError(f"protocol '{text}' names the same views twice")
    return Protocol(tuple(terms))


def own_side(record: Preprocessing) -> int | None:
    """The short side that the record itself brings pictures to; None where it does not bring them to one size."""
    if record.resize == "shorter":
        return record.resize_to or min(record.height, record.width)
    if record.resize == "squash":
        return record.resize_to or (record.height if record.height == record.width else None)
    return None


def _term(text: str, whole: str) -> Term:
    head, *words = (part.strip() for part in text.split(":"))
    kind, at, sides = (part.strip() for part in head.partition("@"))
    if kind not in VIEWS:
        near = nearest(kind, (*VIEWS, *NAMED))
        raise UserError(
            f"unknown protocol '{kind}'" + (f" in '{whole}'" if kind != whole else "")
            + (f": did you mean {' or '.join(near)}? There" if near else "; there")
            + f" are {', '.join(VIEWS)} (dense@256,384 for scales, + between several) and {', '.join(NAMED)}"
        )  # fmt: skip
    for word in words:
        if word not in WORDS:
            raise UserError(f"protocol '{whole}': unknown word ':{word}'; there are {', '.join(f':{w}' for w in WORDS)}")
        if kind not in WORDS[word]:
            raise UserError(f"protocol '{whole}': ':{word}' goes with {', '.join(WORDS[word])}, not with {kind}")
    scales: tuple[int, ...] = ()
    if at:
        if not re.fullmatch(r"\d+(\s*,\s*\d+)*", sides) or not all(1 <= int(s) <= LARGEST for s in sides.split(",")):
            raise UserError(f"protocol '{whole}': behind '@' come short sides in pixels up to {LARGEST}, as in {kind}@256,384")
        scales = tuple(sorted({int(s) for s in sides.split(",")}))
        if len(scales) < len(sides.split(",")):
            raise UserError(f"protocol '{whole}': a scale is named twice")
    if kind == "144crop" and len(scales) not in (0, 4):
        raise UserError(f"protocol '{whole}': 144 crops are 36 at each of 4 scales, not of {len(scales)}")
    return Term(kind, scales, "scores" in words, "square" in words, "noflip" not in words)
