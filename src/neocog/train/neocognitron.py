"""How a Neocognitron learns: layer by layer, the strongest cells of each place reinforced (Fukushima 1980; 1975 for the rule).

In every S-column, a window through all planes, the strongest cell is a candidate; each plane takes its strongest candidate
as representative, or none. The representative's weights grow by what it sees, Δa = q·c·x and Δb = q/2·v, and its plane,
which shares them, with it. No teacher says what a picture is: the labels only name the planes of the last layer afterwards.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from neocog.arch import Architecture, Flatten, Linear, analyse
from neocog.arch import SCell as SRecord
from neocog.errors import UserError
from neocog.nn import Model
from neocog.nn.layers import SCell, pad
from neocog.nn.model import Step, plan
from neocog.pictures.sets import Dataset
from neocog.pictures.store import Store
from neocog.runs import Config, RunFolder
from neocog.train import machine
from neocog.train.session import Fitted, OnEvent, Session
from neocog.train.sgd import SAVE_EVERY, Batches, new_model

TAUGHT = "neocognitron-taught"
BATCH = 256  # pictures at a time where nothing is learned


def representatives(answers: Tensor, column: int) -> tuple[Tensor, Tensor]:
    """(planes, places) to reinforce, for the answers K×H×W of one layer; a place is row·W + column.

    S-columns of `column`×`column` cells stand at every place where they lie wholly in the map (the whole map, if it is
    smaller). Each nominates its strongest cell, if that answers at all; a plane takes the strongest that are nominated in it.
    """
    planes, height, width = answers.shape
    rows, columns = min(column, height), min(column, width)
    strongest, owner = answers.max(0)
    wins = F.max_pool2d(strongest[None, None], (rows, columns), 1)
    # A cell is the strongest of some column if it reaches the lowest of the maxima of the columns that it lies in.
    edge = (columns - 1, columns - 1, rows - 1, rows - 1)
    needed = -F.max_pool2d(F.pad(-wins, edge, value=-torch.inf), (rows, columns), 1)[0, 0]
    nominated = (strongest > 0) & (strongest >= needed)
    own = nominated & (owner == torch.arange(planes, device=owner.device)[:, None, None])
    best, place = torch.where(own, answers, torch.zeros_like(answers)).flatten(1).max(1)
    chosen = torch.nonzero(best > 0)[:, 0]
    return chosen, place[chosen]


def reinforce(cell: SCell, x: Tensor, planes: Tensor, places: Tensor, speed: float) -> None:
    """The weights of these planes grow by what their cells at these places see in x, 1×C×H×W: Δa = q·c·x, Δb = q/2·v."""
    channels, height, width = cell.weight.shape[1:]
    seen = F.unfold(pad(x, cell.pads), (height, width), stride=cell.stride)[0][:, places]
    with torch.no_grad():
        cell.weight[planes] += speed * cell.mask * seen.T.reshape(-1, channels, height, width)
        cell.bias[planes] += speed / 2 * cell.inhibition(x).flatten()[places]


@dataclass(frozen=True)
class Stage:
    """One S-layer of a network, its module, and the steps that compute its input."""

    path: str
    record: SRecord
    cell: SCell
    source: str
    steps: tuple[Step, ...]

    @property
    def r(self) -> float:
        """Its selectivity while it learns."""
        own = self.record.learning_selectivity
        return self.record.selectivity if own is None else own

    def input(self, model: Model, x: Tensor) -> Tensor:
        """What the layer sees of the pictures x: N×C×H×W."""
        values = {"input": x}
        for step in self.steps:
            values[step.output] = model.get_submodule(step.output)(*[values[name] for name in step.inputs])
        return values[self.source]


def stages(model: Model) -> tuple[Stage, ...]:
    """The S-layers in order. Raises UserError for a network that this rule cannot teach."""
    check(model.arch)
    rows = analyse(model.arch).rows
    found = []
    for node in model.arch.nodes:
        if isinstance(node.record, SRecord):
            cell, source = model.get_submodule(node.path), node.inputs[0]
            assert isinstance(cell, SCell)
            steps = () if source == "input" else plan(rows, (source,))
            found.append(Stage(node.path, node.record, cell, source, steps))
    return tuple(found)


def check(arch: Architecture) -> None:
    """Raises UserError unless S-cells come first and last a Linear without bias, which names the planes of one cell each."""
    head, table = arch.head, analyse(arch)
    if not any(isinstance(node.record, SRecord) for node in arch.nodes):
        raise UserError(f"--learner neocognitron reinforces S-cells, and {arch.name} has none; neocognitron has")
    flat = arch.by_path.get(head.inputs[0]) if head is not None else None
    single = flat is not None and isinstance(flat.record, Flatten) and table.by_path[flat.path].inputs[0][1:] == (1, 1)
    if head is None or not isinstance(head.record, Linear) or head.record.bias or not single:
        size = "×".join(map(str, arch.input))
        raise UserError(f"{arch.name} on {size}: the planes of the last layer must be one cell each to be named after classes")


def present(stage: Stage, x: Tensor, rate: float = 1.0) -> int:
    """Show x, the layer's input 1×C×H×W, once; how many planes were reinforced."""
    with torch.no_grad():
        planes, places = representatives(stage.cell.answer(x, stage.r)[0], stage.record.column)
    if len(planes):
        reinforce(stage.cell, x, planes, places, rate * stage.record.speed)
    return len(planes)


