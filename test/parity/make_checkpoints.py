"""Small files of torch.save and what is in them, for the reader of foreign checkpoints.

Run: python test/parity/make_checkpoints.py (torch, torchvision, transformers, numpy; nothing is downloaded)."""
import argparse
import json
from collections import OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import torch
import torchvision
import transformers
from torchvision.models.resnet import BasicBlock, ResNet

from oracle import fill, signed

OUT = Path(__file__).resolve().parents[1] / "fixtures" / "checkpoint"
OUT.mkdir(exist_ok=True)


def both(value, name):
    """In the zip format and in the one before torch 1.6."""
    torch.save(value, OUT / f"{name}.pt")
    torch.save(value, OUT / f"{name}-legacy.pt", _use_new_zipfile_serialization=False)


# ---- every odd case that checkpoints hold
base = torch.arange(24, dtype=torch.float32)
odd = OrderedDict(
    plain=signed("plain", (2, 3)),
    parameter=torch.nn.Parameter(signed("parameter", (4,))),
    double=signed("double", (3,)).double() / 3,
    half=signed("half", (3,)).half(),
    bfloat=signed("bfloat", (3,)).bfloat16(),
    long=torch.tensor([-(2**40), 5]),
    int=torch.tensor([-7, 2**30], dtype=torch.int32),
    short=torch.tensor([-300, 300], dtype=torch.int16),
    char=torch.tensor([-5, 5], dtype=torch.int8),
    byte=torch.tensor([0, 255], dtype=torch.uint8),
    bool=torch.tensor([True, False, True]),
    scalar=torch.tensor(7),
    empty=torch.zeros(0, 3),
    transposed=base.view(4, 6).t(),
    every_other=base[1::2],
    slice=base.view(2, 3, 4)[1, 1:, ::3],
    same_storage=base[20:],
    expanded=torch.tensor([[1.0], [2.0]]).expand(2, 3),
)
both(
    {
        "epoch": 3,
        "best": np.float64(0.5),
        "seen": np.int64(12),
        "large": 2**70,
        "name": "café",
        "args": argparse.Namespace(lr=0.1, nested=[1, (2, None)]),
        "size": torch.Size([2, 3]),
        "dtype": torch.float32,
        "device": torch.device("cpu"),
        "array": np.arange(3),
        "kinds": {"a", "b"},
        "by_default": defaultdict(list, x=[1]),
        "state_dict": odd,
    },
    "odd",
)
expected = {
    name: {"shape": list(t.shape), "values": t.detach().double().reshape(-1).tolist() if t.dtype != torch.int64 else t.reshape(-1).tolist()}
    for name, t in odd.items()
}

# ---- a residual network of torchvision's blocks, and what it gives


class Small(ResNet):
    def __init__(self):
        torch.nn.Module.__init__(self)
        self._norm_layer, self.groups, self.base_width, self.dilation, self.inplanes = torch.nn.BatchNorm2d, 1, 64, 1, 4
        self.conv1 = torch.nn.Conv2d(3, 4, 7, 2, 3, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(4)
        self.relu = torch.nn.ReLU()
        self.maxpool = torch.nn.MaxPool2d(3, 2, 1)
        for i in range(4):
            setattr(self, f"layer{i + 1}", self._make_layer(BasicBlock, 4 << i, 2, stride=1 if i == 0 else 2))
        self.avgpool = torch.nn.AdaptiveAvgPool2d(1)
        self.fc = torch.nn.Linear(32, 5)


resnet = fill(Small()).float().eval()
torch.save(resnet.state_dict(), OUT / "resnet.pth")
row, column = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
pictures = torch.stack([(column * 7 + row * 13 + k * 29) & 255 for k in range(3)])  # as the test draws them
pixels = ((pictures / 255 - 0.5) / 0.5)[:, None].expand(-1, 3, -1, -1)
resnet.fc = torch.nn.Identity()
with torch.no_grad():
    image_features = resnet(pixels)

# ---- BERT as old files hold it: before torch 1.6, a prefix, heads, a constant, names of norms from TensorFlow
words = "[PAD] [UNK] [CLS] [SEP] [MASK] the lungs are clear heart is large no effusion .".split()
texts = ["The lungs are clear.", "The heart is large. No effusion.", "No heart"]
config = transformers.BertConfig(
    vocab_size=len(words), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, max_position_embeddings=24
)
bert = fill(transformers.BertForPreTraining(config)).float().eval()
folder = OUT / "bert"
folder.mkdir(exist_ok=True)
(folder / "vocab.txt").write_text("\n".join(words) + "\n")
(folder / "config.json").write_text(json.dumps({"model_type": "bert", "num_attention_heads": 2, "layer_norm_eps": 1e-12}) + "\n")
old = OrderedDict(
    (name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"), tensor)
    for name, tensor in bert.state_dict().items()
)
old["bert.embeddings.position_ids"] = torch.arange(24)[None]
torch.save(old, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
ids = [[2, *[words.index(w) for w in text.lower().replace(".", " .").split()], 3] for text in texts]
with torch.no_grad():
    text_features = [bert.bert(torch.tensor([one])).last_hidden_state[0, 0] for one in ids]

(OUT / "expected.json").write_text(
    json.dumps(
        {
            "madeWith": f"torch {torch.__version__}, torchvision {torchvision.__version__}, transformers {transformers.__version__}",
            "odd": expected,
            "image": image_features.tolist(),
            "texts": texts,
            "text": [one.tolist() for one in text_features],
        }
    )
    + "\n"
)
