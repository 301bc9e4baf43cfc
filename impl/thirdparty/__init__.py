"""One small adapter file a library. A library is imported when its adapter is built, not before."""

from __future__ import annotations

import importlib

from lawful.impl.contracts import Adapter

LIBRARIES = (
    "torch",
    "torchvision",
    "timm",
    "fastai",
    "transformers",
    "keras",
    "kornia",
    "lightning",
    "ignite",
    "torch_lr_finder",
    "segmentation_models_pytorch",
)
"""Those that come with the extra ``thirdparty``, and so with the first command."""
MORE = {
    "monai": "monai",
    "torch_uncertainty": "torch-uncertainty",
    "pytorch_toolbelt": "pytorch-toolbelt",
    "catalyst": "catalyst",
    "classy_vision": "classy-vision",
    "torchtoolbox": "torchtoolbox",
    "torchaug": "torchaug",
    "torchbearer": "torchbearer",
    "holocron": "pylocron",
    "mmpretrain": "mmpretrain",
    "speechbrain": "speechbrain",
    "optax": "optax",
    "tensorflow": "tensorflow-cpu",
    "mlx": "mlx",
    "tinygrad": "tinygrad",
    "paddle": "paddlepaddle",
    "thinc": "thinc",
}
"""Those of the extras ``more`` and ``frameworks``, with their distributions: asked where they are named."""


def adapters(library: str) -> tuple[Adapter, ...]:
    """The shipped adapters of a library. Raises KeyError where there are none."""
    if library not in LIBRARIES and library not in MORE:
        raise KeyError(library)
    make_torchvision_importable()
    found: tuple[Adapter, ...] = importlib.import_module(f"{__name__}.{library}").ADAPTERS
    return found


def make_torchvision_importable() -> None:
    """Before the first import of torchvision, or of what imports it: see ``_torchvision``."""
    from lawful.impl.thirdparty import _torchvision

    _torchvision.make_importable()
