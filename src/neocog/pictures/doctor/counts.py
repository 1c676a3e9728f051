"""What numbers say: of pictures in each class, and of pixels in each picture."""

import numpy as np

from neocog.pictures.doctor.finding import Finding
from neocog.pictures.doctor.listing import Listing

TINY = 10  # pictures of a class in training
IMBALANCE = 10  # the largest class against the smallest
THIN = 4  # pixels
LONG = 4  # times longer than wide, where that is also twice what is usual
FAR = 8  # times the usual side, or an eighth of it


def class_findings(listing: Listing, index: np.ndarray) -> tuple[dict[str, dict[str, int]], list[Finding]]:
    """({split: {class: usable pictures}}, findings); `index` holds the usable pictures."""
    split, label = listing.split[index], listing.label[index]
    known = [name for name in listing.classes if name not in listing.unknown.get("train", ())]
    many = {role: np.bincount(label[split == s], minlength=len(listing.classes)) for s, role in enumerate(listing.splits)}
    counts = {role: {name: int(n) for name, n in zip(listing.classes, of, strict=True)} for role, of in many.items()}
    unknown = {name for names in listing.unknown.values() for name in names}
    known = [name for name in listing.classes if name not in unknown]
    findings: list[Finding] = []
    if len(known) == 1:
        findings.append(Finding("one-class", particulars=f"('{known[0]}')"))
    train = {name: counts["train"][name] for name in known}
    findings += _of_classes("empty-class", {name: n for name, n in train.items() if n == 0}, "")
    for role, names in listing.unknown.items():
        findings += _of_classes("unknown-class", dict.fromkeys(names, 0), f"in {role}")
    for role in listing.splits[1:]:
        absent = {name: 0 for name in known if counts[role][name] == 0 and train[name]}
        findings += _of_classes("absent-class", absent, f"in {role}")
    findings += _of_classes("tiny-class", {name: n for name, n in train.items() if 0 < n < TINY}, "{n}")
    findings += imbalance(train)
    return counts, findings


def imbalance(train: dict[str, int]) -> list[Finding]:
    """One finding when the largest class has more than ten times the pictures of the smallest that has any."""
    full = {name: n for name, n in train.items() if n}
    if len(full) < 2 or max(full.values()) <= IMBALANCE * min(full.values()):
        return []
    large, small = max(full, key=lambda name: full[name]), min(full, key=lambda name: full[name])
    shares = np.array(list(full.values())) / sum(full.values())
    worth = float(np.exp(-(shares * np.log(shares)).sum()))
    words = (
        f"({full[large]:,} of '{large}' against {full[small]:,} of '{small}', {full[large] / full[small]:.0f}:1; "
        f"{len(full):,} classes that count like {worth:.1f} equal ones)"
    )
    return [Finding("imbalance", particulars=words)]


def size_findings(sizes: np.ndarray, index: np.ndarray, listing: Listing) -> list[Finding]:
    """Slivers, banners, thumbnails and giants; `sizes` int64 [N, 2] of the pictures `index`. A picture is told once."""
    if not len(sizes):
        return []
    short, long = sizes.min(1), sizes.max(1)
    ratio, side = long / short, np.sqrt(short.astype(float) * long)
    usual_ratio, usual = float(np.median(ratio)), float(np.median(side))
    thin = short < THIN if usual >= THIN * 2 else np.zeros(len(sizes), bool)
    odd = ~thin & (ratio > LONG) & (ratio > 2 * usual_ratio)
    far = ~thin & ~odd & ((side > FAR * usual) | (side * FAR < usual))
    findings = []
    for kind, which in (("thin", thin), ("proportions", odd), ("odd-size", far)):
        if len(at := np.flatnonzero(which)):
            why = tuple(f"{sizes[k, 0]}×{sizes[k, 1]}" for k in at)
            usually = f"(about {usual:.0f} pixels a side)" if kind == "odd-size" else ""
            findings.append(Finding(kind, listing.names.take(index[at].tolist()), why, particulars=usually))
    return findings


def _of_classes(kind: str, names: dict[str, int], why: str) -> list[Finding]:
    if not names:
        return []
    return [Finding(kind, tuple(names), tuple(why.format(n=n) for n in names.values()) if why else ())]
