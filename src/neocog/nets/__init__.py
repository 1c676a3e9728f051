"""The networks, one file a paper. No torch."""

from neocog.nets.card import Card, Recipe, Result
from neocog.nets.registry import Net, list_models, nets, register, resolve

__all__ = ["Card", "Net", "Recipe", "Result", "list_models", "nets", "register", "resolve"]
