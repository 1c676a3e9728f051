"""What docs/text-form.md and docs/rewrites.md show is run."""

import re
from pathlib import Path

import pytest

from neocog.arch.textform import parse
from neocog.arch.textform.vocabulary import WORDS

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("name", ["text-form.md", "rewrites.md"])
def test_blocks_print_what_they_say(name: str, capsys: pytest.CaptureFixture[str]):
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / name).read_text("utf-8"), flags=re.S)
    exec(code, {})
    assert capsys.readouterr().out.strip() == code.strip().rpartition("# ")[2]


def test_lines_of_the_guide_can_be_read():
    text = (DOCS / "text-form.md").read_text("utf-8")
    lines = re.findall(r'"(INPUT .*?)"', text)
    assert len(lines) == 2
    for line in lines:
        assert parse(line).head is not None
    for word in ("CONV", "DWCONV", "POOL", "GAP", "FC", "BN", "LRN", "DROPOUT", "TANH"):
        assert f"`{word}" in text and word in WORDS
