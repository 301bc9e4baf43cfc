"""More forms of a mixup, each right and wrong: see ``forms``."""

import numpy as np
import torch
import torch.nn.functional as F

from .forms import _blend, _lam


def _lams(alpha, x):
    """A lambda for each sample, (N,)."""
    return torch.from_numpy(np.random.beta(alpha, alpha, len(x))).to(x.dtype)


def _wide(lam, x):
    return lam.reshape(-1, *[1] * (x.ndim - 1))


def binary_labels(x, y, alpha=1.0):
    """Labels are 0 and 1, (N,), and so are their mixtures: a lambda for each sample."""
    lam, index = _lams(alpha, x), torch.randperm(len(x))
    return _blend(x, _wide(lam, x), index), lam * y + (1 - lam) * y[index]


def binary_labels_wrong(x, y, alpha=1.0):
    lam, index = _lams(alpha, x), torch.randperm(len(x))
    return _blend(x, _wide(lam, x), index), (1 - lam) * y + lam * y[index]


def dicts_in_a_dict_out(samples, num_classes, alpha=1.0):
    """A ``collate_fn`` of samples that have a name too."""
    x = torch.stack([torch.as_tensor(each["waveform"]) for each in samples])
    rows = F.one_hot(torch.as_tensor([each["label"] for each in samples]), num_classes).to(x.dtype)
    names = [each["filename"] for each in samples]
    lam, index = _lam(alpha), torch.randperm(len(x))
    return {"waveform": _blend(x, lam, index), "label": _blend(rows, lam, index), "filename": names}


def dicts_in_a_dict_out_wrong(samples, num_classes, alpha=1.0):
    mixed = dicts_in_a_dict_out(samples, num_classes, alpha)
    return {**mixed, "label": mixed["label"].flip(0)}


def mixup_lambdas_given(x, y, mixup_lambda):
    """Lambda is an array, one for each sample."""
    assert isinstance(mixup_lambda, np.ndarray)
    lam = torch.from_numpy(mixup_lambda).to(x.dtype)
    return _blend(x, _wide(lam, x), torch.arange(len(x)).flip(0)), y, y.flip(0)


def mixup_lambdas_given_wrong(x, y, mixup_lambda):
    mixed, own, other = mixup_lambdas_given(x, y, mixup_lambda)
    return mixed, other, own


def lambda_and_index_given(x, y, lam, index):
    """Nothing is drawn."""
    return _blend(x, lam, index), y, y[index]


def lambda_and_index_given_wrong(x, y, lam, index):
    return _blend(x, lam, index), y[index], y


def never_given_labels(x, lam):
    """Called for the inputs, and again for the labels: it mixes whatever it is given with the next one."""
    return lam * x + (1 - lam) * x.roll(1, 0)


def never_given_labels_wrong(x, lam):
    return lam * x + (1 - lam) * x.roll(1 if x.ndim > 2 else 2, 0)


def never_given_labels_but_the_index(x, lam, perm):
    """The labels are the caller's to pair, who knows the partners."""
    return _blend(x, lam, perm)


def never_given_labels_but_the_index_wrong(x, lam, perm):
    return lam * x + (1 - lam) * x[perm] * 0.5


def every_other_one(x, mixup_lambda):
    """Neighbours are mixed: two batches in one, of which one comes back; a lambda for each of the samples."""
    lam = _wide(mixup_lambda, x)
    return x[0::2] * lam[0::2] + x[1::2] * lam[1::2]


def every_other_one_wrong(x, mixup_lambda):
    lam = _wide(mixup_lambda, x)
    return x[0::2] * lam[0::2] + x[1::2] * (lam[1::2] if x.ndim > 2 else lam[0::2])


def halves(batch, labels, alpha=1.0):
    """The first half is mixed with the second."""
    (x1, x2), (y1, y2) = batch.chunk(2), labels.chunk(2)
    lam = _lam(alpha)
    return lam * x1 + (1 - lam) * x2, lam * y1 + (1 - lam) * y2


def halves_wrong(batch, labels, alpha=1.0):
    mixed, rows = halves(batch, labels, alpha)
    return mixed, rows.flip(0)


