"""The perceptron rule: a mistake adds the picture to the true class's weights and takes it from the predicted one's."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from neocog.pictures.sets import Dataset
from neocog.pictures.store import Store
from neocog.runs import Config, Predictor, RunFolder
from neocog.runs.events import Event
from neocog.runs.folder import BEST, LAST
from neocog.train.sgd import Fitted, Interrupted, OnEvent, generator, new_model


@dataclass
class Perceptron:
    """Weights C×F and biases C; the answer is the class with the largest w·x + b."""

    weight: np.ndarray
    bias: np.ndarray

    def learn(self, features: np.ndarray, labels: np.ndarray, rate: float = 1.0) -> int:
        """One pass over N×F features in the given order; the number of mistakes (Rosenblatt 1958; Novikoff 1962)."""
        mistakes = 0
        for x, y in zip(features, labels, strict=True):
            said = int(np.argmax(self.weight @ x + self.bias))
            if said != y:
                mistakes += 1
                self.weight[y] += rate * x
                self.weight[said] -= rate * x
                self.bias[y] += rate
                self.bias[said] -= rate
        return mistakes


def fit(
    config: Config,
    data: Dataset,
    stores: dict[str, Store],
    folder: RunFolder,
    on_event: OnEvent,
    stop: Callable[[], bool],
    device: str = "auto",
) -> Fitted:
    """Passes over the training pictures until one has no mistake, or `config.steps` passes. Resumable by pass."""
    model = new_model(config, torch.device("cpu"))
    head = model.get_classifier()
    assert isinstance(head, torch.nn.Linear)
    predictor = Predictor(model, config.preprocessing, config.classes, config.net)
    log = folder.events()

    def tell(event: Event) -> None:
        on_event(log.append(event))

    saved = folder.read_state()
    start, best = 0, {"step": 0, "top1": None}
    if saved is not None:
        model.load_state_dict({k.removeprefix("model."): v for k, v in saved[0].items()})
        start, best = saved[1]["step"], saved[1]["best"]
        tell({"event": "resume", "step": start, "steps": config.steps})
    else:
        tell({"event": "start", "step": 0, "steps": config.steps, "net": config.net, "steps_per_epoch": 1})
    machine = Perceptron(head.weight.detach().numpy().copy(), head.bias.detach().numpy().copy())
    pixels, kept = stores["train"].get(stores["train"].good)
    features = config.preprocessing.normalise(pixels).reshape(len(pixels), -1)
    labels = data.train.labels[kept]
    done = start
    try:
        while done < config.steps:
            if stop():
                tell({"event": "interrupted", "step": done})
                raise Interrupted(done)
            order = generator(config.seed, 1, done).permutation(len(features))
            mistakes = machine.learn(features[order], labels[order], config.recipe.lr)
            done += 1
            with torch.no_grad():
                head.weight.copy_(torch.from_numpy(machine.weight))
                head.bias.copy_(torch.from_numpy(machine.bias))
            tell(
                {
                    "event": "pass",
                    "step": done,
                    "mistakes": mistakes,
                    "n": len(features),
                    "top1": round(100 * (1 - mistakes / len(features)), 3),
                }
            )
            best = _keep_best(predictor, stores.get("val"), done, best, tell, folder, config)
            folder.save_state({f"model.{k}": v for k, v in model.state_dict().items()}, {"step": done, "best": best})
            if mistakes == 0:
                break
        folder.save_weights(LAST, model.state_dict(), config, {"step": done})
        folder.finish()
        tell({"event": "trained", "step": done, "best": best})
    finally:
        log.close()
    failed = tuple(store.failed[i] for store in stores.values() for i in sorted(store.failed))
    return Fitted(predictor, best["step"], best["top1"], failed)


def _keep_best(
    predictor: Predictor, store: Store | None, done: int, best: dict, tell: OnEvent, folder: RunFolder, config: Config
) -> dict:
    top1, n = None, 0
    if store is not None:
        scored = predictor.score_all(store.pictures, store=store)
        top1, n = round(float((scored.scores.argmax(1) == scored.labels).mean()) * 100, 4), len(scored.labels)
    better = top1 is None or best["top1"] is None or top1 > best["top1"]
    if top1 is not None:
        tell({"event": "validation", "step": done, "top1": top1, "best": better, "n": n})
    if better:
        folder.save_weights(BEST, predictor.model.state_dict(), config, {"step": done})
        return {"step": done, "top1": top1}
    return best
