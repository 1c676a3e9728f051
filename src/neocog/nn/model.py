"""Architecture → Module: plain containers built from the paths, and a straight-line executor."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from neocog.arch import Architecture, Shape, Windowed, analyse
from neocog.arch.account import Row
from neocog.arch.rewrite import with_classes
from neocog.errors import ShapeError, UserError
from neocog.nn import checkpointing
from neocog.nn.initialise import draw
from neocog.nn.modules import module
from neocog.pictures.preprocessing import Preprocessing


class Outputs(NamedTuple):
    """What a network with auxiliary heads gives in training: N×classes logits, and those of each head by name."""

    logits: Tensor
    aux: dict[str, Tensor]


class Scope(nn.Module):
    """A level of the paths. It holds modules; `scope[0]` is its child "0"."""

    def __getitem__(self, index: int | str) -> nn.Module:
        return self._modules[str(index)]  # type: ignore[return-value]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[nn.Module]:
        return iter(self._modules.values())  # type: ignore[arg-type]


class Step(NamedTuple):
    """One call of the executor: which module, what it reads, what it makes, what nobody needs afterwards."""

    path: tuple[str, ...]
    inputs: tuple[str, ...]
    output: str
    free: tuple[str, ...]


def plan(rows: Iterable[Row], keep: Iterable[str], have: str = "input") -> tuple[Step, ...]:
    """The steps that compute `keep` from the value `have`, each value freed after its last use."""
    rows, wanted = list(rows), set(keep)
    needed: set[str] = set(wanted)
    chosen: list[Row] = []
    for row in reversed(rows):
        if row.path in needed and row.path != have:
            needed |= set(row.node.inputs)
            chosen.append(row)
    chosen.reverse()
    last = {name: i for i, row in enumerate(chosen) for name in row.node.inputs}
    return tuple(
        Step(
            tuple(row.path.split(".")),
            row.node.inputs,
            row.path,
            tuple(n for n in dict.fromkeys(row.node.inputs) if last[n] == i and n not in wanted),
        )
        for i, row in enumerate(chosen)
    )


class Model(nn.Module):
    """A network of `arch` as a Module: N×C×H×W → N×classes scores (`Outputs` in training where there are auxiliary heads).

    Every node is a module under its path, so it can be hooked, and its parameters have the keys that its record declares.
    `features`: give these nodes' maps, a list, instead of the answer. Initialised as the records say, from `generator` or
    torch's own.
    """

    def __init__(self, arch: Architecture, generator: Generator | None = None, features: tuple[str, ...] | None = None):
        super().__init__()
        table = analyse(arch)  # refuses what does not fit before anything is allocated
        self.arch = arch
        self.features_at = features
        self.preprocessing: Preprocessing | None = None
        self.classes: tuple[str, ...] | None = None
        wanted = features or (arch.output, *(tap.output for tap in arch.taps))
        steps = plan(table.rows, wanted)
        made: dict[tuple, nn.Module] = {}
        with torch.device("meta"):
            for step in steps:
                row = table.by_path[step.output]
                self._place(step.path, _leaf(row, made))
        _materialise(self)
        for step in steps:
            self._draw(table.by_path[step.output], generator)
        self._plan_forward()

    def _plan_forward(self) -> None:
        """The executor's steps as plain attributes: torch's compiler cannot look into a cached function."""
        self._output, self._aux = self.arch.output, tuple((tap.name, tap.output) for tap in self.arch.taps)
        self._steps = planned(self.arch, self.features_at or (self._output,))
        self._all_steps = planned(self.arch, self._kept)
        self._stretches: tuple[checkpointing.Stretch, ...] = ()

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """In training, keep only what passes between about √depth stretches of the network; compute the rest again on the way
        back (Chen et al. 2016): a third more work for a fraction of the memory. The numbers stay the same."""
        self._stretches = checkpointing.stretches(self._all_steps, self.arch.cuts, self._kept) if enable else ()

    @property
    def _kept(self) -> tuple[str, ...]:
        return (self._output, *(path for _, path in self._aux))

    def _place(self, path: tuple[str, ...], leaf: nn.Module) -> None:
        parent: nn.Module = self
        for part in path[:-1]:
            if part not in parent._modules:
                parent.add_module(part, Scope())
            parent = parent._modules[part]  # type: ignore[assignment]
        try:
            parent.add_module(path[-1], leaf)
        except KeyError:
            raise UserError(f"{self.arch.name}: '{'.'.join(path)}' is a name that torch's modules use themselves") from None

    def _draw(self, row: Row, generator: Generator | None) -> None:
        leaf = self.get_submodule(row.path)
        for param in row.tensors:
            tensor = getattr(leaf, param.name)
            if tuple(tensor.shape) != param.shape:
                raise AssertionError(f"{row.path}.{param.name}: declared {param.shape}, built {tuple(tensor.shape)}")
            draw(tensor, param, generator)

    def _run(self, steps: tuple[Step, ...], values: dict[str, Tensor]) -> dict[str, Tensor]:
        for step in steps:
            leaf: nn.Module = self
            for part in step.path:
                leaf = getattr(leaf, part)
            values[step.output] = leaf(*[values[name] for name in step.inputs])
            for name in step.free:
                del values[name]
        return values

    def forward(self, x: Tensor) -> Tensor | Outputs | list[Tensor]:
        self._check(x)
        if self.features_at is not None:
            values = self._run(self._steps, {"input": x})
            return [values[path] for path in self.features_at]
        if self.training and (self._aux or self._stretches):
            again = self._stretches and torch.is_grad_enabled()
            values = checkpointing.run(self, self._stretches, x) if again else self._run(self._all_steps, {"input": x})
            if not self._aux:
                return values[self._output]
            return Outputs(values[self._output], {name: values[path] for name, path in self._aux})
        return self._run(self._steps, {"input": x})[self._output]

    def _check(self, x: Tensor) -> None:
        if torch.compiler.is_compiling() or tuple(x.shape[1:]) == self.arch.input:
            return
        want = "×".join(["N", *map(str, self.arch.input)])
        if x.dim() != len(self.arch.input) + 1 or x.shape[1] != self.arch.input[0]:
            raise ShapeError(f"{self.arch.name} reads {want}, not {'×'.join(map(str, x.shape))}")
        shape = tuple(x.shape[1:])
        if _sizes(self.arch, shape) != _sizes(self.arch, self.arch.input):  # refuses what does not fit, with the diagnosis
            raise ShapeError(
                f"{self.arch.name} was built for {want}; it cannot read {'×'.join(map(str, x.shape))}: "
                f"build it with img_size={shape[1:] if shape[1] != shape[2] else shape[1]}"
            )

    def forward_features(self, x: Tensor) -> Tensor:
        """The last map before the head: N×C×H×W (N×features for nets without maps)."""
        self._check(x)
        cut = feature_cut(self.arch)
        return self._run(planned(self.arch, (cut,)), {"input": x})[cut]

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """From `forward_features`' map to the scores, or to what the classifier reads (`pre_logits`)."""
        head = self.arch.head
        end = head.inputs[0] if pre_logits and head is not None else self.arch.output
        cut = feature_cut(self.arch)
        return x if end == cut else self._run(planned(self.arch, (end,), cut), {cut: x})[end]

    def get_classifier(self) -> nn.Module:
        """The module of the marked head."""
        if self.arch.head is None:
            raise UserError(f"{self.arch.name}: no layer is marked as its head")
        return self.get_submodule(self.arch.head.path)

    def reset_classifier(self, num_classes: int, generator: Generator | None = None) -> None:
        """New heads for another number of classes, started afresh; all else stays."""
        self.arch, _ = with_classes(self.arch, num_classes)
        table = analyse(self.arch)
        like = next(p for p in self.parameters() if p.is_floating_point())  # known pictures are bytes
        for mark in self.arch.marked("head"):
            row = table.by_path[mark.path]
            with torch.device("meta"):
                leaf = module(row.node.record, row.inputs)
            _materialise(leaf)
            self._place(tuple(row.path.split(".")), leaf)
            self._draw(row, generator)
            leaf.to(like.device, like.dtype).train(self.training)
        self.classes = None
        self._plan_forward()

    @property
    def num_classes(self) -> int:
        """How many scores it gives."""
        return analyse(self.arch).output[0]

    @property
    def num_features(self) -> int:
        """Channels of `forward_features`."""
        return self._shape(feature_cut(self.arch))[0]

    def _shape(self, path: str) -> Shape:
        """The shape that the node at `path` gives, without the batch axis."""
        return self.arch.input if path == "input" else analyse(self.arch).by_path[path].output

    @property
    def feature_info(self) -> list[dict[str, object]]:
        """For a features-only model, of each map: num_chs, reduction (pixels a place) and module (its path)."""
        table = analyse(self.arch)
        return [
            {"num_chs": table.by_path[p].output[0], "reduction": max(table.by_path[p].stride or [0]), "module": p}
            for p in self.features_at or ()
        ]


