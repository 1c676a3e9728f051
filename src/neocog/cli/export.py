"""Weights out: one file that carries its network, preprocessing and classes, in our keys or in another toolkit's.

examples:
  neocog export runs/flowers --to safetensors --out flowers.safetensors
  neocog export runs/flowers --to safetensors --as torchvision --out flowers-tv.safetensors
  neocog export runs/flowers --to hub --out me/flowers
"""

import argparse
import json
from pathlib import Path

from neocog.cli import DONE
from neocog.errors import UserError

FORMATS = ("safetensors", "hub")
TOOLKITS = ("neocog", "torchvision", "timm")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("run", metavar="RUN|NET", help="a run folder, a weight file of one, or a network's name (its start)")
    parser.add_argument("--to", choices=FORMATS, default="safetensors", help="the format (default: safetensors)")
    parser.add_argument("--as", dest="toolkit", choices=TOOLKITS, default="neocog", help="whose keys and layouts")
    parser.add_argument("--out", required=True, metavar="FILE|OWNER/NAME", help="the file to write, or the hub's repository")
    parser.add_argument("--seed", type=int, default=0, help="of a network's start, where no run is given (default: 0)")
    parser.add_argument("--json", action="store_true", help="one object: file, net, tensors, keys")


def run(args: argparse.Namespace) -> int:
    """Write the file."""
    from neocog.weights.exporting import exported

    predictor = source(args.run, args.seed)
    made = exported(predictor.model, predictor.preprocessing, predictor.classes, predictor.net, args.toolkit)
    if args.to == "hub":
        from neocog.weights.hub import push_to_hub

        where = push_to_hub(made, args.out)
    else:
        where = write(args.out, made)
    told = {"file": where, "net": predictor.net, "tensors": len(made.values), "keys": args.toolkit}
    print(json.dumps(told) if args.json else f"{predictor.net}: {len(made.values)} tensors, {args.toolkit}'s keys → {where}")
    return DONE


def source(run: str, seed: int):  # -> Predictor
    """The classifier of a run; of a network's name, as it starts."""
    from neocog.runs import Predictor, load_predictor

    if Path(run).exists() or run.startswith("hf:"):
        return load_predictor(run)
    import torch

    from neocog.nets import resolve
    from neocog.nn import create_model
    from neocog.weights.classes import names_for

    net = resolve(run)
    model = create_model(net.name, generator=torch.Generator().manual_seed(seed)).eval()
    return Predictor(model, net.card.preprocessing, names_for(model.arch, model.num_classes)[0], net.name)


def write(out: str, made) -> str:
    """The file, whole or not at all."""
    from neocog.weights import write_safetensors

    path = Path(out)
    if path.is_dir() or path.suffix != ".safetensors":
        raise UserError(f"{out}: --out names the file to write and ends in .safetensors")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_safetensors(path, made.values, made.metadata)
    return str(path)
