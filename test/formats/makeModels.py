"""Writes test/formats/models.json: models by PyTorch (its ONNX exporter too), h5py in the layouts of Keras, and by hand as TensorFlow.js
keeps them, with inputs and the outputs of PyTorch. Run once: python3 test/formats/makeModels.py (needs torch and h5py)."""

import base64
import io
import json
import pathlib
import struct
import zipfile

import h5py
import numpy as np
import torch
from torch import nn

torch.manual_seed(3)
inputs = torch.randn(6, 4)
files, outputs = {}, {}


def encoded(content):
    return base64.b64encode(content).decode()


def safetensors(tensors, dtype="F32"):
    """https://github.com/huggingface/safetensors, tensors in the order of their names as its own writer has them"""
    header, body = {}, b""
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        kind = "I64" if tensor.dtype == torch.int64 else dtype
        tensor = tensor if kind == "I64" else tensor.to({"F32": torch.float32, "F16": torch.float16, "F64": torch.float64, "BF16": torch.bfloat16}[dtype])
        content = tensor.view(torch.int16).numpy().tobytes() if kind == "BF16" else tensor.numpy().tobytes()
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [len(body), len(body) + len(content)]}
        body += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + body


def onnx(model):
    stream = io.BytesIO()
    torch.onnx.export(model, inputs, stream, input_names=["x"], output_names=["y"], dynamic_axes={"x": {0: "rows"}, "y": {0: "rows"}})
    return stream.getvalue()


def keep(name, content, model):
    files[name] = encoded(content)
    outputs[name] = model(inputs).detach().double().tolist()


sequential = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 3)).eval()


class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 7)
        self.fc2 = nn.Linear(7, 6)
        self.a_last = nn.Linear(6, 2)

    def forward(self, x):
        return self.a_last(torch.tanh(self.fc2(torch.tanh(self.hidden(x)))))


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.third, self.last = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 8, bias=False), nn.Linear(8, 3)

    def forward(self, x):
        h = nn.functional.leaky_relu(self.first(x))
        h = h + nn.functional.gelu(self.second(h))
        h = h + nn.functional.silu(self.third(h))
        return torch.softmax(self.last(h), 1)


class Convolution(nn.Module):
    def __init__(self):
        super().__init__()
        self.filters = nn.Conv1d(1, 2, 2)

    def forward(self, x):
        return self.filters(x.unsqueeze(1)).flatten(1)


named, residual = Named().eval(), Residual().eval()
for dtype in ["F32", "F16", "BF16", "F64"]:
    state = sequential.state_dict()
    narrow = {"F16": torch.float16, "BF16": torch.bfloat16}.get(dtype, torch.float32)
    copy = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 3))
    copy.load_state_dict({name: value.to(narrow).float() for name, value in state.items()})
    keep(f"sequential-{dtype}.safetensors", safetensors(state, dtype), copy)
keep("named.safetensors", safetensors(named.state_dict()), named)
keep("sequential.onnx", onnx(sequential), sequential)
keep("named.onnx", onnx(named), named)
keep("residual.onnx", onnx(residual), residual)
normalised = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
files["batchNorm.safetensors"] = encoded(safetensors(normalised.state_dict()))
files["convolution.onnx"] = encoded(onnx(Convolution().eval()))
stream = io.BytesIO()
torch.save(sequential.state_dict(), stream)
files["sequential.pt"] = encoded(stream.getvalue())

linears = [layer for layer in sequential if isinstance(layer, nn.Linear)]
kernels = [(layer.weight.detach().numpy().T.copy(), layer.bias.detach().numpy().copy()) for layer in linears]
names = ["dense", "dense_1", "dense_2"]
activations = ["relu", "relu", "linear"]


def h5(write):
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        write(file)
    return stream.getvalue()


def keras3(file):
    for name, (kernel, bias) in zip(names, kernels):
        group = file.create_group(f"layers/{name}/vars")
        group["0"], group["1"] = kernel, bias
    file.create_group("optimizer/vars")["0"] = np.arange(3)


def keras2(file, config=None):
    root = file.create_group("model_weights") if config else file
    root.attrs["layer_names"] = [name.encode() for name in names]
    for name, (kernel, bias) in zip(names, kernels):
        group = root.create_group(f"{name}/{name}")
        group["kernel:0"], group["bias:0"] = kernel, bias
    if config:
        file.attrs["model_config"] = json.dumps(config)


layers = [{"class_name": "InputLayer", "config": {"name": "input"}}] + [{"class_name": "Dense", "config": {"name": name, "activation": activation, "units": 1}} for name, activation in zip(names, activations)]
config = {"class_name": "Sequential", "config": {"name": "sequential", "layers": layers}}
keep("dense.weights.h5", h5(keras3), sequential)
keep("legacy.weights.h5", h5(keras2), sequential)
keep("legacy.h5", h5(lambda file: keras2(file, config)), sequential)
archive = io.BytesIO()
with zipfile.ZipFile(archive, "w") as file:
    file.writestr("metadata.json", json.dumps({"keras_version": "3.0.0"}))
    file.writestr("config.json", json.dumps(config))
    file.writestr("model.weights.h5", h5(keras3))
keep("dense.keras", archive.getvalue(), sequential)
weights = [entry for name, (kernel, bias) in zip(names, kernels) for entry in [(f"{name}/kernel", kernel), (f"{name}/bias", bias)]]
shard = b"".join(value.astype("<f4").tobytes() for _, value in weights)
manifest = [{"paths": ["group1-shard1of2.bin", "group1-shard2of2.bin"], "weights": [{"name": name, "shape": list(value.shape), "dtype": "float32"} for name, value in weights]}]
keep("model.json", json.dumps({"format": "layers-model", "modelTopology": {"keras_version": "2.15.0", "model_config": config}, "weightsManifest": manifest}).encode(), sequential)
files["group1-shard1of2.bin"], files["group1-shard2of2.bin"] = encoded(shard[:101]), encoded(shard[101:])

content = {"files": files, "inputs": inputs.double().flatten().tolist(), "outputs": {name: np.array(value).flatten().tolist() for name, value in outputs.items()}}
pathlib.Path(__file__).with_name("models.json").write_text(json.dumps(content) + "\n")
