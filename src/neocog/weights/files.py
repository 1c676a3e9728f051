"""Weight files: safetensors, and .pth/.th through torch's weights-only reader. Nothing here unpickles code."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from neocog.arch import Architecture
from neocog.arch.rewrite import carry_over, tensors, with_channels, with_classes, without_taps
from neocog.arch.window import times
from neocog.errors import UserError
from neocog.files import write_bytes
from neocog.weights.plan import apply_plan

Metadata = dict[str, Any]
META = "neocog"  # the key in a file's header that holds our metadata
WRAPPERS = ("module.", "_orig_mod.", "model.")  # DataParallel, torch.compile and Lightning put them before every key


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a weight file by key. "module." and the like in front of every key, and a dict around them, are taken off.

    Raises UserError for a file that is missing, damaged or holds something else.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path} is a folder; name the weight file in it")
    if not path.is_file():
        raise UserError(f"{path}: there is no such weight file")
    if path.suffix == ".safetensors":
        return read_safetensors(path)[0]
    if not _is_torchs(path):
        raise UserError(
            f"{path}: not a weight file; neocog reads .pth, .pt, .th, .bin, .safetensors, .h5 and .caffemodel files"
        )
    _check_unpacked(path)
    try:
        obj = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch's reader lets almost anything through from a damaged file
        if "weights_only" in str(error) and "Unsupported" in str(error):
            raise UserError(f"{path}: holds Python objects, not only tensors; neocog runs no code from weight files") from None
        raise UserError(f"{path}: not a weight file that torch can read, or a damaged one ({type(error).__name__})") from None
    for key in ("state_dict", "model", "model_state_dict"):
        if isinstance(obj, Mapping) and isinstance(obj.get(key), Mapping):
            obj = obj[key]
    found = {str(k): v for k, v in obj.items() if isinstance(v, Tensor)} if isinstance(obj, Mapping) else {}
    if not found:
        raise UserError(f"{path}: holds no tensors by name")
    for key, value in found.items():
        _check_plain(f"{path}: {key}", value)
    for prefix in WRAPPERS:
        if all(key.startswith(prefix) for key in found):
            found = {key.removeprefix(prefix): value for key, value in found.items()}
    return found


def _is_torchs(path: Path) -> bool:
    """Whether the file begins as torch's do: a zip, an old file's pickle (protocol 2 up), or a tar."""
    with path.open("rb") as file:
        start = file.read(263)
    return (
        start[:4] == b"PK\x03\x04" or (start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05") or start[257:262] == b"ustar"
    )


def _check_unpacked(path: Path) -> None:
    """torch's zip files are not compressed; of one that is, a few kilobytes can become any number of gigabytes."""
    try:
        with zipfile.ZipFile(path) as archive:
            held = sum(info.file_size for info in archive.infolist())
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return  # torch says what is wrong with it
    if held > path.stat().st_size:
        raise UserError(
            f"{path}: claims to hold {held:,} bytes, more than it has: compressed or damaged; torch compresses none"
        )


def _check_plain(what: str, value: Tensor) -> None:
    """Raises UserError unless the numbers are there one by one: a view may claim any size of a single number."""
    if value.layout != torch.strided or value.is_quantized or value.is_complex():
        kind = "sparse" if value.layout != torch.strided else "quantised" if value.is_quantized else "complex"
        raise UserError(f"{what} is {kind}; neocog reads plain numbers")
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        raise UserError(f"{what} claims {value.numel():,} numbers, more than the file holds for it")


def finite(values: Mapping[str, Tensor], what: str) -> dict[str, Tensor]:
    """The tensors, weights in float32. Raises UserError for numbers with which no network can work."""
    made = {}
    for key, value in values.items():
        if not value.is_floating_point():
            if not key.endswith("num_batches_tracked"):
                raise UserError(f"{what}: {key} holds whole numbers ({str(value.dtype).removeprefix('torch.')}), no weights")
            made[key] = value
            continue
        if not bool(torch.isfinite(value).all()):
            bad = int((~torch.isfinite(value)).sum())
            raise UserError(f"{what}: {key} holds NaN or infinity in {bad:,} of {value.numel():,} places: the file is damaged")
        if key.endswith("running_var") and bool((value < 0).any()):
            raise UserError(f"{what}: {key} holds a variance below 0: the file is damaged")
        made[key] = value.float()
    return made


def read_safetensors(path: str | Path) -> tuple[dict[str, Tensor], Metadata]:
    """(tensors, metadata) of a safetensors file. Raises UserError if it is damaged."""
    try:
        with safe_open(str(path), "pt") as file:
            meta = _metadata(file.metadata())
            return {key: file.get_tensor(key) for key in file.keys()}, meta  # noqa: SIM118  # not a dict
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a whole safetensors file ({error})") from None


