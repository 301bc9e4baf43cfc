"""What an implementation of each technique is: the adapter's shape.

An adapter says how to call somebody's code, and nothing about what the result should be. Five lines
are enough (``my_adapter.py``):

    from lawful.impl.contracts import LabelSmoothing
    from my_losses import SmoothCE

    def build(epsilon, **features):
        return SmoothCE(epsilon, **features)

    adapter = LabelSmoothing("mine", build, features=frozenset({"reduction"}))

and ``lawful check my_adapter.py:adapter`` tests it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any, ClassVar

TECHNIQUES = ("label_smoothing", "mixup", "lr_finder", "training")

HALF = ("bfloat16", "float16")
"""Dtypes that are an end of the range of every law."""

SEVERITIES = {
    "wrong": "ordinary input gives a wrong result, or something of the caller's is changed: a tensor, the "
    "model, the random state",
    "edge": "right on ordinary input, wrong at the end of its range",
    "guard": "invalid input is accepted without an error",
}
"""What it means that a law fails, the worst first."""

_WORKS = ("works", "fails")
WAYS = {
    "vmap": _WORKS,
    "func_grad": _WORKS,
    "double_backward": _WORKS,
    "autocast": _WORKS,
    "inference_mode": _WORKS,
    "deterministic": _WORKS,
    "pickle": _WORKS,
    "compile": ("full", "breaks", "fails"),
    "export": _WORKS,
}
"""Ways in which PyTorch calls a function, with the values of their conventions; ``pickle`` is for modules."""


@dataclass(frozen=True)
class Deviation:
    """A law that this implementation is known to fail, with the example that shows it.

    The example is tried first and alone. If it fails and the failure contains ``message``, the law is
    ``deviates``. If it fails in another way, or passes, the law is ``broken``, so that somebody corrects or
    removes this note.
    """

    property: str
    """The property's id, without the technique: ``many_classes_do_not_overflow``."""
    reason: str
    message: str
    """A regular expression that the failure's message must match."""
    example: Mapping[str, Any]
    """The law's drawn arguments as plain values: numbers, strings, lists, dicts."""
    dtypes: tuple[str, ...] | None = None
    """Where it was seen; None is everywhere."""
    devices: tuple[str, ...] | None = None
    link: str | None = None
    """A public report that was read; None where none is known."""
    seen_in: str = ""
    """Versions of the library in which it was seen."""
    kind: str = "deviation"
    """``known failure`` where it is a user's own, and no adapter's."""
    where: str = "the adapter"
    """The file in which it stands."""

    def no_longer(self) -> str:
        return "no longer broken" if self.kind == "known failure" else "no longer deviates"

    def covers(self, property: str, device: str, dtype: str) -> bool:
        return (
            self.property == property
            and (self.devices is None or device in self.devices)
            and (self.dtypes is None or dtype in self.dtypes)
        )


LEFT_OUT: Any = object()
"""In place of an argument: it is not passed."""


@dataclass(frozen=True)
class Argument:
    """What the documentation says about an argument of ``build``: it is one of ``values``, or a number from
    ``low`` to ``high``. The argument is passed by its name."""

    default: Any = LEFT_OUT
    """What it is where it is not passed; LEFT_OUT where it must be."""
    values: tuple[Any, ...] = ()
    low: float = -math.inf
    high: float = math.inf
    without: tuple[float, ...] = ()
    """The ends that are none of the numbers."""
    whole: bool = False
    """Whether the numbers are whole."""

    def documented(self, part: float) -> list[Any]:
        """Values that it takes: all that are named, or the ends and a number between, ``part`` of the way."""
        if self.values:
            return list(self.values)
        ends = [end for end in (self.low, self.high) if math.isfinite(end) and end not in self.without]
        low = self.low if math.isfinite(self.low) else 0.0
        between = low + part * (self.high - low if math.isfinite(self.high) else 8.0 if self.whole else 1.0)
        return [*ends, *([math.ceil(between)] if self.whole else [between])]

    def undocumented(self) -> list[Any]:
        """Values that it does not take: a name that is none, or numbers just beyond the ends and far off."""
        if self.values:
            return [f"{name}s" for name in self.values[:1] if isinstance(name, str)]
        found: list[Any] = []
        for end, way in ((self.low, -math.inf), (self.high, math.inf)):
            if math.isfinite(end):
                step = math.copysign(1.0, way)
                if self.whole:
                    found += [int(end + step), int(end + 8 * step)]
                else:
                    found += [end if end in self.without else math.nextafter(end, way), end + step]
            if way in self.without or (math.isfinite(end) and not self.whole):
                found.append(way)
        bounded = math.isfinite(self.low) or math.isfinite(self.high)
        return [*found, math.nan] if bounded and not self.whole else found


