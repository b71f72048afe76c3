"""The peer of contrast.cpp: the two contrasts in eager PyTorch, forward and backward. Run with any Python that has torch:
python contrast_peer.py [samples] [width] [rounds] [threads]"""
import statistics
import sys
import time

import torch
import torch.nn.functional as F

n, width, rounds, threads = (int(sys.argv[i]) if len(sys.argv) > i else fallback
                             for i, fallback in [(1, 4096), (2, 512), (3, 7), (4, 2)])
torch.set_num_threads(threads)
a = F.normalize(torch.randn(n, width)).requires_grad_()
b = F.normalize(torch.randn(n, width)).requires_grad_()
scale = torch.tensor(14.0, requires_grad=True)
bias = torch.tensor(-10.0, requires_grad=True)
own = torch.arange(n)


def softmax():
    z = scale * a @ b.t()
    return (F.cross_entropy(z, own) + F.cross_entropy(z.t(), own)) / 2


def softmax_two_products():  # as open_clip writes it
    return (F.cross_entropy(scale * a @ b.t(), own) + F.cross_entropy(scale * b @ a.t(), own)) / 2


def sigmoid():
    z = scale * a @ b.t() + bias
    return -F.logsigmoid((2 * torch.eye(n) - 1) * z).sum() / n


left, right = torch.randn(2048, 2048), torch.randn(2048, 2048)
taken = {work: [] for work in (softmax, softmax_two_products, sigmoid)}
library = []
for turn in range(-1, rounds):
    for work, seconds in taken.items():
        for x in (a, b, scale, bias):
            x.grad = None
        start = time.perf_counter()
        work().backward()
        if turn >= 0:
            seconds.append(time.perf_counter() - start)
    start = time.perf_counter()
    left @ right
    if turn >= 0:
        library.append(time.perf_counter() - start)
rate = 2 * 2048**3 / statistics.median(library) * 1e-9
print(f'PyTorch {torch.__version__}, N = M = {n}, D = {width}, {threads} threads; sgemm: {rate:.0f} GFLOP/s')
for work, products in [(softmax, 3), (softmax_two_products, 6), (sigmoid, 3)]:
    seconds = statistics.median(taken[work])
    reached = products * 2 * n * n * width / seconds * 1e-9
    print(f'{work.__name__:28} {seconds * 1e3:10.1f} ms {reached:10.0f} GFLOP/s on {2 * products}·N²D ({100 * reached / rate:.0f} % of sgemm)')
