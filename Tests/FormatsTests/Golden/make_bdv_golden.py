"""Makes the small BigDataViewer data sets of Golden/bdv, and expected.json with what is in them.

Run:  python3 -m venv V && V/bin/pip install h5py npy2bdv pybdv
      V/bin/python make_bdv_golden.py [folder with the real data sets]

The images come from three independent writers: npy2bdv, pybdv, and h5py with each feature of HDF5 that a
BigDataViewer file may use. expected.json has size, type, CRC-32 of the voxels (little-endian, x fastest), sum
and two voxels of each view; for the made files from the arrays that were written, for the real ones as h5py
reads them.
"""

import json
import os
import shutil
import sys
import zlib

import h5py
import numpy as np

here = os.path.dirname(os.path.abspath(__file__))
out = os.path.join(here, "bdv")
expected = {}
rng = np.random.default_rng(7)


def note(xml, t, setup, level, array, affine=None):
    a = np.ascontiguousarray(array)
    z, y, x = a.shape
    entry = {
        "t": t,
        "setup": setup,
        "level": level,
        "size": [x, y, z],
        "type": str(a.dtype),
        "crc": zlib.crc32(a.astype(a.dtype.newbyteorder("<")).tobytes()),
        "sum": float(a.astype(np.float64).sum()),
        "first": float(a[0, 0, 0]),
        "last": float(a[-1, -1, -1]),
    }
    if affine is not None:
        entry["affine"] = [float(v) for v in np.asarray(affine).ravel()]
    expected.setdefault(xml, []).append(entry)


def image(shape, dtype, seed=0):
    """A blob on noise that uses the upper half of the integer types as well."""
    r = np.random.default_rng(seed)
    g = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij"))
    blob = np.exp(-4 * (g**2).sum(0))
    if np.dtype(dtype).kind == "f":
        return (blob + 0.01 * r.standard_normal(shape)).astype(dtype)
    top = min(60000, np.iinfo(dtype).max)
    low = max(-20000, np.iinfo(dtype).min)
    return (low + (top - low) * 0.98 * blob + r.integers(0, 3, shape)).astype(dtype)


def xml_text(h5, setups, timepoints, registrations, missing="", base=".", loader=None):
    loader = loader or f'<ImageLoader format="bdv.hdf5"><hdf5 type="relative">{h5}</hdf5></ImageLoader>'
    views = "".join(
        f"<ViewSetup><id>{i}</id>"
        + (f"<name>{name}</name>" if name else "")
        + (f"<size>{size[2]} {size[1]} {size[0]}</size>" if size else "")
        + "</ViewSetup>\n"
        for i, name, size in setups
    )
    regs = "".join(
        f'<ViewRegistration timepoint="{t}" setup="{s}">'
        + "".join(
            f'<ViewTransform type="affine"><affine>{a}</affine></ViewTransform>' for a in affines
        )
        + "</ViewRegistration>\n"
        for t, s, affines in registrations
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<SpimData version="0.2">\n'
        f'<BasePath type="relative">{base}</BasePath>\n<SequenceDescription>\n'
        f"{loader}\n<ViewSetups>\n{views}</ViewSetups>\n{timepoints}\n{missing}\n"
        f"</SequenceDescription>\n<ViewRegistrations>\n{regs}</ViewRegistrations>\n</SpimData>\n"
    )


def save(name, text):
    with open(os.path.join(out, name), "w") as f:
        f.write(text)


def put(file, path, array, **options):
    return file.create_dataset(path, data=array, **options)


def tables(file, setup, factors, blocks, data_type=None):
    file[f"s{setup:02d}/resolutions"] = np.array(factors, dtype="f8")
    file[f"s{setup:02d}/subdivisions"] = np.array(blocks, dtype="i4")
    if data_type:
        file[f"s{setup:02d}"].attrs["dataType"] = data_type