@dataclass(frozen=True)
class Adapter:
    """What every technique's adapter has. Use the technique's own class below."""

    technique: ClassVar[str]
    usual_features: ClassVar[frozenset[str]] = frozenset()
    """Those that many implementations have."""
    known_features: ClassVar[frozenset[str]] = frozenset()
    """The usual ones, and those that a few offer."""
    call: ClassVar[str] = ""
    """How ``build`` is called in a snippet, where ``called_as`` does not say it otherwise."""

    name: str
    """Short and unique: it is in every report and test id."""
    build: Callable[..., Any]
    features: frozenset[str] = frozenset()
    """The optional features that the implementation offers, of ``known_features``."""
    documented: Mapping[str, str] = field(default_factory=dict)
    """Conventions that the implementation promises; another one detected is then broken."""
    deviations: tuple[Deviation, ...] = ()
    library: str | None = None
    """The distribution that must be installed; None where it is a plain file."""
    imports: str = ""
    """Lines that a stand-alone snippet starts with, such as ``import timm.loss``."""
    feature_names: Mapping[str, str] = field(default_factory=dict)
    """The keywords by which features go in ``called_as``, where they differ from the feature's name."""
    shown_as: str = ""
    """The call in one line, for people, where ``called_as`` is not readable alone."""
    arguments: Mapping[str, Argument] = field(default_factory=dict)
    """What its documentation says of arguments of ``build``, by the names that ``build`` gives them."""
    declines: Mapping[str, str] = field(default_factory=dict)
    """Features that it says it does not have, with where it says so: their laws are not asked."""
    called_as: str = ""
    """The call as an expression for such a snippet; the technique's class names its variables."""
    arrays: str = "torch"
    """``"numpy"`` where what ``build`` gives takes and returns NumPy arrays. A loss may have
    ``gradient(logits, target)`` then: of the sum of its result, in the logits' shape."""

    def __post_init__(self) -> None:
        unknown = sorted(set(self.features) - self.known_features)
        if unknown:
            raise ValueError(
                f"{type(self).__name__}(name={self.name!r}): features has {unknown}, "
                f"expected some of {sorted(self.known_features)}"
            )
        if self.arrays not in ("torch", "numpy"):
            raise ValueError(
                f"{type(self).__name__}(name={self.name!r}): arrays is {self.arrays!r}, "
                "expected 'torch' or 'numpy'"
            )
        if not callable(self.build):
            raise TypeError(
                f"{type(self).__name__}(name={self.name!r}): build is {self.build!r}, "
                "expected something callable"
            )

    def version(self) -> str | None:
        """The installed version of the library; None without a library or where it is absent."""
        try:
            return metadata.version(self.library) if self.library else None
        except metadata.PackageNotFoundError:
            return None

    def installed(self) -> bool:
        return self.library is None or self.version() is not None


@dataclass(frozen=True)
class LabelSmoothing(Adapter):
    """``build(epsilon, **features) -> loss`` and ``loss(logits, target) -> tensor``.

    logits: floating tensor (N, K) with classes in dimension 1; target: int64 (N,). The result is a
    scalar, or (N,) where ``default_reduction`` is ``"none"``.

    Features: ``reduction`` ("mean", "sum" or "none", a keyword of build), ``weight`` (tensor (K,), a
    keyword of build), ``ignore_index`` (int, a keyword of build), ``dense`` (logits (N, K, d...) with
    target (N, d...)), ``soft_targets`` (target (N, K) of probabilities). A few offer besides: ``dim`` (int, a
    keyword of build: the dimension of the classes), ``mask`` (``loss(logits, target, mask=mask)``, bool and
    shaped as classes: True where a token counts, in the mean's divisor too), ``multilabel`` (a keyword of
    build: True makes it the binary cross-entropy of smoothed targets (N, K), 0 and 1, a mean over N K).

    In ``called_as``: ``logits``, ``target``, ``epsilon``, and ``features`` for the keywords, as in
    ``"SmoothCE({epsilon}{features})(logits, target)"``.
    """

    technique: ClassVar[str] = "label_smoothing"
    call: ClassVar[str] = "build({epsilon}{features})({logits}, {target})"
    usual_features: ClassVar[frozenset[str]] = frozenset(
        {"reduction", "weight", "ignore_index", "dense", "soft_targets"}
    )
    known_features: ClassVar[frozenset[str]] = usual_features | {"dim", "mask", "multilabel"}

    default_reduction: str = "mean"
    fixed_epsilon: float | None = None
    """The one epsilon that there is, where none can be passed; laws that vary it are then not asked."""
    ignored: int | None = None
    """The target that it ignores without being told: the default of its parameter, if it has one."""


