"""How long a law is asked: private settings objects, never registered, and seeds keyed by the law.

Verdicts repeat and everybody gets the same questions: each law's examples come from its id and
``--seed`` alone. Hypothesis's ``derandomize`` would not do, it ignores the seed and gives each
parametrised implementation other inputs. Nor would its own provider: it mixes in constants that it
finds in the modules loaded, so that a target's source code would change the questions.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider


class SameQuestionsProvider(HypothesisProvider):
    """Hypothesis's generator without the constants of whatever code is loaded."""

    def _maybe_draw_constant(self, *args: Any, **kwargs: Any) -> None:
        return None


@contextlib.contextmanager
def modules_that_fail_passed_over() -> Iterator[None]:
    """Hypothesis's own generator looks at the file of every module that is loaded. One that is imported
    lazily, and cannot be, would end the law that is asked: within, it has no file."""
    failing = [vars(module) for module in list(sys.modules.values()) if not _says_its_file(module)]
    for names in failing:
        names["__file__"] = None
    try:
        yield
    finally:
        for names in failing:
            names.pop("__file__", None)


def _says_its_file(module: object) -> bool:
    try:
        getattr(module, "__file__", None)
    except Exception:
        return False
    return True


# by name: some versions of Hypothesis take nothing else
AVAILABLE_PROVIDERS["lawful"] = f"{__name__}.{SameQuestionsProvider.__name__}"


@dataclass(frozen=True)
class Profile:
    name: str
    examples: int
    time_limit: int
    """Seconds for one case, after which its process is ended."""
    repeatable: bool = True
    database: str | None = None
    """redis://..., where failing examples are kept for all who share it; a local folder where None."""
    asks_dear: bool = True
    """Whether laws are asked that take seconds to begin."""
    boundary: bool = True
    """Whether the boundary phase comes first: it is the same under every seed."""
    shrinks: bool = True
    """Whether a smaller example is looked for, where a verdict alone is not enough."""

    def settings(self, most_examples: int | None = None) -> settings:
        """Every value spelled out: what is left out would come from the user's own profile."""
        phases = [Phase.generate, Phase.shrink]
        if self.boundary:
            phases.append(Phase.explicit)
        if not self.repeatable:
            phases += [Phase.reuse, Phase.target]
        return settings(
            max_examples=min(self.examples, most_examples or self.examples),
            derandomize=False,
            database=None if self.repeatable else database_of(self.database),
            backend="lawful" if self.repeatable else "hypothesis",
            phases=phases,
            deadline=None,
            print_blob=False,
            report_multiple_bugs=False,
            stateful_step_count=1,
            verbosity=Verbosity.normal,
            suppress_health_check=list(HealthCheck),
        )


def database_of(url: str | None) -> ExampleDatabase:
    """Hypothesis's own database of failing examples. Raises ValueError where there is none at the address."""
    if url is None:
        return DirectoryBasedExampleDatabase(".hypothesis/lawful")
    try:
        from hypothesis.extra.redis import RedisExampleDatabase
        from redis import Redis, RedisError
    except ImportError as error:
        raise ValueError(f"database is {url!r}, and redis is not installed: pip install redis") from error
    try:
        server = Redis.from_url(url)
        server.ping()
    except (ValueError, RedisError) as error:
        raise ValueError(f"database is {url!r}, expected redis://host:port that answers: {error}") from error
    return RedisExampleDatabase(server)


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("quick", 25, 60, asks_dear=False),
        Profile("standard", 100, 120),
        Profile("deep", 2000, 1200, repeatable=False),
    )
}


def seed_of(law_id: str, seed: int) -> int:
    """The seed of a law's examples, the same for every implementation, device and dtype."""
    return int.from_bytes(hashlib.sha256(f"{law_id} {seed}".encode()).digest()[:8])
