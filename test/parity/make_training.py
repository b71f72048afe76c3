"""Fifty steps of a CLIP training run in PyTorch: a small timm ViT, a small Hugging Face BERT, InfoNCE, AdamW.

    python test/parity/make_training.py        writes test/fixtures/parity/training.json

Weights and batches come from the rule in oracle.py, so none are kept; the C++ test (test/native/engine/training_parity_test.cpp)
runs the same fifty steps through the engine's Trainer. float32, dropout 0, decay on matrices only, warm-up and cosine, clipping.

A ViT and no ResNet-18: with these weights and batches of eight, BatchNorm amplifies rounding so much that two memory layouts of the same ResNet in PyTorch
part by 0.3 in loss within fifty steps (measured), and nothing could be compared to 1e-4.
"""
import json
import math

import timm
import torch
import transformers

from oracle import FIXTURES, fill, signed, uniform

STEPS, BATCH, SIDE, TOKENS, WORDS, WIDTH = 50, 8, 32, 12, 50, 32
LR, WARMUP, DECAY, CLIP = 1e-3, 5, 0.1, 1.0
torch.set_num_threads(2)


class Clip(torch.nn.Module):
    def __init__(self):
        super().__init__()
        image = timm.models.VisionTransformer(img_size=SIDE, patch_size=8, embed_dim=WIDTH, depth=2, num_heads=4, num_classes=0)
        text = transformers.BertModel(
            transformers.BertConfig(
                vocab_size=WORDS, hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
                max_position_embeddings=16, hidden_dropout_prob=0, attention_probs_dropout_prob=0,
            ),
            add_pooling_layer=False,
        )
        self.encoders = torch.nn.ModuleDict({"image": image, "text": text})
        self.heads = torch.nn.ModuleDict({"image": torch.nn.Linear(WIDTH, 24), "text": torch.nn.Linear(WIDTH, 24)})
        contrast = torch.nn.Module()
        contrast.logit_scale = torch.nn.Parameter(torch.zeros(()))
        self.objectives = torch.nn.ModuleDict({"global-contrast": contrast})

    def forward(self, pixels, ids, mask):
        a = torch.nn.functional.normalize(self.heads["image"](self.encoders["image"](pixels)), dim=1)
        hidden = self.encoders["text"](input_ids=ids, attention_mask=mask.long()).last_hidden_state[:, 0]
        b = torch.nn.functional.normalize(self.heads["text"](hidden), dim=1)
        logits = self.objectives["global-contrast"].logit_scale.exp() * a @ b.t()
        own = torch.arange(len(logits))
        cross_entropy = torch.nn.functional.cross_entropy
        return (cross_entropy(logits, own) + cross_entropy(logits.t(), own)) / 2


model = fill(Clip()).float().train()
scale = model.objectives["global-contrast"].logit_scale
with torch.no_grad():
    scale.fill_(math.log(1 / 0.07))
matrices = [p for p in model.parameters() if p.dim() > 1]
vectors = [p for p in model.parameters() if p.dim() <= 1]
optimiser = torch.optim.AdamW(
    [{"params": matrices, "weight_decay": DECAY}, {"params": vectors, "weight_decay": 0}], lr=LR, betas=(0.9, 0.98), eps=1e-6
)
losses, norms = [], []
for step in range(STEPS):
    pixels = signed(f"pixels {step}", (BATCH, 3, SIDE, SIDE))
    ids = torch.from_numpy((uniform(f"ids {step}", BATCH * TOKENS) * (WORDS - 1) + 1).astype("int64")).reshape(BATCH, TOKENS)
    lengths = torch.from_numpy((uniform(f"lengths {step}", BATCH) * (TOKENS - 3) + 4).astype("int64"))
    mask = torch.arange(TOKENS)[None] < lengths[:, None]
    factor = (step + 1) / WARMUP if step < WARMUP else 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP)))
    for group in optimiser.param_groups:
        group["lr"] = LR * factor
    optimiser.zero_grad()
    loss = model(pixels, ids, mask)
    loss.backward()
    norms.append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)))
    optimiser.step()
    with torch.no_grad():
        scale.clamp_(0, math.log(100))
    losses.append(loss.item())
made = {
    "made_with": f"torch {torch.__version__}, timm {timm.__version__}, transformers {transformers.__version__}",
    "cases": {"losses": losses, "gradientNorms": norms, "logitScale": float(scale.exp())},
}
(FIXTURES / "training.json").write_text(json.dumps(made, indent=1) + "\n")
print(losses[0], losses[-1], norms[0])
