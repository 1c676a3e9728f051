"""What answers before torch could be loaded; what the verbs print for machines; wishes that cannot be granted."""

import json
import statistics
import subprocess
import sys

import pytest

from .command import SCRIPT, real

LIGHT = [["--help"], ["list"], ["show", "resnet152"], ["diff", "alexnet", "alexnet.owt"], ["train", "--help"],
         ["show", "lenet5", "--json"]]  # fmt: skip


@pytest.mark.parametrize("args", LIGHT, ids=" ".join)
def test_light_verbs_load_neither_torch_nor_numpy(args):
    program = (
        "import sys; from neocog.cli import main\n"
        "try: code = main(sys.argv[1:])\n"
        "except SystemExit as end: code = end.code\n"
        "print([m for m in ('torch', 'numpy', 'PIL', 'rich') if m in sys.modules], code or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program, *args], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[] 0"


@pytest.mark.parametrize("args", LIGHT[:4], ids=" ".join)
def test_light_verbs_start_quickly(args):
    """Loosely: bench/ measures the speed. CPU time, so that a busy machine does not matter."""
    used = [real(*args).check(0).cpu for _ in range(5)]
    print(f"neocog {' '.join(args)}: CPU {statistics.median(used):.3f} s, median of 5")
    assert statistics.median(used) < 1


def test_help_names_every_verb_and_every_verb_has_an_example(neocog):
    from neocog.cli import VERBS

    assert neocog().check(0).out == neocog("--help").check(0).out
    for verb in VERBS:
        assert verb in neocog("--help").out
        text = neocog(verb, "--help").check(0).out
        assert f"  neocog {verb}" in text and ("--json" in text or verb == "launch"), verb  # launch hands it on


def test_a_reader_that_goes_away_is_no_fault():
    done = subprocess.run(f"set -o pipefail; {SCRIPT} list | head -1", shell=True, executable="/bin/bash",
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 1)
    # a reader that is gone before the first word, which Python only notices when it ends
    gone = subprocess.run(f"{SCRIPT} list > >(exec true); wait; exit", shell=True, executable="/bin/bash",
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert gone.stderr == ""


def test_a_full_disk_behind_stdout_is_told_once():
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run([SCRIPT, "list"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and "no space left" in done.stderr
    assert "--resume" not in done.stderr, "there is nothing to resume in a list"


SHOW = {"name", "input", "output", "params", "params_trainable", "params_aux", "macs", "receptive_field", "stride", "layers"}
LAYER = {"path", "type", "output", "params", "macs", "receptive_field", "stride"}


def test_show_json_has_the_keys_that_scripts_stand_on(neocog):
    lenet = neocog("show", "lenet5", "--json").check(0).json()
    assert set(lenet) >= SHOW
    assert (lenet["name"], lenet["input"], lenet["output"]) == ("lenet5", [1, 32, 32], [10])
    assert (lenet["params_trainable"], lenet["params"] - lenet["params_trainable"], lenet["params_aux"]) == (60000, 840, 0)
    assert (lenet["receptive_field"], lenet["stride"]) == ([32, 32], [4, 4])
    assert all(set(layer) >= LAYER for layer in lenet["layers"])
    assert [layer["path"] for layer in lenet["layers"] if layer["params"]] == ["C1", "S2", "C3", "S4", "C5", "F6", "output"]
    assert sum(layer["params"] for layer in lenet["layers"]) == lenet["params"]
    assert sum(layer["macs"] for layer in lenet["layers"]) == lenet["macs"]
    alexnet = neocog("show", "tv:alexnet", "--json").check(0).json()
    assert (alexnet["name"], alexnet["params"]) == ("alexnet.owt", 61_100_840)


def test_show_takes_another_input_or_says_why_not(neocog):
    for words, shape in (("3x320x256", [3, 320, 256]), ("3×320×256", [3, 320, 256]), ("320x256", [3, 320, 256]),
                         ("320", [3, 320, 320])):  # fmt: skip
        assert neocog("show", "resnet18", "--json", "--input", words).check(0).json()["input"] == shape
    text = neocog("show", "alexnet", "--input", "3x224x224").check(0).out
    assert "! conv1: (224-11)/4+1 = 54.25" in text and "227" in text
    for words in ("", "abc", "0x3x224", "3x0x224", "3x224x224x1", "-3x4x4", "3,224,224", "1e3"):
        neocog("show", "resnet18", f"--input={words}").complaint("--input")
    # too small for its layers: the arithmetic, before anything is allocated
    assert "pool" in neocog("show", "alexnet", "--input", "3x32x32").complaint()


def test_list_takes_parts_and_patterns(neocog):
    def names(*args):
        return [row["name"] for row in neocog("list", *args, "--json").check(0).json()]

    everything = names()
    assert len(everything) == len(set(everything)) and {"lenet5", "alexnet", "resnet152"} <= set(everything)
    assert names("resnet*.cifar") == [n for n in everything if n.startswith("resnet") and n.endswith(".cifar")] != []
    assert names("vgg16") == [n for n in everything if "vgg16" in n] != []
    assert names("lenet?") == ["lenet5"]
    text = neocog("list", "vgg16").check(0).out
    assert [line.split("│")[-1].split("┬")[-1].split()[0] for line in text.splitlines()[1:5]] == names("vgg16")
    neocog("list", "nothing-like-it").complaint("nothing-like-it")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["show", "alexnett"], ["alexnett", "did you mean alexnet"]),
        (["diff", "alexnet", "resnet-50"], ["resnet-50", "resnet50"]),
        (["train", "digits", "--net", "lenet-5"], ["lenet-5", "lenet5"]),
        (["train", "digit"], ["digit", "did you mean digits"]),
        (["trian", "digits"], ["trian", "did you mean train"]),
        (["qqqq"], ["qqqq", "--help"]),
        (["list", "--jsno"], ["--jsno"]),
        (["show"], ["NET"]),
        (["train"], ["DATA"]),
        (["predict", "run"], ["SOURCE"]),
        (["train", "digits", "--steps", "5", "--epochs", "3"], ["--steps", "--epochs"]),
        (["train", "digits", "--steps", "5", "--budget", "3s"], ["--steps", "--budget"]),
        (["train", "digits", "--budget", "0"], ["--budget", "240s"]),
        (["train", "digits", "--budget", "-3s"], ["--budget"]),
        (["train", "digits", "--budget", "soon"], ["--budget", "240s", "soon"]),
        (["train", "digits", "--epochs", "-1"], ["--epochs", "above 0"]),
        (["train", "digits", "--epochs", "nan"], ["--epochs", "above 0"]),
        (["train", "digits", "--epochs", "many"], ["--epochs", "many"]),
        (["train", "digits", "--steps", "0"], ["--steps", "above 0"]),
        (["train", "digits", "--steps", "2.5"], ["--steps"]),
        (["train", "digits", "--resume"], ["--resume", "--out"]),
        (["demo", "--budget", "0"], ["--budget"]),
        (["evaluate", "no-such-run", "digits"], ["no-such-run"]),
        (["predict", "no-such-run", "x.png"], ["no-such-run"]),
        (["predict", "no.safetensors", "x.png"], ["no.safetensors"]),
    ],
    ids=lambda value: " ".join(value) if value and value[0].isalpha() else "",
)  # fmt: skip
def test_what_cannot_be_is_told_in_one_line(neocog, args, words):
    result = neocog(*args)
    result.complaint(*words)
    assert len(result.err.splitlines()) == 1 and result.out == ""


def test_the_installed_script_tells_too():
    result = real("show", "alexnett")
    result.complaint("did you mean alexnet")
    assert real("--version").check(0).out.startswith("neocog ")
    assert json.loads(real("list", "lenet5", "--json").check(0).out)[0]["name"] == "lenet5"