def range_of(n):
    return f'<Timepoints type="range"><first>0</first><last>{n - 1}</last></Timepoints>'


SCALE = "0.5 0 0 0 0 0.5 0 0 0 0 2 0"


def java_like():
    """As BigDataViewer writes: int16 that means uint16, scaleoffset + deflate, chunks larger than the
    data, timepoints as a list with gaps, a missing view and one that is only not in the file; a path with
    backslashes."""
    os.makedirs(os.path.join(out, "sub"), exist_ok=True)
    shape = (5, 12, 20)
    with h5py.File(os.path.join(out, "sub/java like.h5"), "w") as f:
        for s in (0, 2):
            tables(f, s, [[1, 1, 1], [2, 2, 1]], [[16, 16, 16], [16, 16, 16]])
        index = 0
        for k, t in enumerate((3, 7, 12)):
            for i, s in enumerate((0, 2)):
                a = image(shape, "u2", seed=index)
                index += 1
                present = not (t == 7 and s == 2) and not (t == 12 and s == 0)
                half = a[:, ::2, ::2]
                for level, v in enumerate((a, half)):
                    if present:
                        d = f.create_dataset(
                            f"t{t:05d}/s{s:02d}/{level}/cells", shape=v.shape, dtype="i2",
                            chunks=(16, 16, 16), maxshape=(None, None, None), scaleoffset=0,
                            compression="gzip", compression_opts=6)
                        d[...] = v.view("i2")
                    note("java_like.xml", k, i, level, v if present else np.zeros_like(v))
    stamps = "".join(f"<Timepoint>\n <id> {t} </id></Timepoint>" for t in (12, 3, 7))
    save("java_like.xml", xml_text(
        "sub\\java like.h5", [(0, "a", shape), (2, "", shape)],
        f'<Timepoints type="list">{stamps}</Timepoints>',
        [(t, s, [f"1 0 0 {t} 0 1 0 {s} 0 0 1 0", "0.5  0 0 0\n 0 0.5 0 0 0 0 2 0"])
         for t in (3, 7, 12) for s in (0, 2)],
        missing='<MissingViews><MissingView timepoint="7" setup="2" /></MissingViews>', base=".\\."))
    for e in expected["java_like.xml"]:
        t, s = (3, 7, 12)[e["t"]], (0, 2)[e["setup"]]
        if e["level"] == 0:
            e["affine"] = [0.5, 0, 0, t, 0, 0.5, 0, s, 0, 0, 2, 0]
        else:
            e["affine"] = [1.0, 0, 0, t + 0.25, 0, 1.0, 0, s + 0.25, 0, 0, 2, 0]


