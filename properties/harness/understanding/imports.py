"""What importing a target leaves in the process: there while the target is asked, and gone after.

Two files that each import a ``helper`` of their own, from their own folder, must not be given one another's.
"""

from __future__ import annotations

import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, TracebackType

_OF_THE_ENVIRONMENT = {
    str(Path(folder).resolve())
    for name, folder in sysconfig.get_paths().items()
    if name in ("stdlib", "platstdlib", "purelib", "platlib")
}


@dataclass
class Imports:
    """A context in which ``sys.path`` and ``sys.modules`` hold what a target's import has added.

    Modules of the environment, the standard library's and installed ones, stay once they are there: they are
    the same for every target, and some cannot be imported twice.
    """

    path: list[str] = field(default_factory=list)
    modules: dict[str, ModuleType] = field(default_factory=dict)
    _outside: list[tuple[list[str], dict[str, ModuleType]]] = field(default_factory=list)
    """For each time that it was entered: what was there before."""

    def __enter__(self) -> Imports:
        self._outside.append((list(sys.path), dict(sys.modules)))
        sys.path[:0] = [folder for folder in self.path if folder not in sys.path]
        sys.modules.update(self.modules)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        path, before = self._outside.pop()
        try:
            self.path = [folder for folder in sys.path if folder not in path]
            for name, module in list(sys.modules.items()):
                if before.get(name) is not module and _is_a_targets(name, module):
                    self.modules[name] = module
                    if name in before:
                        sys.modules[name] = before[name]
                    else:
                        del sys.modules[name]
        finally:  # a limit of time may end this, too
            sys.path[:] = path


def _is_a_targets(name: str, module: object) -> bool:
    """Whether a module is neither ours nor the environment's."""
    try:
        # a namespace package has no file, and places of its own
        places = [getattr(module, "__file__", None) or next(iter(module.__path__))]  # type: ignore[attr-defined]
    except Exception:  # built in, or imported lazily and not to be had
        return False
    folders = {str(folder) for place in places for folder in (Path(place), *Path(place).resolve().parents)}
    installed = any(folder.endswith(("site-packages", "dist-packages")) for folder in folders)
    return name.partition(".")[0] != "lawful" and not installed and not folders & _OF_THE_ENVIRONMENT