@dataclass(frozen=True)
class Mixup(Adapter):
    """``build(alpha, num_classes, **features) -> mix`` and ``mix(inputs, target)``.

    inputs: floating tensor (N, ...); target: int64 (N,). The result is the mixed inputs and, in one of
    these forms, the target: soft (N, K); (target_a, target_b, lam) with lam (N,) or a scalar, as a tuple in
    second place or as three more values.

    Randomness comes from ``generator``, or from the global generators of torch, NumPy and random.

    Features: ``generator`` (torch.Generator, a keyword of build), ``num_classes`` (K is used: classes
    beyond it can be refused), ``soft_targets`` (target (N, K) of probabilities), ``eval_mode`` (what build
    gives has ``eval()``, and mixes nothing after; again after ``train()``, where it has that). A few offer
    besides: ``places`` (target int64 (N, d...), which gives rows (N, K, d...) or a pair of it), ``values``
    (``build(alpha, None)``: target (N, ...) of floating point, mixed as it is), ``several_inputs`` (inputs
    are a dict of tensors, and come back as one), ``masks`` (a bool tensor (N, T) in such a dict, True where a
    padded sequence (N, T, F) has something). ``lengths`` can be declined: where the adapter itself gives each
    sample its label, nobody else sees that one is missing.

    In ``called_as``: ``inputs``, ``target``, ``alpha``, ``num_classes`` and ``features``, as in
    ``"Mixup({alpha}, {num_classes}{features})({inputs}, {target})"``.
    """

    technique: ClassVar[str] = "mixup"
    call: ClassVar[str] = "build({alpha}, {num_classes}{features})({inputs}, {target})"
    usual_features: ClassVar[frozenset[str]] = frozenset(
        {"generator", "num_classes", "soft_targets", "eval_mode"}
    )
    known_features: ClassVar[frozenset[str]] = usual_features | {
        "places",
        "values",
        "several_inputs",
        "masks",
    }

    takes_alpha: bool = True
    """False where there is nothing to pass alpha to: its checks are then not asked, its law is."""
    alpha_known: bool = True
    """False where lambda has an alpha of its own that nobody can pass or read: its law is then not asked."""
    ranks: tuple[int, ...] = ()
    """Ranks of inputs, N counted, that it promises to take. Others must be refused or mixed rightly."""
    loss: Callable[[Any, Any], Any] | None = None
    """The matching loss: ``loss(logits (N, K), what mix gave as target)`` to a mean. None: there is none."""
    accuracy: Callable[[Any, Any], Any] | None = None
    """Of a mixed batch: ``accuracy(logits (N, K), what mix gave as target)`` to a mean in [0, 1]. None: there
    is none."""


@dataclass(frozen=True)
class Swept:
    """What a learning-rate range test gives back."""

    lrs: Sequence[float] | None = None
    losses: Sequence[float] | None = None
    """The records; None for both where it keeps none: what the optimizer saw is looked at in their place."""
    suggest: Callable[[], float | None] | None = None
    """The learning rate that it suggests. None: it suggests none."""
    plot: Callable[[], Any] | None = None
    """Draws the curve with Matplotlib, and gives the axes. None: it draws none."""
    reset: Callable[[], None] | None = None
    """Puts back what the test changed. None: that is done already, or never."""
    again: Callable[[], Swept] | None = None
    """Lets the same object run the same test once more. None: it is no object, or made for one run."""
    spread: Sequence[float] | None = None
    """Of the losses over several sweeps: a standard deviation (n - 1) for each record."""
    suggest_groups: Callable[[], Sequence[float] | None] | None = None
    """The learning rates that it suggests, one for each param group."""
    explain: Callable[[], str] | None = None
    """What it suggests, or that it suggests none, with the reason, in words."""
    rules: Mapping[str, Callable[[], float | None]] = field(default_factory=dict)
    """What each of its rules suggests, by the rule's name."""
    plot_rules: Callable[[], Any] | None = None
    """Draws the curve with what each of the rules suggests, and gives the axes."""


