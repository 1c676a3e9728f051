"""Every layer table, gathered from the modules of this package: TABLES, and REST where rows leave parameters out."""

import importlib
import pkgutil

from .line import Line

TABLES: dict[str, list[Line]] = {}
REST: dict[str, int] = {}

for _module in pkgutil.iter_modules(__path__):
    _found = importlib.import_module(f"{__name__}.{_module.name}")
    TABLES.update(getattr(_found, "TABLES", {}))
    REST.update(getattr(_found, "REST", {}))