def kinds():
    """One timepoint, one setup for each way of storing; the oldest HDF5 format, then that of HDF5 1.10."""
    shape = (7, 11, 13)
    u2, f4, u1 = image(shape, "u2", 1), image(shape, "f4", 2), image(shape, "u1", 3)
    i2 = image(shape, "i2", 4)
    z = dict(chunks=(4, 4, 8), compression="gzip", compression_opts=4)
    cases = [
        ("plain chunks", u2, "uint16", dict(chunks=(4, 4, 8))),
        ("gzip", u2, "uint16", z),
        ("shuffle gzip", u2, "uint16", dict(shuffle=True, **z)),
        ("float", f4, "float32", dict(shuffle=True, **z)),
        ("float without attribute", f4, None, z),
        ("bytes contiguous", u1, "uint8", {}),
        ("contiguous", u2, "uint16", {}),
        ("signed", i2, "int16", z),
        ("scaleoffset bytes", u1, "uint8", dict(scaleoffset=0, **z)),
        ("big-endian", u2.astype(">u2"), "uint16", z),
        ("double", f4.astype("f8"), "float64", z),
        ("one chunk", u2, "uint16", dict(chunks=shape, compression="gzip")),
        ("checksum", u2, "uint16", dict(fletcher32=True, **z)),
        ("growing", u2, "uint16", dict(maxshape=(None, 11, 13), **z)),
        ("growing twice", u2, "uint16", dict(maxshape=(None, None, 13), **z)),
        ("thin chunks", u1, "uint8", dict(chunks=(1, 1, 13), compression="gzip")),
        ("long chunks", u2, "uint16", dict(chunks=(1, 1, 64), maxshape=(None, None, None))),
    ]
    for version in ("earliest", "v110"):
        xml = f"kinds_{version}.xml"
        with h5py.File(os.path.join(out, f"kinds_{version}.h5"), "w", libver=(version, "v110"),
                       userblock_size=512 if version == "earliest" else 0) as f:
            for s, (name, a, attribute, options) in enumerate(cases):
                tables(f, s, [[1, 1, 1]], [[8, 4, 4]], attribute)
                if s == 1 and attribute:
                    f[f"s{s:02d}"].attrs["dataType"] = np.bytes_(attribute)
                put(f, f"t00000/s{s:02d}/0/cells", a, **options)
                real = a.astype("f4") if a.dtype.kind == "f" or attribute == "int16" else (
                    a.astype(a.dtype.newbyteorder("=")))
                note(xml, 0, s, 0, real)
        save(xml, xml_text(f"kinds_{version}.h5",
                           [(s, c[0], shape) for s, c in enumerate(cases)], range_of(1),
                           [(0, s, [SCALE]) for s in range(len(cases))]))


def sparse():
    """Chunks that were never written, with and without a fill value, a compact data set, soft links, no size
    in the XML, no resolutions table."""
    shape = (6, 9, 10)
    with h5py.File(os.path.join(out, "sparse.h5"), "w") as f:
        for s, fill in ((0, 0), (1, 40000)):
            d = f.create_dataset(f"t00000/s{s:02d}/0/cells", shape=shape, dtype="u2", chunks=(2, 4, 4),
                                 fillvalue=fill)
            a = np.full(shape, fill, "u2")
            part = image((2, 4, 4), "u2", 5 + s)
            d[2:4, 4:8, 4:8] = part
            a[2:4, 4:8, 4:8] = part
            note("sparse.xml", 0, s, 0, a)
        compact = image(shape, "u2", 9)
        dcpl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        dcpl.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple(shape)
        f.create_group("t00000/s02/0")
        d = h5py.h5d.create(f["t00000/s02/0"].id, b"cells", h5py.h5t.STD_U16LE, space, dcpl=dcpl)
        d.write(h5py.h5s.ALL, h5py.h5s.ALL, compact)
        note("sparse.xml", 0, 2, 0, compact)
        f["t00000/s03"] = h5py.SoftLink("/t00000/s02")
        note("sparse.xml", 0, 3, 0, compact)
        f["t00001/s03/0"] = h5py.SoftLink("../../t00000/s02/0")
        f.create_dataset("t00001/s01/0/cells", shape=shape, dtype="u2", fillvalue=7)
        note("sparse.xml", 1, 1, 0, np.full(shape, 7, "u2"))
    save("sparse.xml", xml_text("sparse.h5", [(s, "", None) for s in range(4)], range_of(2), []))


def partitions():
    """A main file with links into one file for each timepoint; ids from a pattern."""
    ids = list(range(10, 30, 2)) + [5]
    shape = (4, 8, 8)
    for version in ("earliest", "v110"):
        xml = f"partitions_{version}.xml"
        main = h5py.File(os.path.join(out, f"partitions_{version}.h5"), "w", libver=(version, "v110"))
        tables(main, 0, [[1, 1, 1]], [[8, 8, 4]], "uint16")
        for k, t in enumerate(sorted(ids)):
            part = f"part{k % 2}_{version}.h5"
            with h5py.File(os.path.join(out, part), "a" if k >= 2 else "w", libver=(version, "v110")) as f:
                a = image(shape, "u2", 20 + k)
                put(f, f"t{t:05d}/s00/0/cells", a, chunks=(4, 8, 8), compression="gzip")
                note(xml, k, 0, 0, a)
            if version == "v110":
                main[f"t{t:05d}"] = h5py.ExternalLink(part, f"/t{t:05d}")
            else:
                main[f"t{t:05d}/s00"] = h5py.ExternalLink(part, f"/t{t:05d}/s00")
        main.close()
        save(xml, xml_text(
            f"partitions_{version}.h5", [(0, "a", shape)],
            '<Timepoints type="pattern"><integerpattern>28-10:2, 5 </integerpattern></Timepoints>',
            [(t, 0, [SCALE]) for t in ids]))


