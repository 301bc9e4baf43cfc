"""The command line in this process: what it forks comes from one server for all tests of a worker."""

import contextlib
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from unittest import mock

from typer.testing import CliRunner

from lawful.properties.harness import last
from lawful.properties.harness.cli import app

_CACHE = tempfile.TemporaryDirectory(prefix="lawful-cache-")
"""Where the last run of each folder is kept, in place of the user's own cache."""


def _runner():
    """Keeps stderr apart, which Click before 8.2 has to be told."""
    try:
        return CliRunner(mix_stderr=False)
    except TypeError:
        return CliRunner()


def lawful(*arguments, cwd):
    """As ``subprocess.run(["lawful", ...], cwd=cwd)``: its exit status, and what it printed."""
    command = ["lawful", *map(str, arguments)]
    # the suite's own workers take the cores already
    cores = 1 if "PYTEST_XDIST_WORKER" in os.environ else os.cpu_count()
    one_each = mock.patch.object(os, "cpu_count", return_value=cores)
    kept = mock.patch.object(last, "user_cache", return_value=Path(_CACHE.name))
    with contextlib.chdir(cwd), mock.patch.object(sys, "argv", command), one_each, kept:
        done = _runner().invoke(app, command[1:])
    stderr = done.stderr
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        stderr += "".join(traceback.format_exception(done.exception))
    return subprocess.CompletedProcess(command, done.exit_code, done.stdout, stderr)
