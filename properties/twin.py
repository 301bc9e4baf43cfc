"""A stand-in accelerator: the device ``twin`` is made of CPU memory, and is another place all the same.

Values and gradients are those of the CPU, bit for bit. What an accelerator would refuse is refused: an
operation on tensors of two devices (a CPU scalar and CPU indices are taken, as CUDA takes them), a generator
of another device, NumPy. What would make the host wait is counted, an index beyond its tensor an assertion
of the device. It shows on any machine where tensors are and how often the host waits; of kernels, their
numerics and streams it says nothing.

It stands on PyTorch's PrivateUse1 key, through a call that is private still: :func:`why_absent` says where
that is missing. A tensor of the twin is a :class:`TwinTensor` around one of the CPU; autograd is PyTorch's.
"""

from __future__ import annotations

import contextlib
import functools
import re
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils._pytree import tree_leaves, tree_map

NAME = "twin"
_ATEN = torch.ops.aten


@dataclass
class Seen:
    """What was seen on the twin since it was looked at last."""

    waits: list[str] = field(default_factory=list)
    """The operations for which the host had to wait for the device, within :func:`looking`."""
    asked_for_cuda: bool = False
    """Whether code asked a tensor of the twin for ``is_cuda``."""
    looking: bool = False
    """Whether it is somebody's code that runs, and not an instrument of ours."""

    def waited(self, operation: object) -> None:
        if self.looking:
            self.waits.append(str(operation))


_seen = Seen()


@functools.cache
def why_absent() -> str | None:
    """None where the device ``twin`` is there and works; else the reason why it does not.

    The first tensor there takes PyTorch a second: what needs no twin is to do with :func:`registered`.
    """
    reason = registered()
    if reason is not None:
        return reason
    try:
        x = torch.ones(2, device=NAME, requires_grad=True)
        with torch.enable_grad():
            (x * x).sum().backward()
    except (RuntimeError, TypeError, AttributeError, NotImplementedError) as error:
        return _reason(error)
    if x.grad is None or x.grad.tolist() != [2.0, 2.0]:
        return f"torch {torch.__version__}: a first gradient came out wrong"
    return None


def known_absence() -> str | None:
    """The reason why it is not there as far as that is known without a first tensor; else None."""
    return why_absent() if why_absent.cache_info().currsize else registered()


@functools.cache
def registered() -> str | None:
    """Tells PyTorch of the device; None, or the reason why it cannot.

    PyTorch counts devices when it first goes backward: a process has to call this before. It may be forked
    after it.
    """
    try:
        from torch.utils.backend_registration import _setup_privateuseone_for_python_backend
    except ImportError:
        return f"torch {torch.__version__} has no Python backends"
    try:
        _setup_privateuseone_for_python_backend(NAME, backend_module=_Module(), hook=_hook())
        library = torch.library.Library("_", "IMPL")
        library.fallback(_fallback, "PrivateUse1")
        _kept.append(library)
        factories = torch.library.Library("aten", "IMPL")
        for name in _RESIZED:
            factories.impl(name, functools.partial(_made, name), "PrivateUse1")
        factories.impl("_copy_from", _copy_from, "PrivateUse1")
        _kept.append(factories)
    except (RuntimeError, TypeError, AttributeError, NotImplementedError) as error:
        return _reason(error)
    return None


def _reason(error: Exception) -> str:
    if "device_ready_queues_" in str(error):
        return "this process had gone backward before the twin was there"
    return f"torch {torch.__version__}: {type(error).__name__}: {str(error).splitlines()[0]}"


_kept: list[torch.library.Library] = []
"""A registration ends with its library object."""
_RESIZED = ("arange", "arange.start", "arange.start_step", "linspace", "logspace", "eye", "eye.m")
"""Factories that make an empty tensor and resize it, which a :class:`TwinTensor` cannot be."""


class _Module:
    """``torch.twin``: what PyTorch asks of the module of a device."""

    def is_initialized(self) -> bool:
        return True

    def is_available(self) -> bool:
        """No: code that looks for an accelerator to use by itself is not to find this one."""
        return False

    def current_device(self) -> int:
        return 0

    def device_count(self) -> int:
        return 1

    def _is_in_bad_fork(self) -> bool:
        return False

    def manual_seed_all(self, seed: int) -> None:
        """Nothing: the twin draws from the CPU's generator."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]


def _hook() -> Any:
    class Hook(torch._C._acc.PrivateUse1Hooks):
        """What PyTorch's own dummy says, but for being available."""

        def is_available(self) -> bool:
            return False

        def has_primary_context(self, device: int) -> bool:
            return True

        def is_built(self) -> bool:
            return True

    return Hook()


class MixedDevices(RuntimeError):
    """Tensors of the twin and of the CPU in one operation: CUDA would refuse it in the same words."""


