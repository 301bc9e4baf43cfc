"""optax (JAX): ``optax.losses.softmax_cross_entropy`` of ``smooth_labels``, one value a sample."""

from __future__ import annotations

from typing import Any

from lawful.impl.contracts import LabelSmoothing


class _Loss:
    def __init__(self, epsilon: float):
        self.epsilon = epsilon

    def __call__(self, logits: Any, target: Any) -> Any:
        import jax
        import jax.numpy as jnp
        import optax

        jax.config.update("jax_enable_x64", True)  # or float64 is float32 for JAX
        z = jnp.asarray(logits)
        rows = jnp.asarray(target) if target.ndim == 2 else jax.nn.one_hot(target, z.shape[1], dtype=z.dtype)
        return optax.losses.softmax_cross_entropy(z, optax.losses.smooth_labels(rows, self.epsilon))

    def gradient(self, logits: Any, target: Any) -> Any:
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", True)
        return jax.grad(lambda z: self(z, target).sum())(jnp.asarray(logits))


def _label_smoothing(epsilon: float) -> Any:
    return _Loss(epsilon)


ADAPTERS = (
    LabelSmoothing(
        "optax",
        _label_smoothing,
        features=frozenset({"soft_targets"}),
        default_reduction="none",
        library="optax",
        arrays="numpy",
    ),
)
