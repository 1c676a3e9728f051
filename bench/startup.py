"""Processor time of the commands that must answer at once: user + system seconds of the whole process.

    python bench/startup.py [--rounds 11]

Each is to stay below 0.3 s. The bare interpreter runs in the same turns, for what the machine itself costs.
"""

import argparse
import resource
import statistics
import subprocess
import sys

from common import finish, in_turns

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "neocog --help": ["-m", "neocog", "--help"],
    "neocog list": ["-m", "neocog", "list"],
    "neocog show resnet152": ["-m", "neocog", "show", "resnet152"],
    "neocog diff alexnet alexnet.owt": ["-m", "neocog", "diff", "alexnet", "alexnet.owt"],
}


def cpu_seconds(arguments: list[str]) -> float:
    """Processor seconds of one run of the interpreter."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--rounds", type=int, default=11)
rounds = parser.parse_args().rounds
runs = in_turns([lambda a=a: cpu_seconds(a) for a in COMMANDS.values()], rounds)
result = {}
print(f"{'command':<34}{'median':>9}{'min':>9}{'max':>9}   CPU seconds, n = {rounds}")
for name, figures in zip(COMMANDS, runs, strict=True):
    result[name] = {"median": round(statistics.median(figures), 3), "max": round(max(figures), 3), "n": rounds}
    print(f"{name:<34}{statistics.median(figures):>9.3f}{min(figures):>9.3f}{max(figures):>9.3f}")
finish("startup", result)
