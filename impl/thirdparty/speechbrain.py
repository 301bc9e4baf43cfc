"""SpeechBrain: ``nll_loss`` and ``kldiv_loss`` of log-probabilities, with ``label_smoothing``.

Both import torchaudio, whose operators are linked against CUDA and do not load beside a CPU build of torch;
nothing here uses them, so that they are left out there, as torchvision's are.
"""

from __future__ import annotations

import sys
import types
from typing import Any

from lawful.impl.contracts import Deviation, LabelSmoothing
from lawful.impl.thirdparty import _torchvision

LINES = (
    _torchvision.LINES
    + """\
# nor does its torchaudio
extension = sys.modules["torchaudio._extension"] = types.ModuleType("torchaudio._extension")
extension._IS_TORCHAUDIO_EXT_AVAILABLE, extension.fail_if_no_align = False, lambda function: function
"""
    if _torchvision.NEEDED
    else ""
)


def make_importable() -> None:
    """To be called before the first import of torchaudio."""
    name = "torchaudio._extension"
    if _torchvision.NEEDED and "torchaudio" not in sys.modules:
        extension: Any = sys.modules.setdefault(name, types.ModuleType(name))
        extension._IS_TORCHAUDIO_EXT_AVAILABLE, extension.fail_if_no_align = False, lambda function: function


def _nll(epsilon: float, **features: Any) -> Any:
    make_importable()
    from speechbrain.nnet.losses import nll_loss

    return lambda logits, target: nll_loss(logits.log_softmax(1), target, label_smoothing=epsilon, **features)


def _kldiv(epsilon: float, **features: Any) -> Any:
    make_importable()
    from speechbrain.nnet.losses import kldiv_loss

    return lambda logits, target: kldiv_loss(
        logits.log_softmax(1), target, label_smoothing=epsilon, pad_idx=-1, **features
    )


ADAPTERS = (
    LabelSmoothing(
        "speechbrain_nll",
        _nll,
        features=frozenset({"reduction", "weight"}),
        deviations=(
            Deviation(
                "reductions_agree",
                "reduction='sum', which its documentation offers, gives one value a sample",
                r"loss with reduction 'sum', against that of 'none', is \[0\.69\d*\], expected of shape \(\)",
                {"batch": {"logits": [[0.0, 0.0]], "target": [0]}, "epsilon": 0.1},
                seen_in="1.1.2",
            ),
        ),
        library="speechbrain",
        imports=LINES,
    ),
    LabelSmoothing(
        "speechbrain_kldiv",
        _kldiv,
        documented={"off_target": "others", "offset": "kl"},
        deviations=(
            Deviation(
                "matches_reference",
                "with smoothing, reduction='mean' gives the sum over the samples: it takes the mean of a sum",
                r"^loss is ",
                {"batch": {"logits": [[0.0, 1.0], [0.0, 0.0]], "target": [0, 0]}, "epsilon": 0.1},
                seen_in="1.1.2",
            ),
        ),
        library="speechbrain",
        imports=LINES,
    ),
)
