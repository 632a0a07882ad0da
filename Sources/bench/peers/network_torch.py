"""PyTorch and OpenVINO on ELEPHANT's detection network, one run at a time, so that runs can alternate with ours.

usage: network_torch.py DEPTH HEIGHT WIDTH THREADS VARIANT...
variants: eager, channels_last, bf16, channels_last_bf16, compiled, compiled_bf16, openvino, openvino_bf16 (inference);
train, train_bf16 (a step with Adam); sgemm (one product of 2048 x 2048 matrices, numpy).
Every variant is warmed up; then `ready` is printed with the names of those that work, and every line `VARIANT` on
standard input is answered by the seconds of one run. `memory VARIANT` is answered by the growth of peak memory in bytes.
Needs requirements-networks.txt beside this file.
"""
import os
import resource
import sys
import time

os.environ.setdefault("TORCHINDUCTOR_FREEZING", "1")
depth, height, width, threads = map(int, sys.argv[1:5])
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(threads)

try:
    import numpy
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


x = torch.rand(1, 1, depth, height, width)


def training(bf16):
    net = UNet()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-4)
    target = torch.randint(0, 3, (1, depth, height, width))

    def run():
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            loss = F.nll_loss(net(x).float(), target)
        loss.backward()
        optimizer.step()
    return run


def openvino(bf16):
    import openvino

    model = openvino.convert_model(UNet().eval(), example_input=x, input=[list(x.shape)])
    core = openvino.Core()
    compiled = core.compile_model(model, "CPU", {
        "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32"})
    data = x.numpy()
    return lambda: compiled(data)


def inference(variant):
    net, data = UNet().eval(), x
    if "channels_last" in variant:
        net = net.to(memory_format=torch.channels_last_3d)
        data = x.to(memory_format=torch.channels_last_3d)
    if "compiled" in variant:
        net = torch.compile(net)

    def run():
        with torch.no_grad(), torch.autocast(
                "cpu", dtype=torch.bfloat16, enabled="bf16" in variant):
            net(data)
    return run


def sgemm():
    a = numpy.random.rand(2048, 2048).astype("f4")
    return lambda: a @ a


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


runs, memory = {}, {}
for variant in sys.argv[5:]:
    before = peak()
    try:
        if variant == "sgemm":
            run = sgemm()
        elif variant.startswith("train"):
            run = training("bf16" in variant)
        elif variant.startswith("openvino"):
            run = openvino("bf16" in variant)
        else:
            run = inference(variant)
        run()
        run()
    except Exception as failure:  # a variant that this version cannot do leaves a gap in the table
        print(f"{variant}: {failure}", file=sys.stderr)
        continue
    runs[variant], memory[variant] = run, peak() - before
print("ready", *runs, flush=True)
for line in sys.stdin:
    words = line.split()
    if words[0] == "memory":
        print(memory[words[1]], flush=True)
        continue
    begin = time.perf_counter()
    runs[words[0]]()
    print(time.perf_counter() - begin, flush=True)
