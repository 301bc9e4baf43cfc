"""For every test of the repository: one torch thread, as in the workers of ``lawful check``."""

import torch

torch.set_num_threads(1)
