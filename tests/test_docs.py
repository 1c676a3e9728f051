"""What the documents show is so: their commands are commands, most of their Python runs; README.md's figures."""

import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.command import Server, shared_server

ROOT = Path(__file__).resolve().parents[1]
PAGES = ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
MEANT = "…"  # stands in a document for what the reader is to put there


def blocks(name: str) -> list[str]:
    """The Python blocks of a document."""
    return re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), flags=re.S)


def test_the_notation_guide_runs(capsys: pytest.CaptureFixture[str]) -> None:
    import neocog.arch as arch

    names = {name: getattr(arch, name) for name in arch.__all__}
    first, basic, highway = blocks("docs/architectures.md")
    exec(first, scope := dict(names))  # our own document
    expected = re.search(r"# \((\d+), (\d+), \[(\d+), (\d+)\]\)", first)
    assert expected
    table = scope["table"]
    assert [table.total("params"), table.total("macs"), *table.receptive_field] == [int(v) for v in expected.groups()]
    assert capsys.readouterr().out.strip() == first.strip().rpartition("# ")[2]

    conv = lambda width, kernel, stride=1: arch.Conv2d(width, kernel, stride, kernel // 2, bias=False)  # noqa: E731
    exec(basic, scope := {**names, "conv": conv})
    net = arch.architecture("b", (64, 8, 8), arch.Sequential(layer2=arch.Sequential(scope["basic"](128, 2))))
    for path in re.findall(r"layer2\.0[\w.]+", basic):
        assert path in net.by_path

    exec(highway, scope := dict(names))
    net = arch.architecture("h", (50,), arch.Sequential(one=scope["highway"](50), two=scope["highway"](50)))
    assert arch.analyse(net).total("params") == 2 * 5100


def test_every_network_that_the_readme_names_exists() -> None:
    from neocog.nets import nets

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text[text.index("| family | names |") : text.index("Who else says so?")]
    named = set(re.findall(r"`([a-z][\w.]+)`", table))
    assert named and named <= set(nets())
    assert f"shows all {len(nets())}" in text
    assert not re.search(r"^(\| )?[A-Z]{4,}$", text, flags=re.M), "a placeholder was left"


def test_the_guide_to_adding_a_network_runs() -> None:
    from neocog.arch import analyse
    from neocog.nets import registry

    (code,) = blocks("docs/adding-a-network.md")
    code = re.sub(r"(?m)^   ", "", code)
    try:
        exec(code, {})
        assert analyse(registry._NETS["yournet"].build()).total("params") == 32 * 28 + 330
    finally:
        registry._NETS.pop("yournet", None)
        registry.nets.cache_clear()


def commands(page: str) -> Iterator[list[str]]:
    """The words of each `neocog …` line in a page's fenced or indented code, up to a remark: behind two spaces or a #."""
    text = (ROOT / page).read_text(encoding="utf-8").replace("\\\n", " ")
    for line in re.findall(r"(?ms)^```\w*$(.*?)^```$", text) + re.findall(r"(?m)^    +neocog .*$", text):
        for told in re.findall(r"(?m)^ *(?:\$ )?neocog +(.*)$", line):
            words: list[str] = []
            for gap, word in re.findall(r"""( *)((?:"[^"]*"|'[^']*'|[^\s"'])+)""", told):
                if word[0] in "#|>" or (words and len(gap) > 1 and word[0] not in "-\"'"):
                    break
                words += shlex.split(word)
            yield words


@pytest.mark.parametrize("page", [page for page in PAGES if any(commands(page))])
def test_every_command_in_the_documents_is_one(page: str) -> None:
    from neocog.cli import parse
    from neocog.cli.looking import WAYS

    for words in commands(page):
        if MEANT in words or words[0].startswith("-"):
            continue
        parsed = parse(words)
        method = getattr(parsed[1], "method", None) if parsed and words[0] == "explain" else None
        assert method is None or method in WAYS, f"{page}: {' '.join(words)}"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run, runs/mine, and class folders of pictures, photos/."""
    from PIL import Image

    root = tmp_path_factory.mktemp("study")
    neocog: Server = shared_server()
    neocog("train", "digits", "--net", "lenet5.modern", "--steps", 3, "--out", root / "runs" / "mine").check(0)
    for i, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (24, 32, 32, 3), np.uint8)):
        folder = root / "photos" / ("cats", "dogs")[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    (root / "photos" / "cats" / "cut-off.png").write_bytes((root / "photos" / "cats" / "0.png").read_bytes()[:500])
    return root


def _looking(study: Path) -> dict[str, Any]:
    """What the pages on looking inside take for granted."""
    import torch
    from PIL import Image

    from neocog import create_model, load
    from neocog.explain import Target

    return {"model": load(study / "runs" / "mine"), "picture": Image.fromarray(np.zeros((28, 28), np.uint8)),
            "module": create_model("resnet8.cifar").eval(), "x": torch.rand(2, 3, 32, 32),
            "channels": torch.tensor([1, 2]), "places": torch.tensor([[1, 1], [2, 0]]),
            "target": Target("relu5", torch.tensor([1, 2]), torch.tensor([[1, 1], [2, 0]]))}  # fmt: skip


RUN = ("anatomy", "augmentation", "classroom", "data", "deconvnet", "explaining", "leaderboard", "receptive-fields", "recipes",
       "rewrites", "text-form")  # fmt: skip


@pytest.mark.parametrize("page", RUN)
def test_the_python_of_the_documents_runs(page, study, tmp_path, monkeypatch, capsys) -> None:
    """With what it prints, where the page says that."""
    scope: dict[str, Any] = {}
    if page in ("deconvnet", "explaining"):
        scope = _looking(study)
    if page == "deconvnet":
        from neocog import create_model

        scope["model"] = create_model("INPUT 3x32x32 [CONV 8 RELU]*5 POOL 2 FC 10").eval()
    monkeypatch.chdir(study)
    if page == "classroom":
        pytest.importorskip("IPython", reason="the page shows a film in a notebook")
    for code in map(textwrap.dedent, blocks(f"docs/{page}.md")):
        exec(code, scope)  # our own document
        printed = capsys.readouterr().out.splitlines()
        for told in re.findall(r"(?m)^(?:print\(.*)?# (.*)$", code):
            assert told in printed
