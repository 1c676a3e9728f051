"""The `neocog` command: parse, call, print. Nothing here imports torch before a verb needs it."""

import argparse
import importlib
import io
import os
import signal
import sys
from collections.abc import Sequence
from types import ModuleType

from neocog import __version__
from neocog.errors import UserError, nearest

VERBS = {
    "list": "networks, oldest first",
    "show": "a network's card and layer table, or a run",
    "leaderboard": "errors, published and measured, ranked where they compare",
    "history": "what the networks reached on ImageNet, as text or as a chart",
    "recipe": "how a network is trained: the quick, the paper's and a modern way",
    "diff": "what turns one network into another; three or more in one table",
    "lint": "a network against the rules of thumb for layer sizes",
    "data": "look a data set over: damage, copies, leaks, imbalance",
    "train": "pictures in, a trained and tested classifier out",
    "launch": "train or evaluate in several processes, on one machine or many",
    "evaluate": "judge a trained classifier",
    "bakeoff": "which network for these pictures: train several alike, rank them",
    "report": "one HTML page about a run or a bake-off, to send to a colleague",
    "predict": "classify pictures",
    "explain": "look inside a network: maps, deconvnet, occlusion, what a class was read from",
    "lesson": "small exact demonstrations of what the layers do",
    "augment": "what augmentations make of a picture, as a contact sheet",
    "import": "somebody else's weights in, a run out",
    "export": "a run's or a network's weights for elsewhere",
    "demo": "the whole story on real digits, in two minutes",
}
OUT_OF_MEMORY = ("not enough memory", "out of memory", "DefaultCPUAllocator")
DONE, OURS, YOURS, SOME_FAILED, INTERRUPTED = 0, 1, 2, 3, 130


class Parser(argparse.ArgumentParser):
    """argparse whose complaints are one line and exit with 2."""

    def error(self, message: str):  # does not return
        raise UserError(f"{message}; `{self.prog} --help` shows the usage")


def verb_module(verb: str) -> ModuleType:
    """The module of a verb: `add_arguments(parser)`, `run(args) -> exit code`, and its help text as docstring."""
    return importlib.import_module(f"neocog.cli.{verb}_" if verb in ("list", "import") else f"neocog.cli.{verb}")


def overview() -> str:
    """The help of the command itself."""
    lines = [
        f"neocog {__version__}: the family of image-classification CNNs, faithful to the papers",
        "",
        "usage: neocog VERB …        neocog VERB --help shows each with an example",
        "",
    ]
    lines += [f"  {verb:<13}{text}" for verb, text in VERBS.items()]
    lines += [
        "",
        "Start with `neocog demo`, or with your own pictures, a folder with one sub-folder for each class:",
        "  neocog train photos/",
    ]
    return "\n".join(lines)


def parse(argv: Sequence[str]) -> tuple[ModuleType, argparse.Namespace] | None:
    """(the verb's module, its arguments); None when help or the version was asked for and printed."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(overview())
        return None
    if argv[0] in ("-V", "--version"):
        print(f"neocog {__version__}")
        return None
    verb = argv[0]
    if verb not in VERBS:
        near = nearest(verb, VERBS)
        raise UserError(
            f"unknown verb '{verb}'" + (f": did you mean {' or '.join(near)}?" if near else "; `neocog --help` lists them")
        )
    module = verb_module(verb)
    about, _, example = (module.__doc__ or "").strip().partition("\n\n")
    parser = Parser(
        prog=f"neocog {verb}",
        description=about,
        epilog=example,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    return module, parser.parse_args(argv[1:])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; its exit code. 0 done · 1 our fault · 2 the user's · 3 some files failed · 130 interrupted."""
    try:
        if "OMP_WAIT_POLICY" not in os.environ:
            # How long threads that wait for one another spin before they sleep. libgomp's 300,000 turns make training several
            # times slower on a busy machine, none at all doubles the time of small nets; it is read when torch is loaded.
            os.environ.setdefault("GOMP_SPINCOUNT", "20000")
        for stream in (sys.stdout, sys.stderr):  # names of files need not be UTF-8, nor the terminal
            if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
                stream.reconfigure(errors="backslashreplace")
        parsed = parse(sys.argv[1:] if argv is None else argv)
        code = DONE if parsed is None else parsed[0].run(parsed[1])
        sys.stdout.flush()
    except UserError as error:
        code = complain(str(error))
        for note in getattr(error, "__notes__", ()):  # the line of a network with a caret under it
            print(note, file=sys.stderr)
        return code
    except BrokenPipeError:  # `neocog list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except OSError as error:
        if error.filename is None and error.errno is None:
            raise
        where = f"{error.filename}: " if error.filename else ""
        return complain(f"{where}{(error.strerror or str(error)).lower()}{_advice(error) if error.filename else ''}")
    except KeyboardInterrupt:
        print("\nneocog: interrupted", file=sys.stderr)
        return INTERRUPTED
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not any(words in str(error) for words in OUT_OF_MEMORY):
            raise
        return complain("not enough memory; try a smaller --batch or --size, or a smaller net")
    return code


def complain(message: str) -> int:
    """Say what is wrong in one line on stderr; the exit code for it."""
    print("neocog: " + " ".join(message.split()), file=sys.stderr)
    return YOURS


def _advice(error: OSError) -> str:
    import errno

    return {
        errno.ENOSPC: "; free some space and go on with --resume",
        errno.EFBIG: "; the file-size limit of this shell is too small: raise it and go on with --resume",
        errno.EDQUOT: "; free some space and go on with --resume",
        errno.EACCES: "; choose an --out that you may write to",
        errno.EPERM: "; choose an --out that you may write to",
        errno.EROFS: "; choose an --out that you may write to",
    }.get(error.errno or 0, "")


class StopSignals:
    """While open, Ctrl-C and SIGTERM only ask: `asked()` turns true. A second Ctrl-C stops at once."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._old: dict[int, object] = {}

    def __enter__(self) -> "StopSignals":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._old[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, old in self._old.items():
            signal.signal(number, old)  # type: ignore[arg-type]

    def _note(self, number: int, frame: object) -> None:
        if self.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number

    def asked(self) -> bool:
        """Whether to stop at the next good moment."""
        return self.signal is not None
