"""What the fixtures of the encoders share: deterministic weights and inputs, and the file that a C++ test compares with.

Weights come from a hash of (name, index) instead of a library's generator, so that no weights have to be kept: the C++ tests
fill their parameters by the same rule (test/native/encoders/parity.h). Everything is computed in float64 on weights and
inputs rounded to float32.
"""
import json
import math
from pathlib import Path

import numpy as np
import torch

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "parity"


def seed_of(name):
    """FNV-1a, 32 bits."""
    h = 2166136261
    for byte in name.encode():
        h = ((h ^ byte) * 16777619) & 0xFFFFFFFF
    return h


def uniform(name, count):
    """u(0 … count-1) in [0, 1) under the seed of `name`."""
    with np.errstate(over="ignore"):
        x = np.arange(count, dtype=np.uint32) * np.uint32(2654435761) + np.uint32(seed_of(name))
        x ^= x >> np.uint32(16)
        x *= np.uint32(2246822519)
        x ^= x >> np.uint32(13)
        x *= np.uint32(3266489917)
        x ^= x >> np.uint32(16)
    return x.astype(np.float64) / 2.0**32


def signed(name, shape):
    """2u-1, row-major, rounded to float32."""
    return torch.from_numpy((2 * uniform(name, math.prod(shape)) - 1).astype(np.float32).reshape(shape))


def fill(model):
    """Every floating tensor of the state dict by its name."""
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if not tensor.is_floating_point():
                continue
            s = 2 * uniform(name, tensor.numel()) - 1
            if name.endswith("running_var"):
                value = 1 + 0.5 * s
            elif name.endswith("running_mean"):
                value = 0.1 * s
            elif tensor.dim() >= 2:
                value = s * math.sqrt(3 / math.prod(tensor.shape[1:]))
            elif name.endswith("weight"):
                value = 1 + 0.1 * s
            else:
                value = 0.1 * s
            tensor.copy_(torch.from_numpy(value.astype(np.float32)).reshape(tensor.shape))
    return model.double()


def pixels(batch, channels, size):
    return ((torch.from_numpy(uniform("image", batch * channels * size * size)) - 0.5) / 0.25).float().double().reshape(
        batch, channels, size, size)


def token_ids(batch, length, vocabulary, low=5):
    """Ids from `low` up."""
    u = uniform("ids", batch * length)
    return torch.from_numpy(low + np.floor(u * (vocabulary - low)).astype(np.int64)).reshape(batch, length)


def summary(tensor):
    """Shape, Euclidean norm and 48 values spread over the tensor."""
    flat = tensor.detach().double().reshape(-1)
    places = [i * (flat.numel() - 1) // 47 for i in range(48)]
    return {"shape": list(tensor.shape), "norm": digits(flat.norm()), "values": [digits(flat[i]) for i in places]}


def digits(value):
    return float(f"{value.item():.12g}")


def loss_of(outputs):
    """A scalar in which every output counts with its own sign and size."""
    return sum((tensor * signed("loss." + name, tensor.shape).to(tensor)).sum() for name, tensor in outputs.items())


def record(model, outputs, skip=()):
    """Outputs, and by parameter its shape and the norm of the loss's gradient. `skip`: starts of names that are left out."""
    model.zero_grad()
    loss = loss_of(outputs)
    loss.backward()
    kept = lambda name: not name.startswith(tuple(skip))
    gradients = {n: p.grad for n, p in model.named_parameters() if kept(n)}
    return {
        "outputs": {name: summary(tensor) for name, tensor in outputs.items()},
        "loss": digits(loss),
        "keys": [[n, list(t.shape)] for n, t in model.state_dict().items() if kept(n)],
        "gradientNorms": {n: digits(g.norm()) if g is not None else 0 for n, g in gradients.items()},
    }


def save(name, made_with, cases):
    """cases: name → {"encoder": …, "options": {…}, …, **record(…)}."""
    FIXTURES.mkdir(parents=True, exist_ok=True)
    path = FIXTURES / f"{name}.json"
    path.write_text(json.dumps({"madeWith": made_with, "cases": cases}, separators=(",", ":")) + "\n")
    print(f"{path.name}: {path.stat().st_size} bytes, {len(cases)} cases")
