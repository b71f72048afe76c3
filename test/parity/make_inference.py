"""Official-shaped weights and what the official inference pipelines give on them: BioViL's image model, CXR-BERT, torchvision's ResNet.

The pipelines are written from the published description (hi-ml-multimodal 0.2.2: min-max to 8 bits, Pillow's grey, Resize(512),
CenterCrop(480), ToTensor; full stops off the end of prompts; the projected [CLS]) on torchvision and transformers.

Run: python test/parity/make_inference.py [--full] [--out FOLDER]
Without --full the models are narrow and land in test/fixtures/checkpoint; with it they have the official sizes (0.5 GB, not committed)."""
import argparse
import json
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
import torchvision
import transformers
from PIL import Image
from torchvision.models.resnet import Bottleneck, ResNet
from torchvision.transforms import CenterCrop, Compose, Normalize, Resize, ToTensor

from oracle import fill

arguments = argparse.ArgumentParser()
arguments.add_argument("--full", action="store_true")
arguments.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "fixtures" / "checkpoint")
arguments = arguments.parse_args()
OUT = arguments.out
OUT.mkdir(exist_ok=True, parents=True)
WIDTH, CLASSES, JOINT = (64, 1000, 128) if arguments.full else (2, 5, 8)
BERT = {} if arguments.full else dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, max_position_embeddings=24)


class Trunk(ResNet):
    """torchvision's ResNet-50 of any width."""

    def __init__(self):
        torch.nn.Module.__init__(self)
        self._norm_layer, self.groups, self.base_width, self.dilation, self.inplanes = torch.nn.BatchNorm2d, 1, 64, 1, WIDTH
        self.conv1 = torch.nn.Conv2d(3, WIDTH, 7, 2, 3, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(WIDTH)
        self.relu = torch.nn.ReLU()
        self.maxpool = torch.nn.MaxPool2d(3, 2, 1)
        for i, blocks in enumerate((3, 4, 6, 3)):
            setattr(self, f"layer{i + 1}", self._make_layer(Bottleneck, WIDTH << i, blocks, stride=1 if i == 0 else 2))
        self.avgpool = torch.nn.AdaptiveAvgPool2d(1)
        self.fc = torch.nn.Linear(32 * WIDTH, CLASSES)

    def patches(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


class ImageModel(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = torch.nn.Module()
        self.encoder.encoder = Trunk()
        self.projector = torch.nn.Module()
        self.projector.model = torch.nn.Sequential(
            torch.nn.Conv2d(32 * WIDTH, JOINT, 1, bias=False), torch.nn.BatchNorm2d(JOINT), torch.nn.ReLU(), torch.nn.Conv2d(JOINT, JOINT, 1)
        )

    def forward(self, x):
        return self.projector.model(self.encoder.encoder.patches(x)).mean((2, 3))


def drawn(i):
    """Pictures that the test draws too: (height, width), grey or RGB, 8 or 16 bits."""
    height, width, channels, deep = [(611, 700, 1, False), (900, 640, 3, False), (530, 1000, 1, True), (480, 480, 1, False)][i]
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(channels), indexing="ij")
    value = (x * 3 + y * 5 + ((x * y) >> 6) + 41 * c + 17 * i) % 256
    soft = 20 + (value * 3) // 4 - 11 * c  # not over the whole range
    pixels = (soft * 16).astype(np.uint16) if deep else soft.astype(np.uint8)
    return pixels[:, :, 0] if channels == 1 else pixels


def remapped(pixels):
    values = pixels.astype(float)
    values -= values.min()
    values /= values.max()
    values *= 255
    return values.astype(np.uint8)


grey_pipeline = Compose([Resize(512), CenterCrop(480), ToTensor(), lambda x: x.expand(3, -1, -1)])
image_model = fill(ImageModel()).float().eval()
torch.save(image_model.state_dict(), OUT / "biovil.pt")
images, sums = [], []
with torch.no_grad():
    for i in range(4):
        pixels = grey_pipeline(Image.fromarray(remapped(drawn(i))).convert("L"))
        sums.append(int((pixels[0] * 255).round().long().sum()))
        images.append(image_model(pixels[None])[0].tolist())

    colour_pipeline = Compose([Resize(256), CenterCrop(224), ToTensor(), Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])
    plain = image_model.encoder.encoder
    pictures = [colour_pipeline(Image.fromarray(drawn(i)).convert("RGB")) for i in (0, 1, 3)]
    resnet = [plain.patches(one[None]).mean((2, 3))[0].tolist() for one in pictures]

# ---- CXR-BERT
words = "[PAD] [UNK] [CLS] [SEP] [MASK] the lungs are clear heart is large no effusion . , ( ) 2 5 ##s ##ness cafe".split()
vocabulary = words + [f"[unused{i}]" for i in range(30522 - len(words))] if arguments.full else words
folder = OUT / "cxr-bert"
folder.mkdir(exist_ok=True)
(folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
config = transformers.BertConfig(vocab_size=len(vocabulary), hidden_dropout_prob=0.25, attention_probs_dropout_prob=0.25, **BERT)
written = {key: getattr(config, key) for key in ("num_attention_heads", "layer_norm_eps", "hidden_dropout_prob", "attention_probs_dropout_prob", "hidden_act", "pad_token_id")}
(folder / "config.json").write_text(json.dumps({"model_type": "cxr-bert", "projection_size": JOINT, **written}) + "\n")
(folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True, "strip_accents": None}) + "\n")


class TextModel(transformers.BertForMaskedLM):
    def __init__(self, config):
        super().__init__(config)
        self.cls_projection_head = torch.nn.Module()
        self.cls_projection_head.dense_to_hidden = torch.nn.Linear(config.hidden_size, JOINT)
        self.cls_projection_head.LayerNorm = torch.nn.LayerNorm(JOINT, eps=1e-12)
        self.cls_projection_head.dense_to_output = torch.nn.Linear(JOINT, JOINT)

    def projected(self, ids):
        head = self.cls_projection_head
        x = self.bert(ids).last_hidden_state[:, 0]
        return head.dense_to_output(head.LayerNorm(torch.nn.functional.gelu(head.dense_to_hidden(x))))


text_model = fill(TextModel(config)).float().eval()
text_model.tie_weights()
state = text_model.state_dict()
state["bert.embeddings.position_ids"] = torch.arange(config.max_position_embeddings)[None]
torch.save(OrderedDict(state), folder / "pytorch_model.bin")
texts = ["The lungs are clear.", "Heart is large; no effusion!?.", "No [MASK]", "The café's (2.5) hearts.\tNo effusion, largeness", "lungs"]
tokenizer = transformers.BertTokenizer(str(folder / "vocab.txt"), do_lower_case=True)
ids = [tokenizer.encode(text.rstrip("!?.")) for text in texts]
with torch.no_grad():
    projected = [text_model.projected(torch.tensor([one]))[0].tolist() for one in ids]

(OUT / "inference.json").write_text(
    json.dumps(
        {
            "madeWith": f"torch {torch.__version__}, torchvision {torchvision.__version__}, transformers {transformers.__version__}, Pillow {Image.__version__}",
            "images": images,
            "pixelSums": sums,
            "resnet": resnet,
            "texts": texts,
            "ids": ids,
            "projected": projected,
        }
    )
    + "\n"
)
