"""Eager PyTorch's training step, for the bench beside it: AdamW, fp32, synthetic data.

    python training_step_peer.py MODEL MODE BATCH STEPS THREADS
    MODEL: resnet50-bert (symmetric InfoNCE) | biovil (symmetric InfoNCE of projected features, and masked language modelling)
    MODE:  plain | channels-last | fused (channels-last and fused AdamW)
    prints one JSON line: {"mode", "samplesPerSecond", "milliseconds": [per step], "peakBytes"}
    With the word "turns" for STEPS: one step for every line on standard input, answered by a line of JSON.

The allocator is set from outside: MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=17179869184 MALLOC_TOP_PAD_=268435456.
Needs torch, torchvision and transformers; all weights are random.
"""
import json
import resource
import sys
import time

import torch
import torchvision
import transformers

kind, mode, batch, steps, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5])
torch.set_num_threads(threads)
torch.manual_seed(0)


class Clip(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.image = torchvision.models.resnet50()
        self.image.fc = torch.nn.Linear(2048, 512, bias=False)
        self.text = transformers.BertModel(transformers.BertConfig(), add_pooling_layer=False)
        self.text_projection = torch.nn.Linear(768, 512, bias=False)
        self.logit_scale = torch.nn.Parameter(torch.tensor(1 / 0.07).log())

    def forward(self, pixels, ids, mask):
        a = torch.nn.functional.normalize(self.image(pixels), dim=1)
        hidden = self.text(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0]
        b = torch.nn.functional.normalize(self.text_projection(hidden), dim=1)
        return contrast(self.logit_scale.exp() * a @ b.t())


class BioViL(torch.nn.Module):
    """ResNet-50 with projected patches, CXR-BERT with a projected [CLS], masked language modelling with hidden words of the same texts."""

    def __init__(self):
        super().__init__()
        self.image = torch.nn.Sequential(*list(torchvision.models.resnet50().children())[:-2])
        convolution = lambda inputs, **options: torch.nn.Conv2d(inputs, 128, 1, **options)
        self.projector = torch.nn.Sequential(
            convolution(2048, bias=False), torch.nn.BatchNorm2d(128), torch.nn.ReLU(), convolution(128)
        )
        config = transformers.BertConfig(hidden_dropout_prob=0.25, attention_probs_dropout_prob=0.25)
        self.text = transformers.BertForMaskedLM(config)
        self.text_projection = torch.nn.Sequential(
            torch.nn.Linear(768, 128), torch.nn.GELU(), torch.nn.LayerNorm(128), torch.nn.Linear(128, 128)
        )

    def forward(self, pixels, ids, mask):
        a = torch.nn.functional.normalize(self.projector(self.image(pixels)).mean((2, 3)), dim=1)
        hidden = self.text.bert(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0]
        b = torch.nn.functional.normalize(self.text_projection(hidden), dim=1)
        hide = torch.rand(ids.shape) < 0.15
        hidden_words = self.text(
            input_ids=torch.where(hide, 103, ids), attention_mask=mask, labels=torch.where(hide, ids, -100)
        )
        return contrast(2 * a @ b.t()) + hidden_words.loss


def contrast(logits):
    target = torch.arange(len(logits))
    cross_entropy = torch.nn.functional.cross_entropy
    return (cross_entropy(logits, target) + cross_entropy(logits.t(), target)) / 2


build, side, length = {"resnet50-bert": (Clip, 224, 64), "biovil": (BioViL, 480, 256)}[kind]
model = build().train()
pixels = torch.randn(batch, 3, side, side)
if mode != "plain":
    model = model.to(memory_format=torch.channels_last)
    pixels = pixels.contiguous(memory_format=torch.channels_last)
ids = torch.randint(1000, 30000, (batch, length))
mask = torch.ones_like(ids)
optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True if mode == "fused" else None)


def usage():
    return resource.getrusage(resource.RUSAGE_SELF)


def one_step():
    before, begun = usage(), time.perf_counter()
    optimiser.zero_grad()
    loss = model(pixels, ids, mask)
    forward = time.perf_counter()
    loss.backward()
    backward = time.perf_counter()
    optimiser.step()
    loss.item()
    ended, after = time.perf_counter(), usage()
    return {
        "milliseconds": 1000 * (ended - begun),
        "processorMilliseconds": 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime),
        "pageFaults": after.ru_minflt - before.ru_minflt,
        "peakBytes": after.ru_maxrss * 1024,
        "phases": {"forward": 1000 * (forward - begun), "backward": 1000 * (backward - forward), "optimiser": 1000 * (ended - backward)},
    }


if steps == "turns":
    for _ in sys.stdin:
        print(json.dumps(one_step()), flush=True)
    sys.exit()
times = [one_step()["milliseconds"] for _ in range(int(steps) + 2)][2:]
times.sort()
print(json.dumps({
    "model": kind,
    "mode": mode,
    "samplesPerSecond": 1000 * batch / times[len(times) // 2],
    "milliseconds": times,
    "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
}))
