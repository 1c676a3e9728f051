"""What verbs do differently as one of several processes; nothing of it is loaded, and nothing costs, where there is one."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from neocog.errors import UserError

if TYPE_CHECKING:
    from neocog.pictures.store import Store
    from neocog.runs import Config, Predictor, RunFolder
    from neocog.train.together.world import World

AGAIN = "NEOCOG_AGAIN"  # how often `neocog launch` had to look for machine 0 anew
FOLDER = "run"  # in the folder of `neocog launch`: where the run lies that it began


def several() -> bool:
    """Whether this process was started as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def world_of(device: str = "auto", shard: bool = False) -> "World":
    """The world of this process."""
    if several():
        from neocog.train.together.distributed import join

        return join(device, shard)
    if shard:
        raise UserError("--shard divides the weights among the processes of `neocog launch -n K`; this is one process")
    from neocog.train.together.world import ALONE

    return ALONE


def restarted(world: "World") -> int:
    """How often the processes were started anew because one was lost."""
    count = sum(int(os.environ.get(name, "0")) for name in ("TORCHELASTIC_RESTART_COUNT", AGAIN))
    return max(world.collect([count])) if world.size > 1 else count


def started_as() -> str:
    """What stands before the verb in the line to go on with."""
    if "NEOCOG_LAUNCH" not in os.environ:
        return ""
    elsewhere = " --nnodes … --master …" if os.environ.get("GROUP_WORLD_SIZE", "1") != "1" else ""
    return f"launch -n {os.environ['LOCAL_WORLD_SIZE']}{elsewhere} "


def remember(folder: "RunFolder") -> None:
    """Leave word where the run lies, for the processes that may be started after these."""
    if told := os.environ.get("NEOCOG_LAUNCH"):
        (Path(told) / FOLDER).write_text(str(folder.path))


def begun() -> str | None:
    """Where the run lies that earlier processes of this launch began."""
    file = Path(os.environ.get("NEOCOG_LAUNCH", "")) / FOLDER
    return file.read_text() if "NEOCOG_LAUNCH" in os.environ and file.exists() else None


def take_up(world: "World", out: str | None, resume: bool, say: Callable[[str], None]) -> tuple[str | None, bool]:
    """(--out, --resume) as they hold now: processes that are started anew go on with the run that was begun."""
    if world.size == 1 and "NEOCOG_LAUNCH" not in os.environ:
        return out, resume
    from neocog.runs import RunFolder

    times = restarted(world)
    if world.main and times:
        out = out or begun()
        resume = resume or (out is not None and RunFolder(out).exists)
        say(
            f"a process was lost: going on from the last checkpoint (restart {times})"
            if resume
            else "a process was lost: beginning again"
        )
    now = world.say([out, resume])
    return now[0], now[1]


def same_pictures(world: "World", stores: "Mapping[str, Store]") -> None:
    """Raises UserError where a process can read other pictures than the main one."""
    if world.size > 1:
        for name, store in stores.items():
            world.same(f"which {name} pictures can be read", f"{len(store.good)} {store.good.sum()}")


def told_predictor(world: "World", predictor: "Predictor | None") -> "Predictor":
    """The main process's classifier, in all of them."""
    if world.size == 1:
        assert predictor is not None
        return predictor
    from neocog.arch import Architecture
    from neocog.nn import Model
    from neocog.pictures.preprocessing import Preprocessing
    from neocog.runs import Predictor

    p = predictor
    told = world.say([p.model.arch.to_json(), p.preprocessing.to_json(), list(p.classes), p.net, p.flip] if p else None)
    values = world.spread(p.model.state_dict() if p else None)
    if p is None:
        model = Model(Architecture.from_json(told[0]))
        model.load_state_dict(dict(values))
        p = Predictor(model.eval(), Preprocessing.from_json(told[1]), tuple(told[2]), told[3], told[4])
    return p


def told_config(world: "World", config: "Config | None" = None) -> "Config":
    """The main process's configuration, in all of them."""
    if world.size == 1:
        assert config is not None
        return config
    from neocog.runs import Config

    return Config.from_json(world.say(config.to_json() if config else None))
