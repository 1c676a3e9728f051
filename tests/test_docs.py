"""What the documents show is run: every Python block of docs/architectures.md and README.md's figures that need no training."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


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
