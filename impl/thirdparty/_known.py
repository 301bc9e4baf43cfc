"""Deviations that several libraries share, each with the example that shows it."""

from __future__ import annotations

from lawful.impl.contracts import Deviation


def masked_class_is_nan(seen_in: str) -> Deviation:
    return Deviation(
        "zero_epsilon_ignores_masked_classes",
        "at epsilon 0 the uniform term is 0 * inf where a class is masked out with -inf",
        r"loss at epsilon 0 is nan",
        {"batch": {"logits": [[0.0, "-inf"]], "target": [0]}},
        link="https://github.com/google-deepmind/optax/issues/896",
        seen_in=seen_in,
    )


def any_epsilon_is_taken(seen_in: str) -> Deviation:
    return Deviation(
        "rejects_bad_epsilon",
        "an epsilon below 0 is taken, and gives a plausible number",
        r"took epsilon -0\.5 and returned",
        {"epsilon": -0.5},
        seen_in=seen_in,
    )


def half_sum_overflows(seen_in: str) -> tuple[Deviation, Deviation]:
    return (
        Deviation(
            "many_classes_do_not_overflow",
            "the sum over classes is kept in float16, whose largest number is 65504",
            r"loss over 20000 classes is inf",
            {"num_classes": 20000, "epsilon": 0.1, "target": 0, "top": 0.0},
            dtypes=("float16",),
            devices=("cpu", "twin"),
            link="https://github.com/huggingface/transformers/issues/10674",
            seen_in=seen_in,
        ),
        Deviation(
            "extreme_logits_stay_finite",
            "the sum over classes is kept in float16, whose largest number is 65504",
            r"loss of extreme logits is inf",
            {
                "shares": {"logits": [[1.0, -1.0, -1.0], [0.0, -1.0, 1.0]], "target": [1, 0]},
                "epsilon": 0.1,
            },
            dtypes=("float16",),
            devices=("cpu", "twin"),
            link="https://github.com/pytorch/pytorch/issues/85791",
            seen_in=seen_in,
        ),
    )


def infinite_alpha_is_taken(message: str, seen_in: str) -> Deviation:
    return Deviation(
        "rejects_bad_alpha",
        "an infinite alpha is taken: Beta(alpha, alpha) is drawn from as if it were a number",
        message,
        {"alpha": "inf", "seed": 0},
        seen_in=seen_in,
    )


def whole_alpha_is_refused(message: str, seen_in: str) -> Deviation:
    return Deviation(
        "whole_alpha_is_a_number",
        "alpha is put into a tensor as it is: from a whole number no Dirichlet law can be drawn",
        message,
        {"size": 2, "alpha": 1, "seed": 0},
        seen_in=seen_in,
    )


def mixed_in_place(seen_in: str) -> Deviation:
    return Deviation(
        "inputs_not_modified",
        "the batch that it is given is written over, which nothing says",
        r"inputs after the call is ",
        {"size": 2, "alpha": 1.0, "seed": 0},
        seen_in=seen_in,
    )


_FLAT = [1.0] * 6


def negative_losses_stop_it(message: str, seen_in: str) -> Deviation:
    return Deviation(
        "negative_losses_do_not_stop_it",
        "a multiple of the best loss is the limit, and lies below a best loss that is negative",
        message,
        {"losses": [-1.0] * 8},
        link="https://github.com/fastai/fastai/issues/962",
        seen_in=seen_in,
    )


def nan_is_a_smoothing_factor(seen_in: str) -> Deviation:
    return Deviation(
        "rejects_undocumented_values",
        "smooth_f is documented to be in [0, 1), and checked by < 0 and >= 1, which NaN passes: it means 0",
        r"took smooth_f=nan and returned",
        {},
        seen_in=seen_in,
    )


def nan_never_stops_it(seen_in: str) -> Deviation:
    return Deviation(
        "stops_on_nonfinite",
        "every comparison with NaN is false: a NaN first loss stays the best, and nothing stops the run",
        r"number of steps is 12, expected at most 1",
        {"calm": 0, "bad": "nan"},
        link="https://github.com/pytorch/ignite/issues/1482",
        seen_in=seen_in,
    )


def mode_or_gradients_are_left(message: str, seen_in: str) -> Deviation:
    return Deviation(
        "restores_mode_and_grads",
        "what the last step left behind stays: gradients, or the mode of the modules",
        message,
        {"losses": _FLAT},
        seen_in=seen_in,
    )


def start_of_zero_is_taken(message: str, seen_in: str) -> Deviation:
    return Deviation(
        "rejects_bad_range",
        "a start of 0 is not refused before the first step",
        message,
        {"bad": "start 0"},
        seen_in=seen_in,
    )


def not_restored_after_an_error(seen_in: str) -> Deviation:
    return Deviation(
        "restores_after_error",
        "the state is put back at the regular end of the run, which an error of a step skips",
        r"what is not as it was before is model \(\w.*\), optimizer \(",
        {"losses": _FLAT, "at": 3},
        seen_in=seen_in,
    )


def one_target_is_broadcast(seen_in: str) -> Deviation:
    return Deviation(
        "rejects_bad_shapes",
        "gather takes fewer targets than samples, and the sum of both terms broadcasts",
        r"took 1 targets for 2 samples and returned",
        {"batch": {"logits": [[0.0, 1.0], [3.0, -2.0]], "target": [1, 1]}, "kept": 1},
        seen_in=seen_in,
    )


def float64_is_computed_in_float32(reason: str, message: str, seen_in: str) -> Deviation:
    return Deviation(
        "float64_keeps_float64",
        reason,
        message,
        {"batch": {"logits": [[0.0, 0.0]], "target": [0]}, "epsilon": 0.1},
        seen_in=seen_in,
    )
