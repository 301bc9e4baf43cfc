"""Candidates that do to their process what nobody should: each costs its own row."""

import os
import time

import torch
import torch.nn.functional as F


def forking_label_smoothing(logits, target, smoothing=0.1):
    while True:
        if os.fork() == 0:
            os.setsid()
            time.sleep(3600)
        time.sleep(0.2)
        F.cross_entropy(logits, target, label_smoothing=smoothing)


def allocating_label_smoothing(logits, target, smoothing=0.1):
    kept = []
    while True:
        kept.append(torch.empty(2**26))  # address space is what is limited
        F.cross_entropy(logits, target, label_smoothing=smoothing)


def writing_label_smoothing(logits, target, smoothing=0.1):
    with open("everything", "wb") as file:
        while True:
            file.write(b"x" * 2**20)
            F.cross_entropy(logits, target, label_smoothing=smoothing)


def hanging_label_smoothing(logits, target, smoothing=0.1):
    time.sleep(3600)
    return F.cross_entropy(logits, target, label_smoothing=smoothing)


def reading_label_smoothing(logits, target, smoothing=0.1):
    input("anybody there?")
    return F.cross_entropy(logits, target, label_smoothing=smoothing)


def right_label_smoothing(logits, target, smoothing=0.1):
    if not 0 <= smoothing <= 1:
        raise ValueError(smoothing)
    return F.cross_entropy(logits, target, label_smoothing=smoothing)
