"""The methods of `neocog explain`: what each takes, and where it is; one module a family, imported when asked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from neocog.errors import BadPicture

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from neocog.cli.looking.look import Look
    from neocog.figure.sketch import Sketch


@dataclass(frozen=True)
class Way:
    """A method. `module` of this package holds `run(look) -> Shown`; several methods may share one, and ask `look.method`.

    takes: the options that mean something to it, as argparse names them; any other is refused. untrained: whether RUN may be a
    network's name, with weights as they are drawn at the start. wants: what must be there, "picture", "data" or nothing.
    """

    words: str
    module: str
    takes: frozenset[str] = frozenset()
    wants: str = ""
    untrained: bool = False


@dataclass(frozen=True, eq=False)
class Shown:
    """What a method gives: a figure, facts for --json, lines for people, arrays for --arrays, pictures that were left out."""

    figure: "Sketch | Image.Image"
    facts: dict[str, Any]
    words: Sequence[str]
    arrays: "Mapping[str, np.ndarray]" = field(default_factory=dict)
    failed: Sequence[BadPicture] = ()


def _way(words: str, module: str, takes: str = "", wants: str = "", untrained: bool = False) -> Way:
    return Way(words, module, frozenset(takes.split()), wants, untrained)


_UNIT = "target layer unit place sanity"  # of attributions: a class, or a unit

# Every family of methods, as `--help` lists them.
FAMILIES: dict[str, dict[str, Way]] = {
    "what layers answer, and weights that can be seen": {
        "planes": _way("what the maps of its layers answer to the picture", "maps", "layer", "picture"),
        "filters": _way("a convolution's filters; those that dominate and the dead ones named", "filters",
                        "layer n data split cache pictures", "", True),
        "templates": _way("the weights of a linear classifier, or of an mlp's first layer", "maps"),
        "hog": _way("the orientations of the picture's gradients, and what they say for the answer", "maps", "", "picture"),
    },
    "what its maps look for (ZFNet)": {
        "deconvnet": _way("what excites maps, carried back to the pixels", "deconvnet", "layer unit place target n", "picture"),
        "top9": _way("the nine pictures that each map answers most", "top", "layer unit n data split cache pictures", "data"),
        "evolution": _way("the same, and the first filters, at each snapshot of the training", "evolution",
                          "layer unit n data split cache pictures", "data"),
        "maximise": _way("a picture that a class or a unit answers most to", "synthesis",
                         "target layer unit place steps n data split cache"),
        "invert": _way("a picture made anew from what each layer keeps of it", "synthesis", "layer steps cache", "picture"),
    },
    "what an answer comes from": {
        "compare": _way("all of the following on one sheet", "attribution", _UNIT + " n steps fill size stride", "picture"),
        "occlusion": _way("a square over the picture: the class, a map, the label (ZFNet's figure 7)", "occlusion",
                          "layer unit target size stride fill data split cache pictures", "picture"),
        "gradient": _way("the gradient of a score with respect to the pixels", "attribution", _UNIT, "picture"),
        "saliency": _way("its largest size over the colours", "attribution", _UNIT, "picture"),
        "input-x-gradient": _way("the pixels times it", "attribution", _UNIT, "picture"),
        "smoothgrad": _way("its mean over --n noisy copies", "attribution", _UNIT + " n", "picture"),
        "integrated-gradients": _way("contributions that add up, from --fill to the picture", "attribution",
                                     _UNIT + " steps fill", "picture"),
        "guided-backprop": _way("the gradient, rectified at every ReLU; tells little of the class", "attribution", _UNIT,
                                "picture"),
        "cam": _way("where the last maps speak for a class, behind global pooling", "attribution", "target sanity", "picture"),
        "grad-cam": _way("the same for any network and layer, weighed by mean gradients", "attribution", _UNIT, "picture"),
        "grad-cam++": _way("weighed by positive gradients, for several objects", "attribution", _UNIT, "picture"),
        "hirescam": _way("gradients times maps, place by place, with signs", "attribution", _UNIT, "picture"),
        "layer-cam": _way("positive gradients times maps, for early layers too", "attribution", _UNIT, "picture"),
        "correspondence": _way("whether hiding a part changes features alike in several pictures (ZFNet's table 1)",
                               "correspondence", "layer fill n boxes"),
    },
    "what a unit sees": {
        "field": _way("what units of its layers can see: boxes on the picture", "fields", "image layer unit place size", "",
                      True),
        "effective-field": _way("how much each pixel moves a unit, trained beside its start", "effective",
                                "layer place data split n cache", "", True),
    },
    "through its depth": {
        "flow": _way("the gradient's norm, of one network or several", "motion", "data split n against", "", True),
        "responses": _way("how large the answers are; residual branches, highway gates", "motion", "data split n against", "",
                          True),
        "norms": _way("what batch and local response normalisation do", "health", "data split n layer", "", True),
        "dead": _way("units that never answer to any of the pictures, and saturated ones", "health", "data split n cache",
                     "data", True),
        "histograms": _way("weights, outputs and gradients, over a run's snapshots", "health", "data split n layer", "", True),
    },
    "pictures that it takes for alike": {
        "nearest": _way("the pictures of DATA nearest to it by what the classifier reads", "kinship",
                        "image data split n layer distance cache", "data", True),
        "map": _way("many pictures on a plane, near where the classifier reads alike", "kinship", "data split n layer", "data",
                    True),
    },
}  # fmt: skip
WAYS: dict[str, Way] = {name: way for family in FAMILIES.values() for name, way in family.items()}

Handler = Callable[["Look"], Shown]


def handler(method: str) -> Handler:
    """The function that carries a method out."""
    from importlib import import_module

    return import_module(f"neocog.cli.looking.{WAYS[method].module}").run
