"""What `neocog evaluate` prints, in words and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from neocog.errors import BadPicture

if TYPE_CHECKING:
    from neocog.arch import Architecture
    from neocog.evaluate import Predictions, Protocol
    from neocog.evaluate.compare import Comparison
    from neocog.evaluate.cost import Cost
    from neocog.pictures.preprocessing import Preprocessing

CAUTION = "picture by picture; p is exact (McNemar)"
CORRECTED = "picture by picture; p is exact (McNemar), raised for {n} comparisons (Holm)"


def comparisons(found: "Sequence[Predictions]", other: "Predictions | None", run: str, rival: str | None) -> "list[Comparison]":
    """Every protocol against the first, and the first against another classifier, on the same pictures."""
    from neocog.evaluate.compare import compare_wrong, same_pictures, with_holm

    pairs = [(one, found[0], one.protocol, found[0].protocol) for one in found[1:]]
    if other is not None:
        a, b = (found[0].net, other.net) if found[0].net != other.net else (run, str(rival))
        if found[0].protocol != other.protocol:  # then it is no comparison of the networks alone
            a, b = f"{a} by {found[0].protocol}", f"{b} by {other.protocol}"
        pairs.append((found[0], other, a, b))
    made = []
    for one, two, a, b in pairs:
        wrong = same_pictures((one, two))
        made.append(compare_wrong(wrong[0], wrong[1], a, b))
    return with_holm(made) if len(made) > 1 else made


def dense_costs(arch: "Architecture", protocols: "Sequence[Protocol]", record: "Preprocessing") -> "list[Cost]":
    """What each dense pass costs beside crops."""
    from neocog.evaluate.cost import cost, dense_sides

    return [cost(arch, side) for side in sorted({s for one in protocols for s in dense_sides(one.resolved(record))})]


def lines(
    found: "Sequence[Predictions]",
    what: str,
    skipped: Sequence[BadPicture],
    compared: "Sequence[Comparison]",
    costs: "Sequence[Cost]",
    per_class: bool,
) -> list[str]:
    """In words."""
    from neocog.evaluate import judged
    from neocog.evaluate.statistics import per_class as rows_of

    out = [judged(one).sentence(what) for one in found]
    out += [f"· {cost.sentence()}" for cost in costs]
    out += [comparison.sentence() for comparison in compared]
    if compared:
        out.append(f"({CAUTION if len(compared) == 1 else CORRECTED.format(n=len(compared))})")
    if per_class:
        rows = sorted((row for row in rows_of(found[0]) if row.n), key=lambda row: -(row.error or 0))
        wide = max(len(row.name) for row in rows)
        out += ["", f"{'class':<{wide}}  {'n':>6}  {'error %':>7}  {'95 % interval':>14}  taken for"]
        for row in rows:
            taken = ", ".join(f"{name} {n}" for name, n in row.taken_for)
            interval = f"{row.ci95[0]:.1f} to {row.ci95[1]:.1f}"
            out.append(f"{row.name:<{wide}}  {row.n:>6,}  {row.error:>7.2f}  {interval:>14}  {taken}".rstrip())
    return out + [f"left out {failure.where}: {failure.why}" for failure in (*skipped, *found[0].failed)]


def as_json(
    found: "Sequence[Predictions]",
    what: str,
    skipped: Sequence[BadPicture],
    compared: "Sequence[Comparison]",
    costs: "Sequence[Cost]",
    per_class: bool,
) -> dict[str, Any]:
    """The first protocol's judgement, with the keys that scripts stand on; the others below "protocols".

    confusion: {classes, pairs}: pairs [true, answered, pictures] by number in classes, mistakes only, commonest first.
    """
    from neocog.evaluate import judged
    from neocog.evaluate.statistics import confusion
    from neocog.evaluate.statistics import per_class as rows_of

    out = {**judged(found[0]).to_json(), "split": what, "net": found[0].net}
    out["failed"] = [{"file": f.where, "error": f.why} for f in (*skipped, *found[0].failed)]
    table = confusion(found[0])
    pairs = [(i, j, int(table[i, j])) for i, j in zip(*(at.tolist() for at in table.nonzero()), strict=True) if i != j]
    out["confusion"] = {"classes": list(found[0].classes), "pairs": sorted(pairs, key=lambda pair: -pair[2])}
    if len(found) > 1:
        out["protocols"] = [judged(one).to_json() for one in found]
    if compared:
        out["compared"] = [comparison.to_json() for comparison in compared]
    if costs:
        out["dense"] = [asdict(cost) | {"saving": round(cost.saving, 4)} for cost in costs]
    if per_class:
        out["per_class"] = [asdict(row) for row in rows_of(found[0])]
    return out