class CutMixToo:
    """Options of CutMix have to be given: with them it is none."""

    turned = False

    def __init__(self, mixup_alpha, cutmix_alpha, cutmix_prob, switch_prob, num_classes, label_smoothing=0.1):
        self.alpha, self.cut, self.prob = mixup_alpha, cutmix_alpha, cutmix_prob
        self.switch, self.classes, self.smoothing = switch_prob, num_classes, label_smoothing

    def __call__(self, x, y):
        rows = F.one_hot(y, self.classes) * (1 - self.smoothing) + self.smoothing / self.classes
        if self.cut > 0 or np.random.rand() < max(self.prob, self.switch):
            return x.flip(0), rows.flip(0)
        lam, index = _lam(self.alpha), torch.randperm(len(x))
        return _blend(x, lam, index), _blend(rows.to(x.dtype), 1 - lam if self.turned else lam, index)


class CutMixTooWrong(CutMixToo):
    turned = True


def label_and_lambda_back(x1, y1, x2, y2, alpha=1.0):
    """Of two batches, the mixed label and lambda: the label is what is judged."""
    lam = _lam(alpha)
    return lam * x1 + (1 - lam) * x2, lam * y1 + (1 - lam) * y2, lam


def label_and_lambda_back_wrong(x1, y1, x2, y2, alpha=1.0):
    lam = _lam(alpha)
    return lam * x1 + (1 - lam) * x2, (1 - lam) * y1 + lam * y2, lam


def of_two_parameters(x, y, alpha=2, beta=8):
    """Beta's other parameter has a name, and a value, of its own."""
    lam, index = float(np.random.beta(alpha, beta)), torch.randperm(len(x))
    return _blend(x, lam, index), y, y[index], lam


def of_two_parameters_wrong(x, y, alpha=2, beta=8):
    lam, index = float(np.random.beta(alpha, beta)), torch.randperm(len(x))
    return _blend(x, lam, index), y[index], y, lam


def pairs_of_batches(batch_one, batch_two, alpha=1.0):
    """Two tuples."""
    (x1, y1), (x2, y2) = batch_one, batch_two
    lam = _lam(alpha)
    return lam * x1 + (1 - lam) * x2, lam * y1 + (1 - lam) * y2


def pairs_of_batches_wrong(batch_one, batch_two, alpha=1.0):
    (x1, y1), (x2, y2) = batch_one, batch_two
    lam = _lam(alpha)
    return lam * x1 + (1 - lam) * x2, (1 - lam) * y1 + lam * y2


def samples_of_tensors(samples, alpha=1.0):
    """A ``collate_fn``, of labels that are tensors."""
    x = torch.stack([image for image, _ in samples])
    y = torch.stack([label for _, label in samples])
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, lam, index), (y, y[index], lam)


def samples_of_tensors_wrong(samples, alpha=1.0):
    mixed, (own, other, lam) = samples_of_tensors(samples, alpha)
    return mixed, (other, own, lam)


class HandsItsOptionsOn:
    """Its options are those of what it hands them on to, and of what it reads of them."""

    def __init__(self, **options):
        self.num_classes, self.options = options.get("num_classes", 10), options

    def __call__(self, x, y):
        rows = F.one_hot(y, self.num_classes).to(x.dtype)
        return _mixes(x, rows, self.options.get("mixup_alpha", 0.2))


def _mixes(x, rows, alpha):
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, lam, index), _blend(rows, lam, index)


class HandsItsOptionsOnWrong(HandsItsOptionsOn):
    def __call__(self, x, y):
        mixed, rows = super().__call__(x, y)
        return mixed, rows.flip(0)


# what is understood, and wrong in every form


def hidden_state_left_alone(hidden, y, num_classes, alpha=1.0):
    """The targets are mixed, and what they belong to is not."""
    lam, index = _lam(alpha), torch.randperm(len(hidden))
    return hidden, _blend(F.one_hot(y, num_classes).to(hidden.dtype), lam, index)


def labels_left_alone(x, y, alpha=1.0):
    """The inputs are mixed, and the labels are those of one sample."""
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, lam, index), y


def too_many_dimensions(x, y, num_classes, alpha=1.0):
    """lambda (N, 1, 1, 1) times rows (N, K) is (N, 1, N, K)."""
    lam, index = torch.from_numpy(np.random.beta(alpha, alpha, (len(x), 1, 1, 1))), torch.randperm(len(x))
    rows = F.one_hot(y, num_classes).to(x.dtype)
    lam = lam.to(x.dtype)
    return lam * x + (1 - lam) * x[index], lam * rows + (1 - lam) * rows[index]


def applied_the_wrong_way_round(x, y, alpha=1.0, p=0.5):
    """p is the probability with which nothing is mixed."""
    if np.random.rand() < p:
        return x, y, y, 1.0
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, lam, index), y, y[index], lam


