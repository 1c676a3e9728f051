"""`neocog history`, as text, as an object and as a picture."""

import json


def test_text_and_object_say_the_same(neocog):
    text = neocog("history").check(0).out
    found = json.loads(neocog("history", "--json").check(0).out)
    for row in found["challenge"]:
        assert any(str(row["year"]) in line and f"{row['top5']:.2f}" in line for line in text.splitlines())
    assert "Errors compare within a column only" in text


def test_the_picture_is_whole_or_not_there(neocog, tmp_path):
    out = tmp_path / "h.svg"
    assert "published errors" in neocog("history", "--out", str(out)).check(0).out
    assert out.read_text().endswith("</svg>\n") and [p.name for p in tmp_path.iterdir()] == ["h.svg"]
    assert "no such file" in neocog("history", "--out", str(tmp_path / "no" / "h.svg")).check(2).err
