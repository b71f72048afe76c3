"""Checkpoints to and fro: random official-shaped files as torch writes them, and whether what came back is the same to the last bit.

Run by test/integration/export.test.ts where a Python with torch is found:
    python test/parity/round_trip.py write FOLDER
    python test/parity/round_trip.py compare FIRST SECOND"""
import argparse
import sys
from collections import OrderedDict
from pathlib import Path

import torch

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "checkpoint"


def randomised(state):
    """Tensors of other numbers; what is tied stays tied."""
    made = {}
    out = OrderedDict()
    for name, tensor in state.items():
        key = (tensor.data_ptr(), tensor.shape)
        if key not in made:
            # Every bit pattern of a mantissa, signs, and numbers far from 1.
            noise = torch.randn(tensor.shape) * 10.0 ** torch.randint(-6, 7, tensor.shape) if tensor.is_floating_point() else None
            made[key] = tensor if noise is None else noise
        out[name] = made[key]
    return out


def write(folder):
    torch.manual_seed(0)
    folder.mkdir(exist_ok=True, parents=True)
    image = randomised(torch.load(FIXTURES / "biovil.pt", weights_only=True))
    text = randomised(torch.load(FIXTURES / "cxr-bert" / "pytorch_model.bin", weights_only=True))
    resnet = randomised(torch.load(FIXTURES / "resnet.pth", weights_only=True))
    torch.save(image, folder / "biovil.pt", _use_new_zipfile_serialization=False)
    (folder / "text").mkdir(exist_ok=True)
    torch.save(text, folder / "text" / "pytorch_model.bin")
    for name in ("config.json", "vocab.txt", "tokenizer_config.json"):
        (folder / "text" / name).write_bytes((FIXTURES / "cxr-bert" / name).read_bytes())
    wrapped = OrderedDict((f"module.{name}", tensor) for name, tensor in resnet.items())
    torch.save({"epoch": 7, "args": argparse.Namespace(lr=0.1), "state_dict": wrapped}, folder / "resnet.pth")
    torch.save(resnet, folder / "resnet-plain.pth")


def load(path):
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    return torch.load(path, weights_only=True)


def compare(first, second):
    a, b = load(first), load(second)
    constants = {"bert.embeddings.position_ids"}
    tied = {"cls.predictions.decoder.weight", "cls.predictions.decoder.bias"} if second.suffix == ".safetensors" else set()
    wanted, found = set(a) - constants - tied, set(b)
    if wanted != found:
        sys.exit(f"missing {sorted(wanted - found)[:5]}, left over {sorted(found - wanted)[:5]}")
    for name in sorted(found):
        x, y = a[name], b[name]
        if x.dtype != y.dtype or x.shape != y.shape:
            sys.exit(f"{name}: {x.dtype} {tuple(x.shape)} became {y.dtype} {tuple(y.shape)}")
        if not torch.equal(x.contiguous().reshape(-1).view(torch.uint8), y.contiguous().reshape(-1).view(torch.uint8)):
            sys.exit(f"{name} has other bits")
    if "cls.predictions.decoder.weight" in b:
        words = b["bert.embeddings.word_embeddings.weight"]
        if words.data_ptr() != b["cls.predictions.decoder.weight"].data_ptr():
            sys.exit("what was tied is stored twice")
    print(len(found))


if sys.argv[1] == "write":
    write(Path(sys.argv[2]))
else:
    compare(Path(sys.argv[2]), Path(sys.argv[3]))