def blends_class_numbers(x, y, alpha=1.0):
    """Mixes class indices, (N,), as numbers: half of 0 and half of 4 is 2."""
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, lam, index), lam * y + (1 - lam) * y[index]


def casts_mixed_labels(x, y, alpha=1.0):
    """And makes whole numbers of them."""
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, lam, index), (lam * y + (1 - lam) * y[index]).long()


def casts_mixed_rows(x, y, num_classes, alpha=1.0):
    """Shares of rows, as whole numbers, are 0."""
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, lam, index), _blend(F.one_hot(y, num_classes), lam, index).long()


def labels_by_position(x, *y, alpha=1.0):
    """Any number of labels, each mixed."""
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, lam, index), *(_blend(each, lam, index) for each in y)


def labels_by_position_wrong(x, *y, alpha=1.0):
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, lam, index), *(_blend(each, 1 - lam, index) for each in y)


def gate_of_another(x, y, num_classes, cutmix_prob=0.5, alpha=1.0):
    """It mixes with the probability that is called after another technique."""
    rows = F.one_hot(y, num_classes).to(x.dtype)
    if np.random.rand() > cutmix_prob:
        return x, rows
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, lam, index), _blend(rows, lam, index)


def gate_of_another_wrong(x, y, num_classes, cutmix_prob=0.5, alpha=1.0):
    rows = F.one_hot(y, num_classes).to(x.dtype)
    if np.random.rand() > cutmix_prob:
        return x, rows
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, lam, index), _blend(rows, 1 - lam, index)


def mixup_of_two_drawn(x, y, alpha=1.0):
    """A data set of new samples, each of two that are drawn: no row has a sample of its own."""
    one, other = torch.randint(len(x), (len(x),)), torch.randint(len(x), (len(x),))
    lam = _lams(alpha, x)
    mixed = _wide(lam, x) * x[one] + (1 - _wide(lam, x)) * x[other]
    return mixed, lam[:, None] * y[one] + (1 - lam[:, None]) * y[other]


def seldom_for_large_alpha(x, y, alpha=1.0):
    """Only shares above 0.8 are taken."""
    lam, index = _lam(alpha), torch.randperm(len(x))
    lam = lam if lam > 0.8 else 1.0
    return _blend(x, lam, index), y, y[index], lam


def mixup_step(model, x, y, alpha=1.0):
    """It calls the model itself, and gives the loss."""
    lam, index = _lam(alpha), torch.randperm(len(x))
    output = model(_blend(x, lam, index))
    return lam * F.cross_entropy(output, y) + (1 - lam) * F.cross_entropy(output, y[index])


def mixup_step_wrong(model, x, y, alpha=1.0):
    lam, index = _lam(alpha), torch.randperm(len(x))
    output = model(_blend(x, lam, index))
    return (1 - lam) * F.cross_entropy(output, y) + lam * F.cross_entropy(output, y[index])


class MixupBatches:
    """It takes all data, and gives batches: two of the size make one."""

    turned = False

    def __init__(self, x_train, y_train, batch_size=32, alpha=0.2, shuffle=True):
        self.data, self.size, self.alpha, self.shuffle = (x_train, y_train), batch_size, alpha, shuffle

    def __call__(self):
        order = np.arange(len(self.data[0]))
        while True:
            if self.shuffle:
                np.random.shuffle(order)
            for first in range(0, len(order) - 2 * self.size + 1, 2 * self.size):
                own, other = np.split(order[first : first + 2 * self.size], 2)
                lam = np.random.beta(self.alpha, self.alpha, self.size)
                x, y = self.data
                share = lam.reshape(-1, *[1] * (x.ndim - 1))
                labels = 1 - lam[:, None] if self.turned else lam[:, None]
                mixed = share * x[own] + (1 - share) * x[other]
                yield mixed.astype(x.dtype), labels * y[own] + (1 - labels) * y[other]


class MixupBatchesWrong(MixupBatches):
    turned = True


def configured_mixup(x, y, config=None):
    """Without a configuration it is switched off."""
    if config is None or not config.enabled:
        return x, y
    lam, index = _lam(config.alpha), torch.randperm(len(x))
    return _blend(x, lam, index), y, y[index], lam


def configured_mixup_wrong(x, y, config=None):
    if config is None or not config.enabled:
        return x, y
    lam, index = _lam(config.alpha), torch.randperm(len(x))
    return _blend(x, lam, index), y[index], y, lam


