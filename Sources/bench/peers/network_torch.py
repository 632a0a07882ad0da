"""PyTorch's time for ELEPHANT's detection network, as lines `name seconds`.

usage: network_torch.py DEPTH HEIGHT WIDTH THREADS VARIANT...
variants: eager, channels_last, bf16, compiled, compiled_bf16 (inference); train, train_bf16 (a step with Adam)
Each variant also prints its processor time as `VARIANT_cpu` and the growth of peak memory as `VARIANT_bytes`.
Needs requirements-networks.txt beside this file.
"""
import os
import resource
import statistics
import sys
import time

os.environ.setdefault("TORCHINDUCTOR_FREEZING", "1")
depth, height, width, threads = map(int, sys.argv[1:5])
os.environ.setdefault("OMP_NUM_THREADS", str(threads))

try:
    import torch
except ImportError:
    sys.exit("PyTorch is not installed: pip install -r Sources/bench/peers/requirements-networks.txt")
import torch.nn.functional as F
from torch import nn

torch.set_num_threads(threads)
torch.manual_seed(1)
WIDTHS = [16, 32, 64, 128, 256]


def block(i, o):
    return nn.Sequential(
        nn.Conv3d(i, o, 3, padding=1), nn.ReLU(inplace=True), nn.GroupNorm(min(32, o), o),
        nn.Conv3d(o, o, 3, padding=1), nn.ReLU(inplace=True), nn.GroupNorm(min(32, o), o))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.ModuleList(block(i, o) for i, o in zip([1] + WIDTHS, WIDTHS[:4]))
        self.base = block(128, 256)
        self.decoder = nn.ModuleList(block(3 * o, o) for o in reversed(WIDTHS[:4]))
        self.out_conv = nn.Conv3d(16, 3, 1)

    def forward(self, x):
        skips = []
        for stage in self.encoder:
            x = stage(x)
            skips.append(x)
            x = F.max_pool3d(x, (1, 2, 2))
        x = self.base(x)
        for stage in self.decoder:
            up = F.interpolate(x, scale_factor=(1, 2, 2), mode="nearest")
            x = stage(torch.cat([skips.pop(), up], 1))
        return F.log_softmax(self.out_conv(x), 1)


def measure(name, run):
    for _ in range(2):
        run()
    walls, cpus = [], []
    begin = time.perf_counter()
    while len(walls) < 5 or (time.perf_counter() - begin < 4 and len(walls) < 15):
        w, c = time.perf_counter(), time.process_time()
        run()
        walls.append(time.perf_counter() - w)
        cpus.append(time.process_time() - c)
    print(name, statistics.median(walls))
    print(name + "_cpu", statistics.median(cpus))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - start
    print(name + "_bytes", grown, flush=True)


x = torch.rand(1, 1, depth, height, width)
for variant in sys.argv[5:]:
    net = UNet()
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    bf16 = torch.autocast("cpu", dtype=torch.bfloat16, enabled="bf16" in variant)
    if variant.startswith("train"):
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-4)
        target = torch.randint(0, 3, (1, depth, height, width))

        def run():
            optimizer.zero_grad()
            with bf16:
                loss = F.nll_loss(net(x).float(), target)
            loss.backward()
            optimizer.step()
    else:
        net.eval()
        data = x
        if "channels_last" in variant:
            net = net.to(memory_format=torch.channels_last_3d)
            data = x.to(memory_format=torch.channels_last_3d)
        if "compiled" in variant:
            net = torch.compile(net)

        def run():
            with torch.no_grad(), bf16:
                net(data)
    measure(variant, run)