def with_npy2bdv():
    import npy2bdv

    path = os.path.join(out, "npy2bdv.h5")
    writer = npy2bdv.BdvWriter(
        path, nchannels=2, subsamp=((1, 1, 1), (1, 2, 2)), blockdim=((4, 16, 16), (4, 8, 8)),
        compression="gzip", overwrite=True)
    for t in range(2):
        for c in range(2):
            a = image((6, 20, 24), "u2", 50 + 2 * t + c) // 2
            writer.append_view(a, time=t, channel=c, voxel_size_xyz=(0.5, 0.5, 2), voxel_units="um",
                               calibration=(1, 1, 4))
            note("npy2bdv.xml", t, c, 0, a)
    writer.write_xml()
    writer.close()
    with h5py.File(path) as f:
        for t in range(2):
            for c in range(2):
                d = f[f"t{t:05d}/s{c:02d}/1/cells"][...]
                note("npy2bdv.xml", t, c, 1, d.view("u2"))


def with_pybdv():
    import pybdv

    path = os.path.join(out, "pybdv.h5")
    for t in range(2):
        a = image((6, 20, 24), "u2", 60 + t)
        pybdv.make_bdv(a, path, downscale_factors=[[1, 2, 2]], resolution=[2, 0.5, 0.5], unit="um",
                       timepoint=t, setup_id=0, setup_name="nuclei", overwrite="all" if t == 0 else "skip")
        note("pybdv.xml", t, 0, 0, a)
    with h5py.File(path) as f:
        for t in range(2):
            note("pybdv.xml", t, 0, 1, f[f"t{t:05d}/s00/1/cells"][...].view("u2"))


def real(folder):
    """What h5py finds in the real data sets, into expected_real.json."""
    global expected
    made, expected = expected, {}
    for xml, h5 in [
        ("elephant-sample/sample.xml", "elephant-sample/sample.h5"),
        ("mastodon-examples/tiny/tiny-dataset.xml", "mastodon-examples/tiny/tiny-dataset.h5"),
        ("mastodon-examples/tiny-os/some/folder/tiny-dataset.xml",
         "mastodon-examples/tiny-os/some/folder/tiny-dataset.h5"),
        ("pasteur-csv/TestMedianCSVImport.xml", "pasteur-csv/TestMedianCSVImport.h5"),
        # The server's test file has no XML; the test makes one.
        ("elephant-server-test/test.h5", "elephant-server-test/test.h5"),
    ]:
        with h5py.File(os.path.join(folder, h5)) as f:
            for t in sorted(k for k in f if k.startswith("t")):
                for s in sorted(f[t]):
                    for level in sorted(f[t][s]):
                        d = f[t][s][level]["cells"][...]
                        note(xml, int(t[1:]), int(s[1:]), int(level), d.view("u2"))
    with open(os.path.join(out, "expected_real.json"), "w") as f:
        json.dump(expected, f, indent=0)
    expected = made


if __name__ == "__main__":
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    java_like()
    kinds()
    sparse()
    partitions()
    with_npy2bdv()
    with_pybdv()
    with open(os.path.join(out, "expected.json"), "w") as f:
        json.dump(expected, f, indent=0)
    if len(sys.argv) > 1:
        real(sys.argv[1])
