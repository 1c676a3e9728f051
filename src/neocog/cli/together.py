"""What verbs do differently as one of several processes; nothing of it is loaded, and nothing costs, where there is one."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neocog.runs import Config, RunFolder
    from neocog.train.world import World

FOLDER = "run"  # in the folder of `neocog launch`: where the run lies that it began


def several() -> bool:
    """Whether this process was started as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def world_of(device: str = "auto", shard: bool = False) -> "World":
    """The world of this process."""
    if several():
        from neocog.train.distributed import join

        return join(device, shard)
    from neocog.train.world import ALONE

    return ALONE


def score_by(world: "World") -> Callable[..., Any]:
    """How `evaluate` gets its scores."""
    from neocog.runs import Predictor

    if world.size == 1:
        return Predictor.score_all
    from neocog.train.distributed import score_together

    return score_together(world)


def restarted(world: "World") -> int:
    """How often the processes were started anew because one was lost."""
    count = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
    return max(world.collect([count])) if world.size > 1 else count


def remember(folder: "RunFolder") -> None:
    """Leave word where the run lies, for the processes that may be started after these."""
    if told := os.environ.get("NEOCOG_LAUNCH"):
        (Path(told) / FOLDER).write_text(str(folder.path))


def begun() -> str | None:
    """Where the run lies that earlier processes of this launch began."""
    file = Path(os.environ.get("NEOCOG_LAUNCH", "")) / FOLDER
    return file.read_text() if "NEOCOG_LAUNCH" in os.environ and file.exists() else None


def told_config(world: "World", config: "Config | None") -> "Config":
    """The main process's configuration, in all of them."""
    if world.size == 1:
        assert config is not None
        return config
    from neocog.runs import Config

    return Config.from_json(world.say(config.to_json() if config else None))
