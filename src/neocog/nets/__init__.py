"""The networks, one file a paper. No torch, and nothing at all before it is asked for: `list` reads an index."""

from typing import TYPE_CHECKING

from neocog.lazy import lazy

if TYPE_CHECKING:
    from neocog.nets.card import Card as Card
    from neocog.nets.card import Result as Result
    from neocog.nets.index import Entry as Entry
    from neocog.nets.index import entries as entries
    from neocog.nets.recipe import Recipe as Recipe
    from neocog.nets.registry import Net as Net
    from neocog.nets.registry import list_models as list_models
    from neocog.nets.registry import nets as nets
    from neocog.nets.registry import register as register
    from neocog.nets.registry import resolve as resolve

_HOME = {
    "Card": "card",
    "Recipe": "recipe",
    "Result": "card",
    "Entry": "index",
    "entries": "index",
    "Net": "registry",
    "list_models": "registry",
    "nets": "registry",
    "register": "registry",
    "resolve": "registry",
}

__all__ = list(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]
__getattr__ = lazy(__name__, _HOME)