@lru_cache(maxsize=64)
def _sizes(arch: Architecture, shape: Shape) -> tuple[Shape, ...]:
    """What a network built for pictures of `shape` is made for: all tensors' shapes, TensorFlow's padding, HOG's cells."""
    rows = analyse(arch, shape).rows
    same = [row for row in rows if isinstance(row.node.record, Windowed) and row.node.record.padding == "same"]
    pads = tuple((w.before, w.after) for row in same for w in row.node.record.windows(*row.inputs) or ())
    settings = tuple(row.node.record.built(*row.inputs) for row in rows)
    return (*(param.shape for row in rows for param in row.tensors), *pads, *settings)


@lru_cache(maxsize=64)
def planned(arch: Architecture, keep: tuple[str, ...], have: str = "input") -> tuple[Step, ...]:
    """The steps from the value `have` to those of `keep`, computed once."""
    return plan(analyse(arch).rows, keep, have)


def _cuts(arch: Architecture) -> list[Row]:
    """The nodes of the main network that everything behind them passes through, in order."""
    return [row for row in analyse(arch).rows if row.path in arch.cuts]


def _before_head(arch: Architecture) -> list[Row]:
    """The cuts that the head reads, up to the first full connection: a head that is a convolution gives scores, no features."""
    read = arch.ancestors(arch.head.inputs[0]) if arch.head else arch.main
    full = {mark.path for mark in arch.marked("full")}
    return list(takewhile(lambda row: row.path not in full, (row for row in _cuts(arch) if row.path in read)))


