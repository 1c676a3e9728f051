"""The command and its data, as the tests of the command line have them."""

from ..cli.conftest import digit, idx, neocog  # noqa: F401
