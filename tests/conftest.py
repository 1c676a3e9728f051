"""What every test shares: one thread, steady examples, real data beside the repository, and the contract of any network."""

import atexit
import importlib
import importlib.metadata
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from hypothesis import HealthCheck, settings
from torch import Tensor, nn

from neocog.arch import Architecture, analyse
from neocog.arch.rewrite import tensors
from neocog.nn import Model

torch.set_num_threads(1)  # the tests share two cores with others
os.environ["NEOCOG_CACHE"] = tempfile.mkdtemp(prefix="neocog-tests-")  # what a test caches is nobody else's
atexit.register(shutil.rmtree, os.environ["NEOCOG_CACHE"], ignore_errors=True)
os.environ["NEOCOG_WEIGHTS"] = "none"  # no test fetches weights because it names no network
# Examples that differ from run to run would make `make test` fail on other people's changes.
settings.register_profile(
    "steady", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")

Agree = Callable[..., None]
PROOF = pytest.StashKey[list[dict]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--proof", metavar="FILE", help="bring up to date which independent parties agree with which network")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[PROOF] = []


@pytest.fixture
def agree(request: pytest.FixtureRequest) -> Agree:
    """Called at the end of a test: `party` agrees with the network `net` on `what`, to within `error` (0: exactly).

    What is called so is what `neocog show NET --proof` prints; `make proof` collects it.
    """

    def say(net: str, party: str, what: str, error: float = 0.0) -> None:
        node = request.node.nodeid
        request.config.stash[PROOF].append({"net": net, "party": party, "what": what, "error": error, "test": node})

    return say


def pytest_sessionfinish(session: pytest.Session) -> None:
    file = session.config.getoption("--proof")
    if not file:
        return
    path, said = Path(file), session.config.stash[PROOF]
    again = {entry["test"] for entry in said}
    by_net: dict[str, list[dict]] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    for net, entries in by_net.items():
        by_net[net] = [entry for entry in entries if entry["test"] not in again]
    for entry in said:
        by_net.setdefault(entry.pop("net"), []).append({**entry, "error": float(f"{entry['error']:.1e}")})
    rows = {net: sorted(by_net[net], key=lambda e: (e["party"], e["what"], e["test"])) for net in sorted(by_net) if by_net[net]}
    lines = ",\n".join(f"{json.dumps(net)}: {json.dumps(entries, ensure_ascii=False)}" for net, entries in rows.items())
    path.write_text("{\n" + lines + "\n}\n", "utf-8")


def version(package: str) -> str:
    """`torchvision 0.28.0`: a party and which of it."""
    return f"{package} {importlib.metadata.version(package)}"


SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real data and published weights; they belong to nobody's checkout, so tests that need them may skip."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not here")
    return SHARED


@pytest.fixture(scope="session")
def torchvision() -> ModuleType:
    """The peer, which the product never imports. There is no CPU build of it here, so the operators that its import looks for
    are defined first, and given back after it: other tests define them for themselves."""
    try:
        lib = torch.library.Library("torchvision", "FRAGMENT")
        if "torchvision" not in sys.modules:
            lib.define("nms(Tensor d, Tensor s, float t) -> Tensor")
            lib.define("qnms(Tensor d, Tensor s, float t) -> Tensor")
        return importlib.import_module("torchvision.models") and sys.modules["torchvision"]
    except (ImportError, RuntimeError, OSError) as error:
        pytest.skip(f"torchvision cannot be loaded: {error}")


@pytest.fixture(scope="session")
def timm(torchvision: ModuleType) -> ModuleType:
    """The peer, which imports torchvision."""
    return pytest.importorskip("timm")


DEEP = {"resnet1202.cifar", "preact_resnet1001.cifar", "preact_resnet152", "preact_resnet200", "se_resnet101", "se_resnet152",
        "efficientnet_b5", "efficientnet_b6", "efficientnet_b7"}  # fmt: skip


def deep_is_slow(names: Iterable[str]) -> list:
    """The same parameters, the nets of hundreds of layers in the slow tier: they take as long as all others together."""
    return [pytest.param(n, marks=pytest.mark.slow) if n in DEEP else n for n in names]


def rng(seed: int = 0) -> torch.Generator:
    """A generator of its own, so that no test depends on another's draws."""
    return torch.Generator().manual_seed(seed)


def picture(arch: Architecture, n: int = 2, seed: int = 0) -> Tensor:
    """n random pictures of the size that `arch` reads."""
    return torch.randn(n, *arch.input, generator=rng(seed))


def randomise(module: nn.Module, seed: int = 0) -> None:
    """Weights as they are, biases and normalisations random: zeros and ones would hide a swapped or a forgotten tensor."""
    draws = rng(seed)
    with torch.no_grad():
        for key, value in module.state_dict().items():
            if key.endswith(("running_mean", "bias")):
                value.normal_(0, 0.1, generator=draws)
            elif key.endswith(("running_var", "layer_scale")) or (key.endswith("weight") and value.dim() == 1):
                value.uniform_(0.5, 1.5, generator=draws)


def error(got: Tensor, want: Tensor) -> float:
    """The largest difference, relative to the largest wanted number."""
    assert got.shape == want.shape
    assert torch.isfinite(want).all() and want.abs().max() > 0, "a comparison with nothing shows nothing"
    return ((got - want).abs().max() / want.abs().max()).item()


def in_order(ours: nn.Module, theirs: nn.Module) -> None:
    """Their weights into our module, tensor by tensor in state_dict order; shapes may differ by axes of length 1."""
    values = [v for k, v in theirs.state_dict().items() if not k.endswith("num_batches_tracked")]
    state = ours.state_dict()
    keys = [k for k in state if not k.endswith("num_batches_tracked")]
    assert len(keys) == len(values), f"{len(keys)} tensors here, {len(values)} there"
    for key, value in zip(keys, values, strict=True):
        assert state[key].numel() == value.numel(), f"{key}: {tuple(state[key].shape)} and {tuple(value.shape)}"
        state[key] = value.reshape(state[key].shape)
    ours.load_state_dict(state)


def check_declared(model: Model) -> None:
    """The state_dict has exactly the keys and shapes that the records declare; so do the counts."""
    declared = {key: param.shape for key, param in tensors(model.arch).items()}
    assert {key: tuple(v.shape) for key, v in model.state_dict().items()} == declared
    table = analyse(model.arch)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert trained == sum(row.trainable for row in table.rows)
    assert sum(p.numel() for p in model.parameters()) == table.total("params") + table.params_aux


def check_shapes(model: Model, x: Tensor) -> None:
    """Every node of the running Module gives the shape that the arithmetic foretold, and every one can be hooked."""
    table = analyse(model.arch)
    seen: dict[str, tuple[int, ...]] = {}
    hooks = [
        model.get_submodule(row.path).register_forward_hook(
            lambda module, args, out, path=row.path: seen.__setitem__(path, tuple(out.shape[1:]))
        )
        for row in table.rows
    ]
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    assert seen == {row.path: row.output for row in table.rows if not row.aux or model.training}
