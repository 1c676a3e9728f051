"""What the networks reached, year by year, from their cards; and the systems beside them that are no networks of ours."""

import re
from dataclasses import dataclass

from neocog.nets.index import entries
from neocog.nets.result import Result

KINDS = ("1 crop", "10 crops", "12 crops", "144 crops", "dense, scales", "several nets")
"""Protocols in classes: errors compare within one only."""


@dataclass(frozen=True, slots=True)
class Point:
    """A top-5 error in percent. depth: weighted layers, 0 for what is shallow; net: its name here, where it is one of ours."""

    year: int
    label: str
    net: str
    depth: int
    data: str
    protocol: str
    kind: str
    top5: float
    verified: bool = True
    nets: int = 1

    @property
    def entry(self) -> str:
        """Its label, and how many nets there were together."""
        return self.label + (f", {self.nets} nets" if self.nets > 1 else "")


# Russakovsky et al. 2015. The layers of Clarifai's net were not published; eight is what later talks say of it.
OTHERS = (
    Point(2010, "NEC-UIUC: SIFT, coding, SVM", "", 0, "ILSVRC-2010 test", "challenge entry", "several nets", 28.2),
    Point(2011, "XRCE: SIFT, Fisher vectors, SVM", "", 0, "ILSVRC-2011 test", "challenge entry", "several nets", 25.8),
    Point(2013, "Clarifai", "", 8, "ILSVRC-2013 test", "challenge entry", "several nets", 11.7, False),
)


def kind(result: Result) -> str:
    """The class of a protocol; "" for other people's weights and for protocols of their own."""
    words = result.protocol
    if result.nets > 1:
        return KINDS[5]
    if re.search(r"weights|authors' (Caffe|released|published|later)|Caffe's|retrained", words):
        return ""
    if found := re.search(r"\b(10|12|144) crops\b", words):
        return f"{found[1]} crops"
    if re.search(r"\b1 (centre )?crop\b", words):
        return KINDS[0]
    return KINDS[4] if re.search(r"dense|scales|convolutional", words) else ""


def points() -> list[Point]:
    """Every published top-5 error on ImageNet's pictures whose protocol is known, oldest first."""
    return [
        Point(e.year, e.title, e.name, e.depth, r.data, r.protocol, group, r.top5, r.verified, r.nets)
        for e in entries().values()
        for r in e.results
        if r.top5 is not None and r.data.startswith("ILSVRC") and (group := kind(r))
    ]


def challenge(found: list[Point]) -> list[Point]:
    """What was judged on the test pictures in the years of the challenge: each network's best ensemble, and others' entries."""
    best: dict[tuple[str, str], Point] = {}
    for point in (*OTHERS, *found):
        key = (point.net or point.label, point.data)
        if any(p.protocol == point.protocol and p.data == point.data and p.net for p in best.values()):
            continue  # one ensemble that stands on the cards of both its members
        if point.data.endswith("test") and point.kind == KINDS[5] and (key not in best or point.top5 < best[key].top5):
            best[key] = point
    return sorted(best.values(), key=lambda p: (p.year, -p.top5))
