"""One update of a network: forward, backward, step. What it keeps between updates can be saved and put back to the last bit."""

import time
from collections.abc import Mapping

import torch
from torch import Tensor

from neocog.nets import Recipe
from neocog.nn import Model, Outputs
from neocog.nn.weight_gradient import quick
from neocog.train.batches import Batch, Batches
from neocog.train.memory import out_of_memory
from neocog.train.optim.ema import Average
from neocog.train.optim.freeze import freeze, frozen_paths, hold
from neocog.train.optim.levenberg import PATTERNS, DiagonalLM
from neocog.train.optim.losses import Loss, make_loss
from neocog.train.optim.optimise import clip, limit_filters, make_optimizer
from neocog.train.optim.schedule import learning_rate
from neocog.train.starts.whiten import first_convolution
from neocog.train.together.world import ALONE, World


class Trainer:
    """Model, optimiser and loss; one step at a time.

    pieces: a batch is computed in so many parts, one after another, where it would not fit into memory whole; the gradient is
    that of the whole batch, but batch normalisation sees each part by itself.
    """

    def __init__(
        self,
        model: Model,
        recipe: Recipe,
        steps: int,
        seed: int,
        precision: str = "fp32",
        pieces: int = 1,
        compiled: bool = False,
        world: World = ALONE,
    ):
        self.model, self.recipe, self.steps, self.seed, self.world = model, recipe, steps, seed, world
        self.pieces, self.factor = pieces, 1.0
        self.loss: Loss = make_loss(recipe)
        self.frozen = frozen_paths(model.arch, recipe.freeze)
        freeze(model, self.frozen)
        if recipe.start == "whiten":
            model.get_parameter(f"{first_convolution(model.arch)}.weight").requires_grad_(False)
        self.call = world.wrap(model)  # before the optimiser: divided among processes, parameters are other objects
        self.optimizer = make_optimizer(recipe, model)
        self.named = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.average = Average(model, recipe.ema) if recipe.ema else None
        self.where = next(model.parameters()).device
        self.half = precision == "bf16"
        self.compiled = compiled
        if compiled:
            self.call = torch.compile(self.call)

    @property
    def judged(self) -> Model:
        """The network to judge and keep: the mean over the steps where the recipe takes one, else the one that learns."""
        return self.average.model if self.average else self.model

    def begin(self) -> None:
        """Call when the network has got its start: the running mean starts there too."""
        if self.average:
            self.average.model.load_state_dict(self.model.state_dict())

    def prepare(self, step: int, batches: Batches) -> None:
        """What the optimiser wants to know of the pictures before this step (LeNet-5's second derivatives, once a pass)."""
        if isinstance(self.optimizer, DiagonalLM) and self.optimizer.due(step, batches.per_epoch):
            x, y, _ = batches.some(PATTERNS, 7, step)
            self.optimizer.estimate(self.model, self.loss, x, y)

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        return learning_rate(self.recipe, step, self.steps, self.factor)

    def step(self, step: int, batch: Batch) -> tuple[Tensor, Tensor]:
        """One update; (loss, number of right answers) of this process's pictures, as tensors of no dimension.

        Where memory does not suffice, the batch is taken in twice as many pieces, from then on.
        """
        while True:
            try:
                loss, right = self._gradients(step, batch)
                break
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error) or self.pieces >= len(batch.y) or self.world.size > 1:  # others wait for its part
                    raise
                self.pieces *= 2
        if self.recipe.clip:
            clip(self.named.values(), self.recipe.clip)
        rate = self.rate(step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group.get("scale", 1.0)
        self.optimizer.step()
        if self.recipe.filter_rms:
            limit_filters(self.model, self.recipe.filter_rms)
        if self.average:
            self.average.update(self.model, step)
        return loss, right

    def _seed(self, number: int) -> None:
        """As `torch.manual_seed`, which takes milliseconds: it writes the call stack down for devices that are not there."""
        torch.default_generator.manual_seed(number)
        if self.where.type == "cuda":
            torch.cuda.manual_seed(number)

    def _gradients(self, step: int, batch: Batch) -> tuple[Tensor, Tensor]:
        self._seed(hash((self.seed, 3, step, self.world.rank)) & 0x7FFFFFFF)  # dropout; ints hash alike everywhere
        self.model.train()
        hold(self.model, self.frozen)
        self.optimizer.zero_grad(set_to_none=True)
        n, loss, right = len(batch.y), torch.zeros((), device=self.where), torch.zeros((), dtype=torch.int64, device=self.where)
        for x, y in zip(batch.x.tensor_split(self.pieces), batch.y.tensor_split(self.pieces), strict=True):
            with quick(not self.compiled):
                part, scores = self._loss(x, y)
                # Processes average their gradients, so that each one's share counts by its size.
                (part * (len(y) / batch.total * self.world.size)).backward()
            loss += part.detach() * (len(y) / max(n, 1))
            right += (scores.detach().argmax(1) == (y if y.dim() == 1 else y.argmax(1))).sum()
        return loss, right

    def _loss(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast(self.where.type, torch.bfloat16, enabled=self.half):
            out = self.call(x)
        scores, aux = out if isinstance(out, Outputs) else (out, {})
        assert isinstance(scores, Tensor)
        if not len(y):  # a share of no pictures, of a batch smaller than the number of processes: gradients of nothing
            return sum((s.sum() * 0 for s in aux.values()), scores.sum() * 0).float(), scores
        loss = self.loss(scores.float(), y)
        for tap in self.model.arch.taps:
            loss = loss + tap.weight * self.loss(aux[tap.name].float(), y)
        return loss, scores

    def state(self) -> dict[str, Tensor]:
        """All tensors that the next step depends on: the network's, the optimiser's memory, the running mean."""
        out = {f"model.{key}": value for key, value in self.model.state_dict().items()}
        for name, param in self.named.items():
            for key, value in self.optimizer.state.get(param, {}).items():
                if value is not None:
                    out[f"optimizer.{name}.{key}"] = torch.as_tensor(value)
        if self.average:
            out |= {f"average.{key}": value for key, value in self.average.model.state_dict().items()}
        return out

    def restore(self, values: Mapping[str, Tensor]) -> None:
        """Put back what `state` gave."""
        own = self.model.state_dict()
        weights = {k.removeprefix("model."): v for k, v in values.items() if k.startswith("model.")}
        self.model.load_state_dict({k: self.world.divided(v, own[k]) if k in own else v for k, v in weights.items()})
        for name, param in self.named.items():
            prefix = f"optimizer.{name}."
            for key in (k for k in values if k.startswith(prefix)):
                value = self.world.divided(values[key], param) if values[key].shape == param.shape else values[key]
                # laid out as the weight is, so that sums come out to the last bit as in the run that was stopped
                kept = torch.empty_like(param).copy_(value) if value.shape == param.shape else value.clone()
                self.optimizer.state[param][key.removeprefix(prefix)] = kept
        if self.average:
            prefix = "average."
            self.average.model.load_state_dict({k.removeprefix(prefix): v for k, v in values.items() if k.startswith(prefix)})


class Meter:
    """Mean loss, accuracy and speed since it was last read, over all processes."""

    def __init__(self, world: World = ALONE) -> None:
        self.world = world
        self.reset()

    def reset(self) -> None:
        """Forget."""
        self.losses: list[Tensor] = []
        self.rights: list[Tensor] = []
        self.seen, self.clock = 0, time.monotonic()

    def add(self, loss: Tensor, right: Tensor, pictures: int) -> None:
        """One step more."""
        self.losses.append(loss * pictures)
        self.rights.append(right)
        self.seen += pictures

    def read(self) -> dict[str, float]:
        """loss, top1 (percent) and images_per_s; starts afresh."""
        sums = torch.stack([torch.stack(self.losses).sum().double(), torch.stack(self.rights).sum().double()])
        summed, seen = self.world.sums(sums, torch.tensor(float(self.seen), dtype=torch.float64, device=sums.device))
        n = max(float(seen), 1.0)
        speed = n / max(time.monotonic() - self.clock, 1e-9)
        self.reset()
        loss, right = (float(value) / n for value in summed)
        return {"loss": round(loss, 6), "top1": round(100 * right, 3), "images_per_s": round(speed, 1)}
