"""``python -m lawful``, and ``python -m lawful.properties.harness``: the command line."""

from lawful.properties.harness.cli import main

main()
