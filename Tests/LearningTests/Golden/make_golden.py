#!/usr/bin/env python3
"""Makes the golden files of LearningTests with PyTorch (any 2.x, CPU). Run it in this folder.

For a narrow network of each kind: parameters, an input, the output, the gradients of sum(output * weights), and
the parameters after ten Adam steps on that loss; all in one file, a map from name to tensor. Besides, the forms
of weights files that a reader meets, and some that it must refuse.
"""
import collections
import torch
from torch import nn
import torch.nn.functional as F


def conv(d, i, o, k=3, bias=True):
    return (nn.Conv3d if d == 3 else nn.Conv2d)(i, o, k, padding=k // 2, bias=bias)


def plain(d, i, o, norm, slope):
    act = lambda: nn.LeakyReLU(slope) if slope else nn.ReLU()
    gn = lambda: [nn.GroupNorm(min(32, o), o)] if norm else []
    return nn.Sequential(conv(d, i, o), act(), *gn(), conv(d, o, o), act(), *gn())


class Residual(nn.Module):
    def __init__(self, d, i, o, norm, inner, outer, scale):
        super().__init__()
        self.res = conv(d, i, o, 1, False)
        self.conv1 = conv(d, i, o)
        if norm:
            self.norm1 = nn.GroupNorm(min(32, o), o)
        self.conv2 = conv(d, o, o)
        if norm:
            self.norm2 = nn.GroupNorm(min(32, o), o)
        self.norm, self.inner, self.outer, self.scale = norm, inner, outer, scale

    def forward(self, x):
        y = F.leaky_relu(self.conv1(x), self.inner)
        if self.norm:
            y = self.norm1(y)
        y = F.leaky_relu((self.res(x) + self.conv2(y)) * self.scale, self.outer)
        return self.norm2(y) if self.norm else y


class Net(nn.Module):
    def __init__(self, kind, d, widths):
        super().__init__()
        self.d, self.kind, n = d, kind, len(widths) - 1
        cin, cout = (2, d) if kind == "flow" else (1, 3)
        enc = {"unet": lambda i, o: plain(d, i, o, True, 0),
               "resunet": lambda i, o: Residual(d, i, o, True, 0, 0.1, 1),
               "flow": lambda i, o: Residual(d, i, o, False, 0.1, 0.1, 0.5)}[kind]
        dec = (lambda i, o: plain(d, i, o, False, 0.1)) if kind == "flow" else (
            lambda i, o: plain(d, i, o, True, 0))
        self.encoder = nn.ModuleList([enc(cin if l == 0 else widths[l - 1], widths[l]) for l in range(n)])
        self.base = enc(widths[n - 1], widths[n])
        self.decoder = nn.ModuleList([dec(widths[l] + widths[l + 1], widths[l]) for l in reversed(range(n))])
        self.out_conv = conv(d, widths[0], cout, 1)

    def forward(self, x, keep):
        factors = [((1 if k else 2, 2, 2) if self.d == 3 else (2, 2)) for k in keep]
        skips = []
        for stage, f in zip(self.encoder, factors):
            x = stage(x)
            skips.append(x)
            x = (F.max_pool3d if self.d == 3 else F.max_pool2d)(x, f)
        x = self.base(x)
        for stage, skip, f in zip(self.decoder, reversed(skips), reversed(factors)):
            x = stage(torch.cat([skip, F.interpolate(x, scale_factor=f, mode="nearest")], 1))
        x = self.out_conv(x)
        return torch.tanh(x) if self.kind == "flow" else F.log_softmax(x, 1)


def network(name, kind, d, widths, size, keep):
    torch.manual_seed(7)
    net = Net(kind, d, widths)
    with torch.no_grad():
        for k, p in net.named_parameters():
            p.add_(0.1 * torch.randn_like(p))
    x = torch.rand(1, 2 if kind == "flow" else 1, *size)
    out = collections.OrderedDict()
    for k, p in net.state_dict().items():
        out["parameter." + k] = p.clone()
    y = net(x, keep)
    w = torch.randn_like(y) / y[0, 0].numel()
    (y * w).sum().backward()
    out["input"], out["weights"], out["output"] = x, w, y.detach().clone()
    for k, p in net.named_parameters():
        out["gradient." + k] = p.grad.clone()
    adam = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(10):
        adam.zero_grad()
        (net(x, keep) * w).sum().backward()
        adam.step()
    for k, p in net.state_dict().items():
        out["adam10." + k] = p.clone()
    torch.save(out, name + ".pth")


network("unet3d", "unet", 3, [4, 8], (3, 10, 12), [True])
network("flow3d", "flow", 3, [4, 8], (4, 8, 14), [False])
network("resunet2d", "resunet", 2, [4, 6, 8], (20, 12), [True, True])

torch.manual_seed(1)
small = Net("unet", 2, [2, 3])
torch.save(small.state_dict(), "module.pth")            # with the _metadata of a module
maps = [collections.OrderedDict(small.state_dict()) for _ in range(2)]
maps[1] = collections.OrderedDict((k, v + 1) for k, v in maps[1].items())
torch.save(maps, "ensemble.pth")
torch.save(collections.OrderedDict(("module." + k, v) for k, v in small.state_dict().items()), "parallel.pth")
base = torch.arange(12, dtype=torch.float32)
torch.save(collections.OrderedDict(
    shared_a=base[2:8].reshape(2, 3), shared_b=base.reshape(3, 4).t(), empty=base[:0], scalar=base[5],
    half=base.half(), bfloat=base.bfloat16(), double=base.double()), "storages.pth")
torch.save({"epoch": 3, "state": small.state_dict()}, "checkpoint.pth")


class Evil:
    def __reduce__(self):
        return (print, ("this text must never be printed",))


torch.save({"a": Evil()}, "evil.pth")
torch.save(base.long(), "tensor.pth")
torch.save(small.state_dict(), "legacy.pth", _use_new_zipfile_serialization=False)
