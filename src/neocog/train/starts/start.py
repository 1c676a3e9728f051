"""A training that begins from weights: of another class count, of other pictures; all but the heads carried over."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from neocog.arch import Architecture
from neocog.arch.rewrite import WeightPlan, carry_over, tensors, with_channels, with_classes, with_input
from neocog.errors import UserError
from neocog.nets import resolve
from neocog.nn import Model
from neocog.pictures.preprocessing import Preprocessing
from neocog.runs import Config, RunFolder
from neocog.runs.config import START, STATE
from neocog.weights import apply_plan, hub, published, read_safetensors, write_safetensors
from neocog.weights.imported import Imported
from neocog.weights.importing import import_files
from neocog.weights.pretrained import fetched

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Start:
    """What a training begins from. values: tensors by key of `arch`; `fresh`: the layers that begin anew. notes: a line for
    each decision."""

    arch: Architecture
    values: dict[str, Tensor]
    preprocessing: Preprocessing
    net: str
    source: str
    fresh: tuple[str, ...]
    notes: tuple[str, ...]


def read_source(words: str, net: str | None = None, on_progress: OnProgress | None = None) -> Imported:
    """The weights that `words` name: a run folder; a weight file (a .caffemodel with its prototxt beside it); `pretrained`,
    `tv:V1`, …, which need `net`; an address; `hf:owner/name`. Raises UserError, one line."""
    path = Path(words)
    if net is not None:
        net = resolve(net).name
    if path.is_dir() and not hub.is_hub(words):
        return import_files([RunFolder(path).weights()], net)
    if path.suffix == ".caffemodel" and path.is_file():
        return import_files([_prototxt(path), path], net)
    if published.is_reference(words) and net is None and not (hub.is_hub(words) or published.is_address(words)):
        raise UserError(f"--weights {words} means published weights of a network by name: say which with --net")
    if not published.is_reference(words) and not path.exists():
        raise UserError(f"--weights {words}: there is no such run or weight file")
    here = fetched(words, net, on_progress)
    return import_files([here.path], net or here.net, wants=here.preprocessing)


def _prototxt(weights: Path) -> Path:
    """The definition beside a .caffemodel. Raises UserError unless there is just one, or one that is for deployment."""
    beside = sorted(weights.parent.glob("*.prototxt"))
    deploy = [path for path in beside if "deploy" in path.name.lower()]
    for found in (deploy, beside):
        if len(found) == 1:
            return found[0]
    raise UserError(
        f"{weights}: {'several' if beside else 'no'} .prototxt beside it; make a run of the two first: "
        "neocog import deploy.prototxt weights.caffemodel --out RUN"
    )


def start(
    source: Imported, words: str, classes: tuple[str, ...], channels: int | None = None, side: int | None = None
) -> Start:
    """`source` made ready for other classes. Its heads, auxiliary ones too, begin anew unless the classes are the same.

    channels: of the pictures to be read, if not the source's own: grey from colour sums the first layer's weights. side: of
    the pictures, if not the source's; refused where weights belong to one size.
    """
    arch, notes = source.arch.renamed(source.net), []
    plan, record = carry_over(arch, arch), source.preprocessing
    heads = {mark.path for mark in arch.marked("head")}
    if not heads:
        raise UserError(f"--weights {words}: {arch.name} has no layer marked as its head, which is what begins anew")
    if channels is not None and channels != arch.input[0]:
        arch, more = with_channels(arch, channels)
        plan, record = plan.then(more), _recoloured(record, channels)
        notes.append("the first layer's weights are summed over colours: the pictures are grey" if channels == 1
                     else "the first layer's weights are shared out among colours")  # fmt: skip
    if side is not None and (side, side) != (record.height, record.width):
        arch, plan, record = _resized(arch, plan, record, side, words)
    fresh: tuple[str, ...] = ()
    if source.classes != classes:
        fresh = tuple(sorted(heads))
        arch, more = with_classes(arch, len(classes))
        plan = WeightPlan(tuple(m for m in plan.then(more).moves if m.new.rpartition(".")[0] not in heads))
        notes.append(f"from {words} ({source.net}, {len(source.classes):,} classes): all but {', '.join(fresh)}, which "
                     f"begin{'s' if len(fresh) == 1 else ''} anew for {len(classes)} classes")  # fmt: skip
    else:
        notes.append(f"from {words} ({source.net}), its classifier too: the classes are the same")
    values = apply_plan(plan, source.values, tensors(arch))
    return Start(arch, values, record, source.net, words, fresh, tuple(notes))


def _recoloured(record: Preprocessing, channels: int) -> Preprocessing:
    """The record for grey pictures, from one for colour or the other way round: the mean over colours."""
    if channels == 1:
        mean, std = (sum(v) / len(v) for v in (record.mean, record.std))
        return replace(record, color="L", mean=(mean,), std=(std,))
    return replace(record, color="RGB", mean=record.mean[:1] * channels, std=record.std[:1] * channels)


def _resized(
    arch: Architecture, plan: WeightPlan, record: Preprocessing, side: int, words: str
) -> tuple[Architecture, WeightPlan, Preprocessing]:
    other, more = with_input(arch, (arch.input[0], side, side))
    if more.kept != set(tensors(arch)):
        native = f"{record.width}×{record.height}"
        raise UserError(f"--size {side}: the weights of {words} belong to pictures of {native}; leave it out")
    to = record.resize_to and max(side, round(record.resize_to * side / min(record.height, record.width)))
    return other, plan.then(more), replace(record, height=side, width=side, resize_to=to)


def write_start(folder: RunFolder, made: Start) -> None:
    """Keep what the run begins from in its folder: the source may be gone when it is resumed."""
    write_safetensors(folder.path / START, made.values, {"source": made.source, "fresh": list(made.fresh)})


def start_again(config: Config, folder: RunFolder) -> Start | None:
    """What `config` begins from, from its source once more, if the run was stopped before that lay in its folder; else None.

    Raises UserError if the source is gone, or is another by now.
    """
    if not config.weights or (folder.path / STATE).exists() or (folder.path / START).exists():
        return None
    again = "; begin again in another --out"
    try:
        net = config.asked.get("net") or (config.net if published.is_reference(config.weights) else None)
        source = read_source(config.weights, net)
        channels = config.arch.input[0] if config.arch.input[0] != source.arch.input[0] else None
        side = config.preprocessing.height if config.preprocessing.height != source.preprocessing.height else None
        made = start(source, config.weights, config.classes, channels, side)
    except UserError as error:
        raise UserError(f"{folder.path} was stopped before it had what it begins from, and now: {error}{again}") from None
    if tensors(made.arch) != tensors(config.arch):
        raise UserError(f"{folder.path} was begun from {config.weights}, which is another network by now{again}")
    return made


def load_start(model: Model, config: Config, folder: RunFolder) -> None:
    """Give the new network of a run the weights that the run begins from, if it begins from any and has not saved a state yet.

    Raises UserError if they are not there any more.
    """
    if not config.weights or (folder.path / STATE).exists():
        return
    file = folder.path / START
    if not file.is_file():
        raise UserError(f"{file} is gone, from which {config.net} was to begin; begin again in another --out")
    values, meta = read_safetensors(file)
    missing, unknown = model.load_state_dict(values, strict=False)
    fresh = set(meta.get("fresh", ()))
    if unknown or any(key.rpartition(".")[0] not in fresh for key in missing):
        raise UserError(f"{file} is not what {config.net} was to begin from; begin again in another --out")