def teach(stage: Stage, x: Tensor, label: int, names: Tensor, rate: float = 1.0) -> int:
    """As `present` for the last layer, but the teacher picks the winner; `names` classes×planes is 1 where a plane has a name.

    The strongest plane wins if it is the class's own. If another answers louder, a plane without a name gets the class's
    name and learns the picture, as long as the class has fewer than its share; else the strongest of the class learns.
    """
    with torch.no_grad():
        best, places = stage.cell.answer(x, stage.r)[0].flatten(1).max(1)
        own, free = names[label] > 0, names.sum(0) == 0
        winner = int(best.argmax())
        if not (best[winner] > 0 and own[winner]):
            room = int(own.sum()) < names.shape[1] // names.shape[0]
            pool = free if room and bool(free.any()) else own
            if not bool(pool.any()):
                return 0
            winner = int(torch.where(pool, best, torch.full_like(best, -1)).argmax())
            names[label, winner] = 1
    at = torch.tensor([winner], device=x.device)
    reinforce(stage.cell, x, at, places[at], rate * stage.record.speed)
    return 1


def names_of(winners: Tensor, labels: Tensor, classes: int, planes: int) -> Tensor:
    """classes×planes, 1 where a plane won for pictures of this class more often than of any other.

    winners: for each picture the plane of the largest answer, or -1 where none answers. Ties go to the earlier class; planes
    that never win have no name.
    """
    counts = torch.zeros(classes, planes, device=winners.device)
    heard = winners >= 0
    counts.index_put_((labels[heard], winners[heard]), torch.ones_like(winners[heard], dtype=counts.dtype), accumulate=True)
    return F.one_hot(counts.argmax(0), classes).T * (counts.sum(0) > 0).to(counts.dtype)


def winners_of(model: Model, x: Tensor) -> Tensor:
    """The plane of the last layer that answers most to each picture; -1 where none does."""
    with torch.inference_mode():
        answers = model.forward_features(x).flatten(1)
        best, plane = answers.max(1)
    return torch.where(best > 0, plane, torch.full_like(plane, -1))


def head_of(model: Model) -> Tensor:
    """The classes×planes weights of the readout."""
    weight = model.get_classifier().weight
    assert isinstance(weight, Tensor)
    return weight.detach()