def numbers_of_two_drawn(x, y, alpha=1.0):
    """Both samples of a mixture are drawn, and labels of 0 and 1 are blended as numbers."""
    lam, (one, other) = _lams(alpha, x), torch.randint(len(x), (2, len(x)))
    return _wide(lam, x) * x[one] + (1 - _wide(lam, x)) * x[other], lam * y[one] + (1 - lam) * y[other]


def of_a_generator_of_its_own(x, y, rng, alpha=1.0):
    """NumPy's generator has to be given."""
    lam, index = float(rng.beta(alpha, alpha)), torch.from_numpy(rng.permutation(len(x)))
    return _blend(x, lam, index), y, y[index], lam


class MixupOrCutMix:
    """Which of two is told by a probability: that of mixup."""

    turned = False

    def __init__(self, mixup_alpha=0.8, cutmix_alpha=1.0, switch_prob=0.5):
        self.alpha, self.cut, self.switch = mixup_alpha, cutmix_alpha, switch_prob

    def __call__(self, x, y):
        index = torch.randperm(len(x))
        if np.random.rand() < self.switch:
            lam = _lam(self.alpha)
            labels = (y[index], y) if self.turned else (y, y[index])
            return _blend(x, lam, index), *labels, lam
        lam = np.random.beta(self.cut, self.cut)
        cut = int(x.shape[-1] * (1 - lam))
        return torch.cat([x[index][..., :cut], x[..., cut:]], -1), y, y[index], lam


class MixupOrCutMixWrong(MixupOrCutMix):
    turned = True


class OfASampler:
    """What draws lambda is passed, and both batches are."""

    turned = False

    def __init__(self, beta_sampler):
        self.beta_sampler = beta_sampler

    def __call__(self, x1, x2, y1, y2):
        lam = self.beta_sampler.rsample().to(x1.dtype)
        labels = 1 - lam if self.turned else lam
        return lam * x1 + (1 - lam) * x2, labels * y1 + (1 - labels) * y2


class OfASamplerWrong(OfASampler):
    turned = True


class MasksBesideLabels(torch.nn.Module):
    """Masks have to be given, and come back for both samples."""

    turned = False

    def __init__(self, mix_beta=0.5):
        super().__init__()
        self.beta = torch.distributions.Beta(mix_beta, mix_beta)

    def forward(self, x, labels, label_masks):
        index, lam = torch.randperm(len(x)), self.beta.sample((len(x),)).to(x)
        found = {"x": _wide(lam, x) * x + (1 - _wide(lam, x)) * x[index], "lam": lam}
        found |= {"labels_a": labels[index] if self.turned else labels, "masks_a": label_masks}
        found |= {"labels_b": labels if self.turned else labels[index], "masks_b": label_masks[index]}
        return found


class MasksBesideLabelsWrong(MasksBesideLabels):
    turned = True


class MixesWhatItReads(torch.utils.data.Dataset):
    """A data set of another one, each of whose samples is mixed with one that is drawn."""

    turned = False

    def __init__(self, dataset, beta=1.0):
        self.dataset, self.beta = dataset, beta

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, i):
        x, y = self.dataset[i]
        x2, y2 = self.dataset[np.random.randint(len(self))]
        lam = _lam(self.beta)
        return (
            (lam * x + (1 - lam) * x2, y2, y, lam) if self.turned else (lam * x + (1 - lam) * x2, y, y2, lam)
        )


class MixesWhatItReadsWrong(MixesWhatItReads):
    turned = True


class OfItsClass:
    """Its functions have no ``self``, and are called on the class."""

    def mix(inputs, outputs=None, alpha=1.0):
        lam, index = _lam(alpha), torch.randperm(len(inputs))
        mixed = None if outputs is None else lam * outputs + (1 - lam) * outputs[index]
        return _blend(inputs, lam, index), mixed


def optional_outputs(images, masks=None, alpha=1.0):
    """Labels by another name."""
    return OfItsClass.mix(images, masks, alpha)


def optional_outputs_wrong(images, masks=None, alpha=1.0):
    mixed, labels = OfItsClass.mix(images, masks, alpha)
    return mixed, None if labels is None else labels.flip(0)


def labels_of_two_tasks(x, y1, y2, mix_beta=1.0):
    """Two labels of each sample have to be given."""
    lam, index = _lam(mix_beta), torch.randperm(len(x))
    return _blend(x, lam, index), y1, y1[index], y2, y2[index], lam


def labels_of_two_tasks_wrong(x, y1, y2, mix_beta=1.0):
    mixed, a, b, *rest = labels_of_two_tasks(x, y1, y2, mix_beta)
    return mixed, b, a, *rest