@lru_cache(maxsize=64)
def feature_cut(arch: Architecture) -> str:
    """The node that `forward_features` gives: the last map that all behind it passes through; else the head's input."""
    maps = [row for row in _before_head(arch) if row.field is not None and len(row.output) == 3]
    return maps[-1].path if maps else arch.head.inputs[0] if arch.head else "input"


def feature_maps(arch: Architecture) -> tuple[str, ...]:
    """One map for each stride: the last that all behind it passes through, as `features_only` gives them."""
    last = {max(row.stride): row.path for row in _before_head(arch) if row.stride and len(row.output) == 3}
    return tuple(last.values())


def _leaf(row: Row, made: dict[tuple, nn.Module]) -> nn.Module:
    """The module of a row, on the meta device: a twin of one that was made for an equal record and shapes, if there is one.

    torch takes 200 µs for a convolution, and a net of a thousand layers has a dozen different ones.
    """
    key = (row.node.record, row.inputs)
    first = made.get(key)
    if first is None:
        leaf = module(*key)
        if not leaf._modules and all(t.is_meta for t in (*leaf.parameters(), *leaf.buffers())):
            made[key] = leaf
        return leaf
    twin = object.__new__(type(first))
    twin.__dict__.update({k: v.copy() if isinstance(v, dict | set) else v for k, v in first.__dict__.items()})
    return twin


def _materialise(root: nn.Module) -> None:
    """Memory for every tensor that lies on torch's meta device; constants that a layer computed stay."""
    for leaf in root.modules():
        for name, param in leaf._parameters.items():
            if param is not None and param.is_meta:
                leaf._parameters[name] = nn.Parameter(torch.empty(param.shape, dtype=param.dtype), param.requires_grad)
        for name, buffer in leaf._buffers.items():
            if buffer is not None and buffer.is_meta:
                leaf._buffers[name] = torch.zeros(buffer.shape, dtype=buffer.dtype)
