"""The Hugging Face hub: push a classifier to a repository, load one from it. Needs neocog[hub]."""

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from neocog.errors import UserError
from neocog.pictures.preprocessing import Preprocessing
from neocog.weights.exporting import Exported
from neocog.weights.files import write_safetensors

SCHEME = "hf:"
WEIGHTS, CONFIG, README = "model.safetensors", "config.json", "README.md"
NAME = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+?)(@(?P<revision>[\w./-]+))?")


def is_hub(words: object) -> bool:
    """Whether `words` name a repository of the hub: hf:owner/name, hf:owner/name@revision."""
    return isinstance(words, str) and words.startswith(SCHEME)


def fetch(words: str, file: str = WEIGHTS) -> Path:
    """A file of a repository, from huggingface_hub's own cache if it is there. Raises UserError, one line."""
    hub = _hub()
    repo, revision = _parsed(words)
    try:
        return Path(hub.hf_hub_download(repo, file, revision=revision))
    except Exception as error:
        raise _refused(hub, error, f"{words}: {file}") from None


def fetch_with_config(words: str) -> tuple[Path, dict[str, Any]]:
    """(the weight file of a repository, its config.json or an empty one)."""
    path = fetch(words)
    try:
        config = json.loads(fetch(words, CONFIG).read_text(encoding="utf-8"))
    except (UserError, ValueError):
        return path, {}
    return path, config if isinstance(config, dict) else {}


def timm_preprocessing(config: dict[str, Any]) -> Preprocessing | None:
    """What timm's config.json says of pictures; None for anybody else's."""
    record = config.get("pretrained_cfg")
    if not isinstance(record, dict) or "input_size" not in record:
        return None
    try:
        _, height, width = record["input_size"]
        resize = int(min(height, width) / record.get("crop_pct", 0.875))  # timm rounds down
        return Preprocessing(
            height, width, resize_to=resize, interpolation=record.get("interpolation", "bicubic"),
            mean=tuple(record["mean"]), std=tuple(record["std"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


def push_to_hub(made: Exported, repo: str, private: bool = False, token: str | None = None) -> str:
    """Put weights, configuration and a short card into a repository, made if need be; its address.

    token: the hub's, else the one that `hf auth login` stored. Raises UserError, one line.
    """
    hub = _hub()
    repo, revision = _parsed(repo)
    api = hub.HfApi(token=token)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_safetensors(folder / WEIGHTS, made.values, made.metadata)
        (folder / CONFIG).write_text(json.dumps({"library_name": "neocog", **made.metadata}, indent=1) + "\n", "utf-8")
        (folder / README).write_text(_card(made, repo), "utf-8")
        try:
            where = api.create_repo(repo, private=private, exist_ok=True)
            api.upload_folder(
                repo_id=repo, folder_path=folder, revision=revision, commit_message=f"{made.metadata['net']} by neocog"
            )
        except Exception as error:
            raise _refused(hub, error, f"{SCHEME}{repo}") from None
    return str(where)


def _card(made: Exported, repo: str) -> str:
    net, classes = made.metadata["net"], made.metadata["classes"]
    return "\n".join((
        "---", "library_name: neocog", "tags: [image-classification]", "pipeline_tag: image-classification", "---", "",
        f"# {repo}", "", f"{net}, {len(classes):,} classes. The weights carry their network, preprocessing and classes:", "",
        "```python", "import neocog", f'model = neocog.load("{SCHEME}{repo}")', "```", "",
    ))  # fmt: skip


def _parsed(words: str) -> tuple[str, str | None]:
    found = NAME.fullmatch(words.removeprefix(SCHEME))
    if found is None:
        raise UserError(f"a repository of the hub is OWNER/NAME, perhaps with @REVISION, not '{words}'")
    return found["repo"], found["revision"]


def _hub() -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.constants
        import huggingface_hub.errors
    except ImportError:
        raise UserError("the hub needs huggingface_hub: pip install 'neocog[hub]'") from None
    return huggingface_hub


def _refused(hub: Any, error: Exception, what: str) -> Exception:
    """One line for what the hub's library raises; what is nobody's fault but ours stays as it is."""
    if isinstance(error, hub.errors.RepositoryNotFoundError):
        return UserError(f"{what}: there is no such repository on the hub, or it is private (`hf auth login`)")
    if isinstance(error, hub.errors.RevisionNotFoundError):
        return UserError(f"{what}: the repository has no such revision")
    if isinstance(error, hub.errors.LocalEntryNotFoundError):
        return UserError(f"{what}: not in the hub's cache, and {hub.constants.ENDPOINT} cannot be reached")
    if isinstance(error, hub.errors.EntryNotFoundError):
        return UserError(f"{what}: there is no such file in the repository")
    words = " ".join(str(error).split())
    return UserError(f"{what}: {words[:300] or type(error).__name__} ({hub.constants.ENDPOINT})")