class DeviceAssertion(RuntimeError):
    """An index beyond its tensor: no host has looked at it, and CUDA says no more than this."""


class TwinTensor(torch.Tensor):
    """A tensor that says it is on the twin, around one of the CPU."""

    _cpu: torch.Tensor

    @staticmethod
    def __new__(cls, data: torch.Tensor) -> TwinTensor:
        made: TwinTensor = torch.Tensor._make_wrapper_subclass(
            cls,
            data.size(),
            strides=data.stride(),
            storage_offset=data.storage_offset(),
            dtype=data.dtype,
            device=torch.device(NAME, 0),
            requires_grad=False,
        )
        made._cpu = data
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return _dispatched(func, args, kwargs or {})

    @property
    def is_cuda(self) -> bool:  # type: ignore[override]
        """False, and remembered: such code takes another way on CUDA than here."""
        _seen.asked_for_cuda = True
        return False

    def numpy(self, *, force: bool = False) -> Any:
        """Refused in CUDA's words; with ``force`` a copy, for which the host waits."""
        if force:
            return self.detach().cpu().numpy()
        raise TypeError(
            f"can't convert {NAME}:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to "
            "host memory first."
        )

    def tolist(self) -> Any:
        return self.detach().cpu().tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.numpy()

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        return repr(self._cpu.detach()).removesuffix(")") + f", device='{NAME}:0')"


class TwinGenerator(torch.Generator):
    """The CPU's, that says it is of the twin: ``torch.Generator("twin")`` makes none."""

    def __init__(self) -> None:
        _generators[self._cdata] = self  # type: ignore[attr-defined]

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return torch.device(NAME, 0)


_generators: weakref.WeakValueDictionary[int, TwinGenerator] = weakref.WeakValueDictionary()
"""By the address of what they wrap: an operation is given another Python object around the same."""


def generator(device: str, seed: int) -> torch.Generator:
    """A seeded generator of any device."""
    made = TwinGenerator() if device == NAME else torch.Generator(device)
    return made.manual_seed(seed)


@contextlib.contextmanager
def watched() -> Iterator[Seen]:
    """Within, what is seen on the twin: what was seen before is forgotten."""
    _seen.waits, _seen.asked_for_cuda = [], False
    yield _seen


def asked_for_cuda() -> bool:
    return _seen.asked_for_cuda


@contextlib.contextmanager
def looking(at_it: bool = True) -> Iterator[None]:
    """Within, waits are counted; or not, where an instrument of ours looks at a value."""
    before, _seen.looking = _seen.looking, at_it
    try:
        yield
    finally:
        _seen.looking = before


def _fallback(func: Any, *args: Any, **kwargs: Any) -> Any:
    """Operations that no tensor of the twin leads to: what makes one."""
    return _dispatched(func, args, kwargs)


def _made(name: str, *args: Any, **kwargs: Any) -> TwinTensor:
    packet, _, overload = name.partition(".")
    func = getattr(getattr(_ATEN, packet), overload or "default")
    return TwinTensor(func(*args, **{**kwargs, "device": torch.device("cpu"), "pin_memory": None}))


def _copy_from(source: torch.Tensor, target: torch.Tensor, non_blocking: bool = False) -> torch.Tensor:
    """The copy inside ``torch.tensor(..., device="twin")``."""
    if not non_blocking:
        _seen.waited("aten.copy_.default")
    _unwrapped(target).copy_(_unwrapped(source))
    return target


_COPIES = (_ATEN._to_copy.default, _ATEN.copy_.default)
_TAKES_CPU_INDICES = (
    _ATEN.index.Tensor,
    _ATEN.index_put.default,
    _ATEN.index_put_.default,
    _ATEN._index_put_impl_.default,
)
_WAITS = re.compile(
    r"aten\.(_local_scalar_dense|item|nonzero|nonzero_numpy|equal|masked_select|_unique|_unique2|unique_dim"
    r"|unique_consecutive|is_nonzero|bincount|repeat_interleave\.Tensor)\b"
)
"""Operations whose result, or its size, the host has to know before it goes on."""


_INDEXED = (
    *(
        "nll_loss_forward",
        "nll_loss2d_forward",
        "nll_loss_backward",
        "nll_loss2d_backward",
        "embedding",
        "take",
    ),
    *("gather", "scatter", "scatter_", "scatter_add", "scatter_add_", "scatter_reduce", "scatter_reduce_"),
    *("index", "index_put", "index_put_", "_index_put_impl_", "index_select", "index_add", "index_add_"),
)
"""Operations whose indices stand in a tensor."""
_BEYOND = re.compile(r"out of .*bounds|index out of range")


