"""Errors that are the user's to mend: one clear line, exit code 2, never a traceback."""

from collections.abc import Iterable


class UserError(Exception):
    """Something the user can put right. The message says what is wrong, where, and what to do."""


class ShapeError(UserError):
    """A picture or a map does not fit a layer; the message holds the arithmetic."""


class DataError(UserError):
    """A data set that cannot be used as it is."""


class BadPicture(UserError):
    """One picture that cannot be decoded: `where` names it, `why` says what is wrong with it."""

    def __init__(self, where: str, why: str):
        super().__init__(f"{where}: {why}")
        self.where, self.why = where, why


class UnknownName(UserError):
    """A name nobody registered; the message offers the nearest ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = ""):
        near = nearest(name, known)
        offer = f"did you mean {' or '.join(near)}?" if near else ""
        super().__init__(" ".join(part for part in (f"unknown {kind} '{name}':", offer, hint) if part))


def nearest(name: str, known: Iterable[str], n: int = 3) -> list[str]:
    """The known names that look most like `name`, best first."""
    lower = {k.lower(): k for k in known}
    import difflib  # only mistakes pay for it

    return [lower[k] for k in difflib.get_close_matches(name.lower(), lower, n=n, cutoff=0.5)]
