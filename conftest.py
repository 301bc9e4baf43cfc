"""For every test of the repository: one torch thread, as in the workers of ``lawful check``; and the twin,
which has to be there before the first backward pass of a process."""

import torch

from lawful.properties import twin

twin.why_absent()
torch.set_num_threads(1)