def _dispatched(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    leaves = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    twins = [leaf for leaf in leaves if isinstance(leaf, TwinTensor)]
    wanted = kwargs.get("device")
    place = torch.device(wanted).type if wanted is not None else NAME if twins else "cpu"
    if func in _COPIES:
        return _copied(func, args, kwargs, place)
    _check_devices(func, args, leaves, twins)
    if _WAITS.match(str(func)) or (func in _TAKES_CPU_INDICES and _looks_at_the_index(args)):
        _seen.waited(func)
    plain = {**kwargs}
    if wanted is not None and place == NAME:
        plain["device"] = torch.device("cpu")
    _check_generator(plain.get("generator"), place)
    try:
        out = func(*tree_map(_unwrapped, args), **tree_map(_unwrapped, plain))
    except (IndexError, RuntimeError) as error:
        if twins and str(func).split(".")[1] in _INDEXED and _BEYOND.search(str(error)):
            raise DeviceAssertion("device-side assert triggered") from error
        raise
    known = {id(twin._cpu): twin for twin in twins}
    for twin in twins:
        if twin.shape != twin._cpu.shape:
            _reshaped(func, twin)
    return tree_map(lambda each: _wrapped(each, known), out) if place == NAME else out


def _wrapped(value: Any, known: dict[int, TwinTensor]) -> Any:
    """In place and ``out=`` give back the tensor that they were given."""
    if not _is_plain(value):
        return value
    return known[id(value)] if id(value) in known else TwinTensor(value)


def _is_plain(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and not isinstance(value, TwinTensor)


def _unwrapped(value: Any) -> Any:
    return value._cpu if isinstance(value, TwinTensor) else value


def _copied(func: Any, args: Any, kwargs: dict[str, Any], place: str) -> Any:
    """To and from the twin. The host waits, but for a copy that is ``non_blocking`` towards the device."""
    if func is _ATEN.copy_.default:
        target, source = args[0], args[1]
        crossing = isinstance(target, TwinTensor) != isinstance(source, TwinTensor)
        non_blocking = kwargs.get("non_blocking") or (len(args) > 2 and args[2])
        if crossing and not (isinstance(target, TwinTensor) and non_blocking):
            _seen.waited(func)
        _unwrapped(target).copy_(_unwrapped(source))
        return target
    (source,) = args
    crossing = isinstance(source, TwinTensor) != (place == NAME)
    if crossing and not (place == NAME and kwargs.get("non_blocking")):
        _seen.waited(func)
    plain = {**kwargs, "device": torch.device("cpu")} if "device" in kwargs else kwargs
    out = func(_unwrapped(source), **plain)
    return TwinTensor(out) if place == NAME else out


def _check_devices(func: Any, args: Any, leaves: list[torch.Tensor], twins: list[TwinTensor]) -> None:
    """Refuses what CUDA refuses: but for scalars, all tensors are in one place."""
    others = [leaf for leaf in leaves if not isinstance(leaf, TwinTensor)]
    if not twins or not others:
        return
    first = next(iter(args), None)
    in_place = func._schema.arguments and func._schema.arguments[0].alias_info is not None
    if func in _TAKES_CPU_INDICES and isinstance(first, TwinTensor):
        others = [each for each in args[2:] if _is_plain(each) and each.dim() > 0]
    elif not (in_place and _is_plain(first)) and str(func).split(".")[1] not in _NO_SCALARS:
        others = [each for each in others if each.dim() > 0]
    if others:
        raise MixedDevices(
            "Expected all tensors to be on the same device, but found at least two devices, "
            f"{NAME}:0 and cpu! (when {str(func).removesuffix('.default')} was called)"
        )


_NO_SCALARS = ("cat", "stack", "gather", "scatter", "scatter_add", "index_select", "mm", "addmm", "bmm")
"""Operations that take no scalar of another device either."""


def _looks_at_the_index(args: Any) -> bool:
    """Whether a mask is among the indices, which has to be counted; or one of the CPU, which is copied."""
    indices = [each for each in args[1] if each is not None]
    assigned = args[2] if len(args) > 2 else None
    fills = isinstance(assigned, torch.Tensor) and assigned.dim() == 0
    masks = any(each.dtype in (torch.bool, torch.uint8) for each in indices)
    on_twin = isinstance(args[0], TwinTensor)
    return (masks and not fills and on_twin) or (on_twin and any(map(_is_plain, indices)))


def _check_generator(found: Any, place: str) -> None:
    if found is None:
        return
    own = NAME if found._cdata in _generators else found.device.type
    if place != own:
        raise RuntimeError(f"Expected a '{place}' device type for generator but found '{own}'")


def _reshaped(func: Any, twin: TwinTensor) -> None:
    """Operations that change a tensor's own shape, such as ``unsqueeze_``, change it here too."""
    if torch.Tag.inplace_view not in func.tags:
        raise NotImplementedError(f"{func} resizes a tensor in place, which the twin cannot")
    size, stride = twin._cpu.size(), twin._cpu.stride()
    with torch.utils._mode_utils.no_dispatch():
        torch.ops.aten.as_strided_.default(twin, size, stride)