def organise(model: Model, x: Tensor, labels: Tensor, passes: int = 4, taught: bool = False, rate: float = 1.0) -> Tensor:
    """Learn the pictures x, N×C×H×W, shown in their order `passes` times to each layer in turn; the planes' names.

    The names also stand in the model's readout, so that its answer is the class whose planes answer most.
    """
    layers, names = stages(model), head_of(model)
    names.zero_()
    for stage in layers:
        with torch.no_grad():
            seen = torch.cat([stage.input(model, part) for part in x.split(BATCH)])
        for _ in range(passes):
            for i in range(len(x)):
                if taught and stage is layers[-1]:
                    teach(stage, seen[i : i + 1], int(labels[i]), names, rate)
                else:
                    present(stage, seen[i : i + 1], rate)
    if not taught:
        names.copy_(names_of(winners_of(model, x), labels, *names.shape))
    return names


def fit(
    config: Config,
    data: Dataset,
    stores: dict[str, Store],
    folder: RunFolder,
    on_event: OnEvent,
    stop: Callable[[], bool],
    device: str = "auto",
) -> Fitted:
    """As `organise`, for a run: `config.steps` batches in shuffled order, shared out evenly to the S-layers, first to last.

    The state to resume from is the weights and the step. Raises Interrupted after saving when `stop()` turns true.
    """
    where = machine.device(device)
    model = new_model(config, where)
    layers, names, taught = stages(model), head_of(model), config.kind == TAUGHT
    if config.steps < len(layers):
        raise UserError(f"{len(layers)} layers learn one after another: give --steps {len(layers)} or more")
    batches = Batches(stores["train"], config.recipe, config.seed, where)
    with Session(config, folder, stores, model, on_event) as session:
        done = 0
        if (saved := session.begin(batches.per_epoch)) is not None:
            model.load_state_dict({k.removeprefix("model."): v for k, v in saved[0].items()})
            done = saved[1]["step"]
        else:
            names.zero_()
        saved_at = told_at = time.monotonic()
        reinforced = shown = 0
        while done < config.steps:
            if stop():
                raise session.interrupt({}, done)
            turn = done * len(layers) // config.steps
            stage, last = layers[turn], turn == len(layers) - 1
            x, labels, _ = batches.get(done)
            with torch.no_grad():
                seen = stage.input(model, x)
            for i in range(len(x)):
                one = seen[i : i + 1]
                teaching = taught and last
                reinforced += (
                    teach(stage, one, int(labels[i]), names, config.recipe.lr)
                    if teaching
                    else present(stage, one, config.recipe.lr)
                )
            shown += len(x)
            done += 1
            ended = done == config.steps or done * len(layers) // config.steps != turn
            if ended or done % batches.per_epoch == 0:
                used = int((stage.cell.bias > 0).sum())
                speed = round(shown / max(time.monotonic() - told_at, 1e-9), 1)
                session.tell({"event": "layer", "step": done, "layer": stage.path, "planes": len(stage.cell.bias), "used": used,
                              "n": shown, "reinforced": round(reinforced / shown, 3), "images_per_s": speed})  # fmt: skip
                reinforced, shown, told_at = 0, 0, time.monotonic()
            if done == config.steps:
                if not taught:
                    names.copy_(_names(model, stores["train"], len(config.classes), where))
                session.validate(done, with_loss=False)
            if ended or time.monotonic() - saved_at > SAVE_EVERY:
                session.save({}, done)
                saved_at = time.monotonic()
        return session.finish(done)


def _names(model: Model, store: Store, classes: int, where: torch.device) -> Tensor:
    """The names of the planes after all training pictures."""
    winners, labels = [], []
    for pixels, kept in store.batches(BATCH):
        x = torch.from_numpy(store.preprocessing.normalise(pixels)).to(where)
        winners.append(winners_of(model, x))
        labels.append(torch.from_numpy(store.pictures.labels[kept]).to(where))
    return names_of(torch.cat(winners), torch.cat(labels), classes, model.num_features)
