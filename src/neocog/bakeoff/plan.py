"""What a bake-off is, written down before anything is trained: BAKEOFF/bakeoff.json and a run folder begun for every training.

The budget is turned into a number of steps here, once for each network, and holds for all of its seeds. All networks and seeds
share one split. The test pictures are under seal.
"""

import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from neocog.errors import UserError
from neocog.files import write_json

PLAN, RESULT, RUNS, PARETO = "bakeoff.json", "result.json", "runs", "pareto.svg"
SCHEMA = 1
DATA = ("spec", "name", "fingerprint", "split_seed", "n_train", "n_val", "n_test")


@dataclass(frozen=True)
class Length:
    """How long each training is: one of seconds, passes and updates. None of them: each network's own length."""

    budget: float | None = None
    epochs: float | None = None
    steps: int | None = None

    @property
    def words(self) -> str:
        """As it is told."""
        if self.budget is not None:
            return f"{self.budget:g} s a training"
        if self.epochs is not None:
            return f"{self.epochs:g} pass{'es' * (self.epochs != 1)} through the training pictures"
        return f"{self.steps:,} step{'s' * (self.steps != 1)} a training" if self.steps else "each network's own length"

    @property
    def words_zh(self) -> str:
        """The same in Chinese."""
        if self.budget is not None:
            return f"每次训练 {self.budget:g} 秒"
        if self.epochs is not None:
            return f"训练图片过 {self.epochs:g} 遍"
        return f"每次训练 {self.steps:,} 步" if self.steps else "各网络自身的长度"


@dataclass(frozen=True)
class Entry:
    """One network of a bake-off.

    asked: the name that was asked for. kind: how it learns. side: of its input, if the rule chose one. seconds: that one
    training and its test are expected to take (None: not known). rule, rule_zh: how it was adapted to the pictures, in
    words. failed: why it cannot take part.
    """

    net: str
    asked: str
    kind: str = ""
    steps: int = 0
    epochs: float = 0.0
    side: int | None = None
    seconds: float | None = None
    params: int = 0
    macs: int = 0
    protocol: str = ""
    rule: str = ""
    rule_zh: str = ""
    reasons: tuple[str, ...] = ()
    failed: str | None = None


@dataclass(frozen=True)
class Plan:
    """data: spec, name, fingerprint, split_seed, n_train, n_val, n_test. nets: as asked for, in that order. threads: of every
    training, since the last bits depend on it. why: a line for each decision that was nobody's wish."""

    data: dict[str, Any]
    classes: tuple[str, ...]
    protocol: str
    length: Length
    seeds: tuple[int, ...]
    threads: int
    device: str
    nets: tuple[str, ...]
    entries: tuple[Entry, ...] = ()
    why: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def trainings(self) -> tuple[tuple[str, int], ...]:
        """(network, seed) of every training: all networks with the first seed, then all with the next."""
        able = [entry.net for entry in self.entries if entry.failed is None]
        return tuple((net, seed) for seed in self.seeds for net in able)

    def entry(self, net: str) -> Entry:
        """The entry of a network."""
        return next(entry for entry in self.entries if entry.net == net)

    def with_entry(self, entry: Entry) -> "Plan":
        """With one more entry, or another in its place; in the order in which they were asked for."""
        others = [one for one in self.entries if one.asked != entry.asked]
        return replace(self, entries=tuple(sorted([*others, entry], key=lambda one: self.nets.index(one.asked))))

    def to_json(self) -> dict[str, Any]:
        """A plain object."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        return {
            "schema": SCHEMA,
            **plain,
            "classes": list(self.classes),
            "length": {key: value for key, value in asdict(self.length).items() if value is not None},
            "entries": [asdict(entry) for entry in self.entries],
        }

    @staticmethod
    def from_json(obj: dict[str, Any]) -> "Plan":
        """The inverse of `to_json`. Raises UserError, ValueError, KeyError or TypeError for what is none."""
        if obj.get("schema") != SCHEMA:
            raise UserError(f"a bake-off of schema {obj.get('schema')!r}; this neocog reads schema {SCHEMA}")
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in obj.items() if k != "schema"}
        values["length"] = Length(**obj["length"])
        values["entries"] = tuple(Entry(**{**entry, "reasons": tuple(entry["reasons"])}) for entry in obj["entries"])
        plan = Plan(**values)
        for what, good in (
            ("seeds are whole numbers, each once", _whole(plan.seeds) and len({*plan.seeds}) == len(plan.seeds) > 0),
            ("threads is a whole number above 0", _whole((plan.threads,)) and plan.threads > 0),
            ("each of the entries stands in nets, once", {*plan.nets} >= {e.asked for e in plan.entries}
             and len({e.asked for e in plan.entries}) == len(plan.entries)),
            ("data says spec, name, fingerprint, split_seed, n_train, n_val and n_test", {*plan.data} >= {*DATA}),
        ):  # fmt: skip
            if not good:
                raise ValueError(what)
        return plan


def _whole(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int) and not isinstance(value, bool) and value >= 0 for value in values)


def is_bakeoff(folder: str | Path) -> bool:
    """Whether a bake-off was begun here."""
    return (Path(folder) / PLAN).is_file()


def read_plan(folder: str | Path) -> Plan:
    """The plan of a bake-off. Raises UserError if this is none or a damaged one."""
    file = Path(folder) / PLAN
    if not file.is_file():
        raise UserError(f"{folder} is no bake-off: it has no {PLAN}")
    try:
        return Plan.from_json(json.loads(file.read_text("utf-8")))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{file} is damaged ({type(error).__name__}: {error})") from None
    except UserError as error:
        raise UserError(f"{file}: {error}") from None


def write_plan(folder: str | Path, plan: Plan) -> None:
    """Write it, whole or not at all."""
    write_json(Path(folder) / PLAN, plan.to_json())


def run_folder(folder: str | Path, net: str, seed: int) -> Path:
    """BAKEOFF/runs/NET-sSEED; a network that is a line of text is cut short and told apart by a checksum."""
    plain = re.sub(r"[^\w.-]+", "-", net).strip("-")[:60]
    name = plain if plain == net else f"{plain}-{zlib.crc32(net.encode()):08x}"
    return Path(folder) / RUNS / f"{name}-s{seed}"


def merge(old: Plan, new: Plan, folder: str | Path, add: bool) -> Plan:
    """The plan `old` that lies in `folder`, gone on with as `new` asks: the same, or, with `add`, more networks and seeds.

    Raises UserError for what would be another bake-off.
    """
    if old.data["fingerprint"] != new.data["fingerprint"]:
        raise UserError(f"{folder} was begun on other data ({old.data['name']}), or pictures were added, removed or changed")
    for what, had, now in (
        ("a length of", old.length.words, new.length.words),
        ("the protocol", old.protocol, new.protocol),
        ("the split of seed", old.data["split_seed"], new.data["split_seed"]),
        ("the device", old.device, new.device),
        ("threads:", old.threads, new.threads),
    ):
        if had != now:
            raise UserError(f"{folder} was begun with {what} {had}, not {now}: leave it out, or choose another --out")
    lacking, seeds = _beyond(new.nets, old.nets), _beyond(new.seeds, old.seeds)
    if (lacking or seeds) and not add:
        what = f"without {', '.join(lacking)}" if lacking else f"with {len(old.seeds)} seeds"
        raise UserError(f"{folder} holds a bake-off {what}: --resume adds to it, or choose another --out")
    return replace(old, nets=(*old.nets, *lacking), seeds=tuple(sorted({*old.seeds, *seeds})))


def _beyond(new: Sequence[Any], old: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(one for one in new if one not in old)
