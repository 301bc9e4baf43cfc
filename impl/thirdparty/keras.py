"""keras with its torch backend, or with that of KERAS_BACKEND: ``keras.losses.CategoricalCrossentropy`` with
``label_smoothing``, and ``keras.layers.MixUp``.

Both take probabilities, so class targets are one-hot encoded with torch first. The layer draws from a seed
of its own, given when it is built: here from Python's generator, as one would who wants runs to repeat.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from lawful.impl.contracts import Adapter, Deviation, LabelSmoothing, Mixup
from lawful.impl.thirdparty import _known

_REDUCTIONS = {"mean": "sum_over_batch_size", "sum": "sum", "none": "none"}


def _label_smoothing(epsilon: float, **features: Any) -> Callable[[Tensor, Tensor], Tensor]:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    if "reduction" in features:
        features["reduction"] = _REDUCTIONS[features["reduction"]]
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=epsilon, **features)

    def call(logits: Tensor, target: Tensor) -> Tensor:
        soft = target if target.is_floating_point() else F.one_hot(target, logits.shape[1])
        result: Tensor = loss(soft.to(logits.dtype), logits)
        return result

    return call


def _mixup(alpha: float, num_classes: int) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    return _Mix(keras.layers.MixUp(alpha, seed=random.getrandbits(31)), num_classes)


@dataclass
class _Mix:
    layer: Any
    num_classes: int

    def __call__(self, inputs: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        rows = target if target.ndim == 2 else F.one_hot(target, self.num_classes)
        batch = {"images": inputs, "labels": rows.float()}
        mixed = self.layer(batch, training=True)
        return mixed["images"], mixed["labels"]


BACKEND = os.environ.get("KERAS_BACKEND", "torch")


def _loss_of_arrays(epsilon: float, **features: Any) -> Any:
    import keras

    if "reduction" in features:
        features["reduction"] = _REDUCTIONS[features["reduction"]]
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=epsilon, **features)

    def call(logits: Any, target: Any) -> Any:
        rows = target if target.ndim == 2 else keras.ops.one_hot(target, logits.shape[1])
        return keras.ops.convert_to_numpy(loss(rows, keras.ops.convert_to_tensor(logits)))

    return call


def _mixup_of_arrays(alpha: float, num_classes: int) -> Any:
    import keras

    return _MixOfArrays(keras.layers.MixUp(alpha, seed=random.getrandbits(31)), num_classes)


@dataclass
class _MixOfArrays:
    layer: Any
    num_classes: int

    def __call__(self, inputs: Any, target: Any) -> Any:
        import keras

        rows = target if target.ndim == 2 else keras.ops.one_hot(target, self.num_classes)
        mixed = self.layer({"images": keras.ops.convert_to_tensor(inputs), "labels": rows}, training=True)
        return tuple(keras.ops.convert_to_numpy(mixed[part]) for part in ("images", "labels"))


_MOVES = {"twin": "Keras moves what it is given to the accelerator that it knows by name, or to the CPU"}

ADAPTERS: tuple[Adapter, ...] = (
    LabelSmoothing(
        "keras",
        _label_smoothing,
        features=frozenset({"reduction", "soft_targets"}),
        deviations=(
            _known.masked_class_is_nan("3.15.1"),
            _known.any_epsilon_is_taken("3.15.1"),
            _known.float64_is_computed_in_float32(
                "targets and logits are cast to keras.config.floatx(), float32 unless it is set",
                r"dtype of the result is float32",
                "3.15.1",
            ),
        ),
        library="keras",
        declines=_MOVES,
    ),
    Mixup(
        "keras",
        _mixup,
        features=frozenset({"num_classes", "soft_targets"}),
        ranks=(4,),
        deviations=(
            Deviation(
                "dtype_and_device_kept",
                "images are cast to the layer's compute dtype, float32 unless a policy says otherwise",
                r"dtype of the mixed inputs is float32",
                {"size": 2, "alpha": 1.0, "seed": 0},
                dtypes=("float64", "bfloat16", "float16"),
                seen_in="3.15.1",
            ),
            Deviation(
                "seeds_differ",
                "the layer draws from a seed generator of its own, which the global seeds do not reach: its "
                "copies in DataLoader workers draw alike",
                r"mixture of a copy under another seed",
                {"size": 4, "alpha": 8.0, "seed": 0},
                seen_in="3.15.1",
            ),
            _known.infinite_alpha_is_taken(r"took alpha inf and returned", "3.15.1"),
            _known.whole_alpha_is_refused(r"raised NotImplementedError", "3.15.1"),
        ),
        library="keras",
        declines=_MOVES,
    ),
)
_OF_ARRAYS: tuple[Callable[..., Any], ...] = (_loss_of_arrays, _mixup_of_arrays)
if BACKEND != "torch":
    ADAPTERS = tuple(
        replace(adapter, name=f"keras_{BACKEND}", build=build, arrays="numpy", declines={})
        for adapter, build in zip(ADAPTERS, _OF_ARRAYS, strict=True)
    )
