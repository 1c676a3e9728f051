"""The perceptron rule: a mistake adds the picture to the true class's weights and takes it from the predicted one's."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from neocog.pictures.sets import Dataset
from neocog.pictures.store import Store
from neocog.runs import Config, RunFolder
from neocog.train.session import Fitted, OnEvent, Session
from neocog.train.sgd import generator, new_model

CHUNK = 1024  # pictures in memory as numbers


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
    store = stores["train"]
    good = store.good
    with Session(config, folder, stores, model, on_event) as session:
        done, mistakes = 0, -1
        if (saved := session.begin(per_epoch=1)) is not None:
            model.load_state_dict({k.removeprefix("model."): v for k, v in saved[0].items()})
            done, mistakes = saved[1]["step"], saved[1].get("mistakes", -1)
        # The module's own memory: what the rule changes is what is judged and saved.
        machine = Perceptron(head.weight.detach().numpy(), head.bias.detach().numpy())
        while done < config.steps and mistakes != 0:
            if stop():
                raise session.interrupt({}, done)
            order, mistakes, seen = generator(config.seed, 1, done).permutation(good), 0, 0
            for start in range(0, len(order), CHUNK):
                pixels, kept = store.get(order[start : start + CHUNK])
                features = config.preprocessing.normalise(pixels).reshape(len(pixels), -1)
                mistakes += machine.learn(features, data.train.labels[kept], config.recipe.lr)
                seen += len(kept)
            done += 1
            right = round(100 * (1 - mistakes / max(1, seen)), 3)
            session.tell({"event": "pass", "step": done, "mistakes": mistakes, "n": seen, "top1": right})
            session.validate(done, with_loss=False)
            session.save({}, done, mistakes=mistakes)
        return session.finish(done)