@dataclass(frozen=True)
class LRFinder(Adapter):
    """``build(model, optimizer, criterion, loader, *, start_lr, end_lr, num_iter, **features) -> Swept``.

    model: ``model(inputs)`` gives outputs (N, 1); criterion: ``criterion(outputs, targets)`` gives a scalar;
    loader: a DataLoader of (inputs (N, 1), targets (N,)).

    Features: ``divergence`` (a keyword: stop above best + (divergence - 1)|best|), ``smoothing`` (a keyword:
    0 is none), ``suggestion`` (``Swept.suggest`` is there), ``plot`` (``Swept.plot`` is there), ``history``
    (where a test gives one). A few offer besides: ``val_loader`` (a keyword: the losses are those of this
    whole set, each from after its step), ``clip_grad_norm`` (a keyword: the norm that all gradients together
    have at most), ``sweeps`` (a keyword: so many tests, whose losses' mean is given; ``Swept.spread`` is
    there), ``group_suggestions``, ``explanation``, ``several_rules`` (``Swept.suggest_groups``, ``explain``,
    ``rules`` with ``plot_rules`` are there). ``range`` can be declined: where the range, or its end, is its
    own.

    In ``called_as``: ``model``, ``optimizer``, ``criterion``, ``loader``, ``start_lr``, ``end_lr``,
    ``num_iter``, ``features``; the expression gives what has ``lrs`` and ``losses``.
    """

    technique: ClassVar[str] = "lr_finder"
    call: ClassVar[str] = (
        "build({model}, {optimizer}, {criterion}, {loader}, start_lr={start_lr}, end_lr={end_lr}, "
        "num_iter={num_iter}{features})"
    )
    usual_features: ClassVar[frozenset[str]] = frozenset(
        {"divergence", "smoothing", "suggestion", "plot", "history"}
    )
    known_features: ClassVar[frozenset[str]] = usual_features | {
        "val_loader",
        "clip_grad_norm",
        "sweeps",
        "group_suggestions",
        "explanation",
        "several_rules",
    }

    least_steps: int = 1
    """Fewer are refused: laws are then asked of longer tests."""
    linear: bool = False
    """Whether it says that its rates rise linearly."""
    promises_optimizer: bool = True
    """Whether it says that it puts back the optimizer; else it is a choice to put back the model alone."""


@dataclass(frozen=True)
class Trained:
    """What a training run gives back: an entry for each epoch, or None where it keeps no such history."""

    train_loss: Sequence[float] | None = None
    val_loss: Sequence[float] | None = None
    accuracy: Sequence[float] | None = None
    """Of the validation set, in [0, 1]."""


@dataclass(frozen=True)
class Training(Adapter):
    """``build(model, optimizer, loss_fn, train_loader, val_loader, *, mix_loader, alpha, epochs)``.
    It gives a :class:`Trained`.

    ``loss_fn(logits (N, K), target (N,))`` gives a loss for each sample, (N,), as mixup needs.
    ``mix_loader`` gives the partners' batches; None shuffles the batch itself.

    Features: ``mix_loader``, ``shuffle`` (partners from the batch itself), ``unmixed`` (alpha 0 mixes
    nothing), ``scheduler`` (what has a ``step()``, a keyword of build: called after each of the optimizer's
    steps, or after each epoch).

    In ``called_as``: ``model``, ``optimizer``, ``loss_fn``, ``train_loader``, ``val_loader``, ``mix_loader``,
    ``alpha``.
    """

    technique: ClassVar[str] = "training"
    call: ClassVar[str] = (
        "build({model}, {optimizer}, {loss_fn}, {train_loader}, {val_loader}, mix_loader={mix_loader}, "
        "alpha={alpha}, epochs=1)"
    )
    usual_features: ClassVar[frozenset[str]] = frozenset({"mix_loader", "shuffle", "unmixed", "scheduler"})
    known_features: ClassVar[frozenset[str]] = usual_features
