"""Eager PyTorch's training step, for the bench beside it: ResNet-50 + BERT-base, symmetric InfoNCE, AdamW, fp32, synthetic data.

    python training_step_peer.py MODE BATCH STEPS THREADS    MODE: plain | channels-last
    prints one JSON line: {"mode", "samplesPerSecond", "milliseconds": [per step], "peakBytes"}

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

mode, batch, steps, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
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
        logits = self.logit_scale.exp() * a @ b.t()
        target = torch.arange(len(logits))
        cross_entropy = torch.nn.functional.cross_entropy
        return (cross_entropy(logits, target) + cross_entropy(logits.t(), target)) / 2


model = Clip().train()
pixels = torch.randn(batch, 3, 224, 224)
if mode == "channels-last":
    model = model.to(memory_format=torch.channels_last)
    pixels = pixels.contiguous(memory_format=torch.channels_last)
ids = torch.randint(1000, 30000, (batch, 64))
mask = torch.ones_like(ids)
optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)
times = []
for step in range(steps + 2):
    begun = time.perf_counter()
    optimiser.zero_grad()
    loss = model(pixels, ids, mask)
    loss.backward()
    optimiser.step()
    loss.item()
    if step >= 2:
        times.append(1000 * (time.perf_counter() - begun))
times.sort()
print(json.dumps({
    "mode": mode,
    "samplesPerSecond": 1000 * batch / times[len(times) // 2],
    "milliseconds": times,
    "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
}))
