"""The peer of word_region.cpp: GLoRIA's local loss as eager PyTorch programs hold it, a loop over texts, each repeated against all
images (Huang et al. 2021). Regions are channels-first, as a convolution gives them.

    python word_region_peer.py REGIONS WIDTH WORDS THREADS LENGTH,LENGTH,...
One step for every line on standard input, answered by a line of JSON."""
import json
import resource
import sys
import time

import numpy as np
import torch
from torch.nn.functional import cosine_similarity, cross_entropy


def numbers(shape, salt, size):
    x = np.arange(int(np.prod(shape)), dtype=np.uint32) * np.uint32(0x9E3779B1) + np.uint32(salt)
    for shift, factor in [(16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)]:
        x ^= x >> np.uint32(shift)
        x *= np.uint32(factor)
    values = (x >> np.uint32(8)).astype(np.float32) / np.float32(8388608) - np.float32(1)
    return torch.from_numpy(np.float32(size) * values).view(shape)


def pair_scores(v, e, lengths):
    """v [B, D, N], e [B, D, T] -> [B, B], rows images."""
    batch, columns = len(v), []
    for j, length in enumerate(lengths):
        word = e[j, :, :length].unsqueeze(0).repeat(batch, 1, 1)           # [B, D, K]
        scores = torch.bmm(v.transpose(1, 2).contiguous(), word)           # [B, N, K]
        shares = torch.softmax(scores, 2).transpose(1, 2).contiguous()     # over words; [B, K, N]
        attention = torch.softmax(4.0 * shares, 2)                         # over regions
        context = torch.bmm(v, attention.transpose(1, 2).contiguous())     # [B, D, K]
        word, context = word.transpose(1, 2).contiguous(), context.transpose(1, 2).contiguous()
        cosine = cosine_similarity(word.view(batch * length, -1), context.view(batch * length, -1), 1, 1e-8)
        columns.append(torch.log(torch.exp(5.0 * cosine.view(batch, length)).sum(1, keepdim=True)))
    return torch.cat(columns, 1)


def usage():
    return resource.getrusage(resource.RUSAGE_SELF)


if __name__ == '__main__':
    regions, width, longest, threads = map(int, sys.argv[1:5])
    lengths = [int(length) for length in sys.argv[5].split(',')]
    torch.set_num_threads(threads)
    v = numbers((len(lengths), regions, width), 1, 1.7).transpose(1, 2).contiguous().requires_grad_()
    e = numbers((len(lengths), longest, width), 2, 0.35).transpose(1, 2).contiguous().requires_grad_()
    own = torch.arange(len(lengths))
    start = usage().ru_maxrss
    for _ in sys.stdin:
        v.grad = e.grad = None
        before, begun = usage(), time.perf_counter()
        z = 10 * pair_scores(v, e, lengths)
        loss = cross_entropy(z, own) + cross_entropy(z.t(), own)
        forward = time.perf_counter() - begun
        loss.backward()
        total, after = time.perf_counter() - begun, usage()
        print(json.dumps({
            'milliseconds': 1e3 * total,
            'forward': 1e3 * forward,
            'processorMilliseconds': 1e3 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime),
            'extraBytes': 1024 * (after.ru_maxrss - start),
            'loss': loss.item(),
            'gradients': [v.grad.norm().item(), e.grad.norm().item()],
        }), flush=True)
