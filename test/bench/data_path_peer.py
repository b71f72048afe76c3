"""The peer of data_path.cpp: torch's DataLoader with Pillow on 512 px JPEGs, one worker, random resized crop to 224, mirror,
to float, normalise. Run with any Python that has torch, torchvision and Pillow: python data_path_peer.py [samples]"""
import io
import resource
import sys
import time

import numpy as np
import torch
from PIL import Image
from torchvision import transforms


def picture(side, channels, salt):
    rng = np.random.default_rng(salt)
    a, b = rng.uniform(2, 9, 2)
    u = np.arange(side) / side
    level = np.stack([120 + 70 * np.sin(a * 6.28 * u + c)[None, :] * np.cos(b * 6.28 * u)[:, None] for c in range(channels)], 2)
    level = np.clip(level + 12 * rng.standard_normal(level.shape), 0, 255).astype(np.uint8)
    held = io.BytesIO()
    Image.fromarray(level[:, :, 0] if channels == 1 else level).save(held, 'JPEG', quality=90)
    return held.getvalue()


class Pictures(torch.utils.data.Dataset):
    def __init__(self, files, samples, mode):
        self.files, self.samples, self.mode = files, samples, mode
        self.change = transforms.Compose([
            transforms.RandomResizedCrop(224, scale=(0.5, 1.0)), transforms.RandomHorizontalFlip(), transforms.ToTensor(),
            transforms.Normalize([0.5], [0.5]),
        ])

    def __len__(self):
        return self.samples

    def __getitem__(self, i):
        return self.change(Image.open(io.BytesIO(self.files[i % len(self.files)])).convert(self.mode))


def seconds():
    return sum(resource.getrusage(who).ru_utime + resource.getrusage(who).ru_stime
               for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


if __name__ == '__main__':
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
    torch.set_num_threads(1)
    for name, channels, mode in [('grey', 1, 'L'), ('colour', 3, 'RGB')]:
        data = Pictures([picture(512, channels, i) for i in range(16)], samples, mode)
        before, start = seconds(), time.perf_counter()
        for batch in torch.utils.data.DataLoader(data, batch_size=64, num_workers=1):
            pass
        wall, used = time.perf_counter() - start, seconds() - before
        print(f'512² {name} JPEG, torch DataLoader + Pillow, 1 worker: {samples / wall:.0f} samples/s, {samples / used:.0f} samples per core-second')
