"""What the contact sheet of `neocog augment` shows: a row for each augmentation, and one of all together."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from neocog.pictures.augment import auto
from neocog.pictures.augment.crops import Box
from neocog.pictures.augment.draws import Draws, generator
from neocog.pictures.augment.policy import Policy, policy
from neocog.pictures.augment.spec import Spec
from neocog.pictures.preprocessing import Preprocessing


@dataclass(frozen=True, eq=False)
class Row:
    """One augmentation, or all together: samples uint8 H×W×3, and what to write beside and below them.

    original: what the samples are made of; boxes: the windows drawn on it, in its pixels, and their places among the samples.
    """

    name: str
    numbers: str
    help: str
    source: str
    original: Image.Image
    samples: Sequence[np.ndarray]
    captions: Sequence[str] = ()
    boxes: Sequence[tuple[int, Box]] = ()
    spec: Spec | None = None
    remark: str = ""


@dataclass
class Bench:
    """The pictures at hand, at the input's size, `n` samples at a time."""

    pictures: Sequence[Image.Image]
    preprocessing: Preprocessing
    n: int
    seed: int
    plain: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.plain = [self.preprocessing.image(picture) for picture in self.pictures]

    def whole(self) -> np.ndarray:
        """Pictures as they come without augmentation, in turns: uint8 N×H×W×C."""
        return np.stack([self.plain[k % len(self.plain)] for k in range(self.n)])

    def cut(self, done: Policy) -> tuple[np.ndarray, list[Box]]:
        """The samples that a policy cuts, and where; the plain ones if it cuts none."""
        if done.geometry is None:
            return self.whole(), []
        p, boxes, samples = self.preprocessing, [], []
        for k in range(self.n):
            picture = self.pictures[k % len(self.pictures)].convert("L" if p.color == "L" else "RGB")
            box = done.geometry(picture.height, picture.width, p.height, p.width, generator(self.seed, 4, k))
            edges = (box.left, box.top, min(box.left + box.width, picture.width), min(box.top + box.height, picture.height))
            small = picture.resize((p.width, p.height), Image.Resampling[p.interpolation.upper()], edges)
            samples.append(np.asarray(small).reshape(p.height, p.width, p.channels))
            boxes.append(box)
        return np.stack(samples), boxes

    def draws(self) -> Draws:
        """The same for every row, so that rows can be compared."""
        return Draws.of(generator(self.seed, 2, 0), self.n)

    def made(self, done: Policy) -> tuple[np.ndarray, list[Box]]:
        """Cut, moved, coloured and erased."""
        pixels, boxes = self.cut(done)
        draws = self.draws()
        for operation in done.pixels:
            pixels = operation(pixels, draws)
        return pixels, boxes

    def original(self, boxes: Sequence[Box]) -> Image.Image:
        """The first picture: whole where windows are cut from it, else as it comes to the input."""
        return self.pictures[0].convert("RGB") if boxes else Image.fromarray(_coloured(self.plain[0][None])[0])

    def own(self, boxes: Sequence[Box]) -> list[tuple[int, Box]]:
        """Those windows that are the first picture's, with their places."""
        return [(k, box) for k, box in enumerate(boxes) if k % len(self.pictures) == 0]

    def over_epochs(self, done: Policy) -> tuple[np.ndarray, list[str]]:
        """Each picture in one epoch after the other, where that is what varies it."""
        pixels, count, samples, captions = self.whole(), len(self.pictures), [], []
        for k in range(self.n):
            draws = Draws(generator(self.seed, 2, k), 1, np.arange(1), k // count, np.array([k % count]), self.seed)
            samples.append(done.pixels[0](pixels[k : k + 1], draws)[0])
            captions.append(f"epoch {k // count}")
        return np.stack(samples), captions


def make_rows(
    pictures: Sequence[Image.Image], specs: Sequence[Spec], preprocessing: Preprocessing, n: int, seed: int
) -> list[Row]:
    """A row for each; and, where one may do them together, one of all."""
    bench = Bench(pictures, preprocessing, n, seed)
    rows = [_row(bench, spec) for spec in specs]
    together = [str(spec) for spec in specs if spec.kind.stage != "mix"]
    stages = [spec.kind.stage for spec in specs if spec.kind.stage in ("cut", "place", "flip", "policy")]
    if len(together) > 1 and len(set(stages)) == len(stages):
        pixels, boxes = bench.made(policy(together, preprocessing))
        words = ("together", "", ", ".join(together), "in this order")
        rows.append(Row(*words, bench.original(boxes), _coloured(pixels), boxes=bench.own(boxes)))
    return rows


def _row(bench: Bench, spec: Spec) -> Row:
    numbers = " · ".join(f"{a.name} {value:.4g}" for a, value in zip(spec.kind.arguments, spec.values, strict=True))
    words = (spec.name, numbers, spec.kind.help, spec.kind.source)
    boxes: list[Box] = []
    if spec.kind.stage == "mix":
        pixels, captions = _mixed(bench, spec)
    elif spec.name == "flip-alternating":
        pixels, captions = bench.over_epochs(policy([spec.name]))
    else:
        pixels, boxes = bench.made(policy([str(spec)], bench.preprocessing))
        captions = _uses(bench, spec) if spec.kind.stage == "policy" else [_place(bench, k, box) for k, box in enumerate(boxes)]
    samples, windows = _coloured(pixels), bench.own(boxes)
    return Row(*words, bench.original(boxes), samples, captions, windows, spec, _variants(bench, spec))


def _coloured(pixels: np.ndarray) -> list[np.ndarray]:
    return list(np.repeat(pixels, 3, 3) if pixels.shape[3] == 1 else pixels)


def _place(bench: Bench, k: int, box: Box) -> str:
    """The window's share of the picture's area, and its width / height."""
    picture = bench.pictures[k % len(bench.pictures)]
    share = box.width * box.height / (picture.width * picture.height)
    return f"{100 * share:.0f} % · {box.width / box.height:.2f}"


def _uses(bench: Bench, spec: Spec) -> list[str]:
    """What the same draws make the policy do to each sample."""
    shape = (bench.n, bench.preprocessing.height, bench.preprocessing.width, bench.preprocessing.channels)
    if spec.name == "randaugment":
        uses = auto.randaugment_uses(shape, bench.draws(), int(spec.values[0]), spec.values[1])
    elif spec.name == "trivialaugment":
        uses = auto.trivialaugment_uses(shape, bench.draws())
    else:
        uses = auto.autoaugment_uses(shape, bench.draws(), auto.POLICIES[spec.name])
    return ["\n".join(f"{name} {by:.3g}" if by else name for name, by in todo) or "nothing" for todo in uses]


def _mixed(bench: Bench, spec: Spec) -> tuple[np.ndarray, list[str]]:
    """Each sample with the next picture, at a λ of its own."""
    import torch

    from neocog.train.mixing import cutmix, mixup

    rng = generator(bench.seed, 5, 0)
    share = rng.beta(spec.values[0], spec.values[0], bench.n)
    x = torch.from_numpy(np.stack(bench.plain)).permute(0, 3, 1, 2).float()
    x = x[torch.arange(bench.n + 1) % len(x)]
    partner, share = torch.arange(1, bench.n + 2) % len(x), np.append(share, 1.0)  # one more, so that all have a next one
    places = rng.random((bench.n + 1, 2))
    mixed, left = mixup(x, partner, share) if spec.name == "mixup" else cutmix(x, partner, share, places)
    mixed, left = mixed[: bench.n], left[: bench.n]
    out = mixed.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return out, [f"{100 * one:.0f} % + {100 - 100 * one:.0f} %" for one in left]


def _variants(bench: Bench, spec: Spec) -> str:
    """How many different inputs a picture gives, where they can be counted."""
    p = bench.preprocessing
    if spec.name == "square-crop":
        side = max(round(spec.values[0] * min(p.height, p.width) / spec.values[1]), p.height, p.width)
        down, across = side - p.height + 1, side - p.width + 1
        paper = "; the paper counts 32 × 32 × 2 = 2,048" if (side, p.height, p.width) == (256, 224, 224) else ""
        return f"{down} × {across} windows, {2 * down * across:,} inputs with their mirror images{paper}"
    return ""
