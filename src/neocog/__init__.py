"""neocog: the family of image-classification CNNs, faithful to the papers."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Imported when first used: the command line answers before torch could be loaded.
_HOMES = {
    "create_model": "neocog.nn", "Model": "neocog.nn", "list_models": "neocog.nets", "load": "neocog.runs",
    "load_predictor": "neocog.runs", "load_weights": "neocog.weights", "load_data": "neocog.pictures",
    "Architecture": "neocog.arch", "analyse": "neocog.arch", "rewritten": "neocog.nn.rewrite", "to_conv": "neocog.nn.rewrite",
    "ImageClassifier": "neocog.estimator",
}  # fmt: skip
_PARTS = {"arch", "nets", "pictures", "nn", "weights", "runs", "train", "evaluate", "explain"}

if TYPE_CHECKING:
    from neocog.arch import Architecture, analyse
    from neocog.estimator import ImageClassifier as ImageClassifier  # needs an extra, so it is not in __all__
    from neocog.nets import list_models
    from neocog.nn import Model, create_model
    from neocog.nn.rewrite import rewritten, to_conv
    from neocog.pictures import load_data
    from neocog.runs import load, load_predictor
    from neocog.weights import load_weights

__all__ = ["Architecture", "Model", "__version__", "analyse", "create_model", "list_models", "load", "load_data",
           "load_predictor", "load_weights", "rewritten", "to_conv"]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    if name in _PARTS:
        from importlib import import_module

        return import_module(f"neocog.{name}")
    raise AttributeError(f"module 'neocog' has no attribute '{name}'")
