"""Writes pypi.safetensors with the `safetensors` package (0.8.0, numpy): pip install safetensors numpy

The values are functions of the element's number, so that the test needs no copy of them.
"""
import numpy
from safetensors.numpy import save_file

k = numpy.arange(24, dtype="f8").reshape(2, 3, 4)
save_file(
    {
        "double": k / 7,
        "encoder.0.0.weight": (k / 8 - 1).astype("f4"),
        "half": (k[0] / 4).astype("f2"),
        "scalar": numpy.array(2.5, dtype="f4"),
    },
    "pypi.safetensors", metadata={"format": "pt", "note": "kernel \"3x3\""})
