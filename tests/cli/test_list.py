"""`neocog list`: a line of time, filters, and what is no filter."""

import json

import pytest


def names(neocog, *args: str) -> list[str]:
    return [row["name"] for row in json.loads(neocog("list", *args, "--json").check(0).out)]


def test_filters_are_bounds_on_what_the_rows_say(neocog):
    everything = json.loads(neocog("list", "--json").check(0).out)
    for key, low, high in (("year", 2012, 2014), ("params", 10**6, 2 * 10**7), ("macs", 0, 10**9), ("depth", 50, 60)):
        found = names(neocog, f"--{key}", f"{low}..{high}")
        assert found == [row["name"] for row in everything if low <= row[key] <= high]
        assert 0 < len(found) < len(everything)
    assert names(neocog, "--params", "60965224") == ["alexnet", "caffenet"] or "alexnet" in names(
        neocog, "--params", "60965224"
    )
    assert names(neocog, "--input", "28") == [r["name"] for r in everything if r["input"][-2:] == [28, 28]]
    assert names(neocog, "--params", "..5M", "--year", "2015..") == [
        r["name"] for r in everything if r["params"] <= 5e6 and r["year"] >= 2015
    ]


def test_sorted_and_in_order_of_time(neocog):
    rows = json.loads(neocog("list", "--json").check(0).out)
    assert [r["year"] for r in rows] == sorted(r["year"] for r in rows)
    rows = json.loads(neocog("list", "--sort", "params", "--json").check(0).out)
    assert [r["params"] for r in rows] == sorted(r["params"] for r in rows)
    lines = neocog("list", "vgg").check(0).out.splitlines()
    assert [line[:6] for line in lines[1:4]] == ["2014 ┬", "     │", "     │"], "each year once"


@pytest.mark.parametrize("words", ["x", "..", "5T", "1M...2M", "-3", ""])
def test_what_is_no_range(neocog, words):
    said = neocog("list", f"--params={words}").check(2).err
    assert "--params is a number or a range" in said and len(said.splitlines()) == 1


def test_nothing_within_the_bounds(neocog):
    assert "no network is within" in neocog("list", "--year", "1900").check(2).err
