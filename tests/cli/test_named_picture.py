"""A picture that a report or an evaluation names can be asked about by that name."""

import numpy as np
import pytest
from PIL import Image

from neocog.cli.looking.named_picture import named_picture
from neocog.errors import UserError


@pytest.fixture
def photos(tmp_path):
    """Two classes; the name 0.png is in both."""
    for k, kind in enumerate(("ant", "bee")):
        for i in range(6):
            (tmp_path / "photos" / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((8, 8, 3), 40 * k + i, np.uint8)).save(tmp_path / "photos" / kind / f"{i}.png")
    return tmp_path / "photos"


def test_by_file_by_name_and_by_the_end_of_a_name(photos, tmp_path):
    def shade(name: str) -> int:
        return int(np.asarray(named_picture(name, str(tmp_path / "no-run"), str(photos)))[0, 0, 0])

    assert shade(str(photos / "bee" / "3.png")) == 43
    assert shade("bee/3.png") == 43 and shade("ant/3.png") == 3
    with pytest.raises(UserError, match=r"3\.png is the name of 2 pictures of photos; write more of it, as (ant|bee)/3\.png"):
        shade("3.png")
    with pytest.raises(UserError, match=r"wasp/3\.png: neither a file nor the name .* like (ant|bee)/"):
        shade("wasp/3.png")


def test_without_data_only_files_can_be_meant(tmp_path):
    with pytest.raises(UserError, match=r"no such file, and .* knows of no data"):
        named_picture("3.png", str(tmp_path))
