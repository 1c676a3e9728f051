"""Training: from data and wishes to a run folder."""

from neocog.train.run import Resolved, check_same_data, reopen, resolve_run, run
from neocog.train.session import Fitted, Interrupted
from neocog.train.stores import open_stores
from neocog.train.wishes import Wishes

__all__ = ["Fitted", "Interrupted", "Resolved", "Wishes", "check_same_data", "open_stores", "reopen", "resolve_run", "run"]