def read_metadata(path: str | Path) -> Metadata:
    """What the header of a safetensors file says, {} if nothing; no tensor is read. Raises UserError if it is damaged."""
    try:
        with safe_open(str(path), "pt") as file:
            return _metadata(file.metadata())
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a whole safetensors file ({error})") from None


def _metadata(found: Mapping[str, str] | None) -> Metadata:
    try:
        meta = json.loads((found or {}).get(META, "{}"))
    except ValueError:
        return {}
    return meta if isinstance(meta, dict) else {}


def write_safetensors(path: str | Path, values: Mapping[str, Tensor], metadata: Mapping[str, Any] | None = None) -> None:
    """Write tensors (and JSON metadata) to a temporary name, then rename: the file is whole or was never there."""
    meta = {META: json.dumps(metadata)} if metadata else None  # one key: safetensors writes several in random order
    plain = {key: value.detach().cpu().contiguous() for key, value in values.items()}
    write_bytes(path, save(plain, meta))


def load_weights(model: nn.Module, source_file: str | Path, source: Architecture | None = None) -> set[str]:
    """Load a weight file into `model`; the keys that started afresh (another number of classes or channels).

    The file may be torchvision's, timm's or Keras's of the same network. source: the architecture it is of, if not the
    model's. Where the weights' maker wants pictures of the model's size in a way of his own, `model.preprocessing` says so
    afterwards. Raises UserError when the file is another network's.
    """
    from neocog.weights.foreign import check_named, read_for

    arch: Architecture = model.arch  # type: ignore[assignment]
    found, wants = read_for(source or arch, source_file)
    found, origin = _source(found, source or arch)
    expected = tensors(origin)
    check_keys(found, expected, f"{source_file}: not the weights of {origin.name}")
    check_named(source_file, origin.name)
    found = finite(found, str(source_file))
    wanted = tensors(arch)
    plan = carry_over(origin, arch)
    if arch.input[0] != origin.input[0]:
        widened, spread = with_channels(origin, arch.input[0])
        plan = spread.then(carry_over(widened, arch))
    heads = (
        {m.path for m in arch.marked("head")} if origin.head and arch.head and origin.head.record != arch.head.record else set()
    )
    made = {k: v for k, v in apply_plan(plan, found, wanted).items() if k.rpartition(".")[0] not in heads}
    fresh = set(wanted) - set(made)
    lost = sorted(key for key in fresh if (path := key.rpartition(".")[0]) not in heads and path in arch.main)
    if lost:
        raise UserError(
            f"{source_file}: made for pictures of {times(origin.input)}; {lost[0]} has another shape for {times(arch.input)}"
            + (f", and so have {len(lost) - 1} more" if len(lost) > 1 else "")
        )
    model.load_state_dict(made, strict=False)
    if wants is not None and (wants.channels, wants.height, wants.width) == arch.input:
        model.preprocessing = wants  # type: ignore[assignment]
    return fresh


def _source(found: dict[str, Tensor], origin: Architecture) -> tuple[dict[str, Tensor], Architecture]:
    """The file's own number of classes, read off its head's weight; running counters that old files lack are zero."""
    if origin.head is not None:
        weight = found.get(f"{origin.head.path}.weight")
        if weight is not None and weight.dim() >= 2 and weight.shape[0] >= 2:
            origin, _ = with_classes(origin, weight.shape[0])
    for key, param in tensors(origin).items():
        if key not in found and key.endswith("num_batches_tracked"):
            found[key] = torch.zeros(param.shape, dtype=torch.long)
    aux = {key for key in tensors(origin) if key.rpartition(".")[0] not in origin.main}
    return found, origin if aux <= set(found) else without_taps(origin)[0]


def check_keys(found: Mapping[str, Tensor], expected: Mapping[str, Any], what: str) -> None:
    """Raises UserError, with the first differences, unless keys and shapes are those expected."""
    missing, extra = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    wrong = [
        f"{key} is {times(tuple(found[key].shape))}, not {times(tuple(expected[key].shape))}"
        for key in expected
        if key in found and tuple(found[key].shape) != tuple(expected[key].shape)
    ]
    parts = []
    for label, keys in (("missing ", missing), ("unknown ", extra), ("", wrong)):
        if keys:
            parts.append(label + ", ".join(keys[:3]) + (f" and {len(keys) - 3} more" if len(keys) > 3 else ""))
    if parts:
        raise UserError(f"{what}: " + "; ".join(parts))
