"""Writes test/formats/arrays.json: arrays as numpy writes them, in base64. Run once: python3 test/formats/makeArrays.py"""

import base64
import io
import json
import pathlib

import numpy as np


def saved(write):
    stream = io.BytesIO()
    write(stream)
    return base64.b64encode(stream.getvalue()).decode()


generator = np.random.default_rng(1)
grid = generator.normal(size=(5, 3))
arrays = {f"{kind}{order}": (generator.normal(size=(4, 2)) * 50).astype(f"{'>' if order == 'big' else '<'}{kind}") for kind in ["f2", "f4", "f8", "i1", "i2", "i4", "i8"] for order in ["little", "big"]}
arrays |= {f"u{size}": np.array([[0, 1], [2, 2 ** (8 * size - 2)]], f"<u{size}") for size in [1, 2, 4, 8]}
arrays["vector"] = np.array([1.5, np.nan, -2])
arrays["fortran"] = np.asfortranarray(grid)
arrays["cube"] = np.asfortranarray(np.arange(24).reshape(4, 3, 2))
arrays["flags"] = np.array([True, False, True])
arrays["names"] = np.array(["oak", "Fähre", "日本"])
arrays["bytes"] = np.array([b"ab", b"c"])
arrays["records"] = np.array([(1, 2.5, "a"), (3, -4.5, "bc")], dtype=[("n", "<i4"), ("x", "<f8"), ("kind", "<U2")])
files = {f"{name}.npy": saved(lambda stream, array=array: np.save(stream, array)) for name, array in arrays.items()}
files["objects.npy"] = saved(lambda stream: np.save(stream, np.array([{}, None], dtype=object), allow_pickle=True))
files["complex.npy"] = saved(lambda stream: np.save(stream, np.array([1j])))
files["data.npz"] = saved(lambda stream: np.savez(stream, x=grid, y=np.arange(5), kind=np.array(list("abcab"))))
files["deflated.npz"] = saved(lambda stream: np.savez_compressed(stream, x=grid, y=np.arange(5)))
files["uneven.npz"] = saved(lambda stream: np.savez(stream, x=grid, y=np.arange(4)))
files["wide.npz"] = saved(lambda stream: np.savez_compressed(stream, x=np.zeros((2, 20001), "u1")))


def plain(array):
    """Row by row: what each cell holds."""
    rows = array.reshape(len(array), -1).tolist()
    if array.dtype.names:
        return [list(row[0]) for row in rows]
    return [[None if isinstance(value, float) and np.isnan(value) else value.decode() if isinstance(value, bytes) else value for value in row] for row in rows]


content = {"files": files, "rows": {name: plain(array) for name, array in arrays.items()}, "grid": plain(grid)}
pathlib.Path(__file__).with_name("arrays.json").write_text(json.dumps(content) + "\n")
