"""The one place that lets PyPI's torchvision import beside a CPU-only torch.

PyPI's torchvision is linked against CUDA, so beside a CPU build of torch its compiled operators do
not load, and ``import torchvision`` (so also timm and fastai) raises "operator torchvision::nms does
not exist" while it registers fake kernels for them. Nothing under test uses those operators: an
empty module in place of the registrations lets the import through.
"""

from __future__ import annotations

import sys
import types

import torch

NEEDED = torch.version.cuda is None and torch.version.hip is None

LINES = (
    "import sys, types\n"
    "# PyPI's torchvision does not import beside a CPU-only torch: leave out its compiled operators\n"
    'sys.modules["torchvision._meta_registrations"] = types.ModuleType("_meta_registrations")\n'
    if NEEDED
    else ""
)
"""The same for a stand-alone snippet."""


def make_importable() -> None:
    """To be called before the first import of torchvision, or of what imports it."""
    name = "torchvision._meta_registrations"
    if NEEDED and "torchvision" not in sys.modules:
        sys.modules.setdefault(name, types.ModuleType(name))
