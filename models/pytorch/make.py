"""A network of PyTorch that ends in the logits of three classes.

    PYTHONPATH=models python models/pytorch/make.py

Made with torch 2.15.0, onnxscript 0.7.2, onnx 1.23.2, numpy 2.4.6.
"""

import pathlib
import tempfile

import numpy
import onnx
import students
import torch
from torch import nn

torch.manual_seed(0)
values, classes = students.students(3)
# It cannot handle missing values: training and prediction replace them by -0.1.
known = torch.tensor(numpy.nan_to_num(values, nan=-0.1))
model = nn.Sequential(
    nn.Linear(values.shape[1], 16), nn.LayerNorm(16), nn.GELU(), nn.Dropout(0.1), nn.Linear(16, 8), nn.SiLU(), nn.Linear(8, 3)
)
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for _ in range(80):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(known), torch.tensor(classes)).backward()
    optimizer.step()
model.eval()
with tempfile.TemporaryDirectory() as directory:
    file = pathlib.Path(directory) / "model.onnx"
    shapes = ({0: torch.export.Dim("batch")},)
    torch.onnx.export(model, (known[:2],), str(file), dynamo=True, dynamic_shapes=shapes, external_data=False)
    exported = onnx.load(file)
# The exporter stores the paths of source files on this machine in each node.
for part in [exported.graph, *exported.graph.node, *exported.graph.value_info, *exported.graph.input, *exported.graph.output]:
    part.ClearField("metadata_props")
samples, _ = students.students(3, 40, seed=2)
with torch.no_grad():
    logits = model(torch.tensor(numpy.nan_to_num(samples, nan=-0.1)))
students.write(__file__, exported.SerializeToString(), samples, torch.softmax(logits.double(), 1).numpy(), missing=-0.1)
