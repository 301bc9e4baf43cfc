"""What children are forked from: the worker and torch, imported once and with the garbage collector at rest.

Nothing that an import leaves is garbage: not looking saves a sixth of it. Frozen, the collector of a child
does not go through it again either, nor copies its pages.
"""

import gc

gc.disable()

from lawful.properties.harness import worker as worker  # noqa: E402

gc.freeze()
gc.enable()
