"""The faults of arguments: another default than documented, an end that is refused, a misspelt name that is
taken, errors that do not say what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lawful.impl.contracts import Adapter, Argument
from lawful.impl.faulty import Fault

_PLAUSIBLE = "plausible, no public report known"
_DOCUMENTED, _REJECTED = "arguments_are_as_documented", "rejects_undocumented_values"


def faults_of(
    right: Adapter, ids: str, name: str, argument: Argument, other: Any, end: Any, taken: Any, *guards: str
) -> tuple[Fault, ...]:
    """Four on top of a right adapter: ``argument`` is ``other`` by default, its ``end`` is refused, ``taken``
    is taken in place of an error, and errors do not name what is wrong: ``guards`` look at those.

    ``ids``: with a place for a number, of the first one: ``"XA{}"``.
    """

    def default_is_other(*given: Any, **options: Any) -> Any:
        return right.build(*given, **({name: other} | options))

    def end_is_refused(*given: Any, **options: Any) -> Any:
        if options.get(name) == end:
            raise ValueError(f"{name} is {end!r}")
        return right.build(*given, **({name: argument.default} | options))

    def more_is_taken(*given: Any, **options: Any) -> Any:
        value = options.get(name, argument.default)
        return right.build(*given, **{**options, name: end if value == taken else value})

    def without_words(*given: Any, **options: Any) -> Any:
        def wordless(call: Callable[..., Any]) -> Callable[..., Any]:
            def called(*parts: Any, **more: Any) -> Any:
                try:
                    made = call(*parts, **more)
                except Exception as error:
                    raise ValueError("bad input") from error
                return wordless(made) if callable(made) and call is right.build else made

            return called

        return wordless(right.build)(*given, **({name: argument.default} | options))

    said = {**right.documented, "errors": "named"}
    rows: tuple[tuple[Callable[..., Any], str, tuple[str, ...]], ...] = (
        (
            default_is_other,
            f"{name} is {other!r} by default, documented as {argument.default!r}",
            (_DOCUMENTED,),
        ),
        (end_is_refused, f"{name}={end!r} is documented, and refused", (_DOCUMENTED,)),
        (more_is_taken, f"{name}={taken!r} is taken for {end!r}", (_REJECTED,)),
        (without_words, "errors do not say which argument is wrong", (_REJECTED, *guards)),
    )
    found = []
    for number, (build, statement, caught_by) in enumerate(rows, 1):
        id = ids.format(number)
        features = right.features - {"eval_mode"}
        adapter = replace(right, name=id, build=build, arguments={name: argument}, features=features)
        if build is without_words:
            adapter = replace(adapter, documented=said)
        found.append(Fault(id, statement, _PLAUSIBLE, adapter, caught_by))
    return tuple(found)


def late(right: Adapter, id: str, **said: Argument) -> Fault:
    """On top of a right one: its arguments, documented to be looked at when it is built, are when called."""

    def built_late(*given: Any, **options: Any) -> Callable[..., Any]:
        return lambda *parts: right.build(*given, **options)(*parts)

    adapter = replace(
        right,
        name=id,
        build=built_late,
        arguments=said,
        features=right.features - {"eval_mode"},
        documented={**right.documented, "refused": "when_built"},
    )
    statement = "documented to look at its arguments when it is built, it does at the first batch"
    return Fault(id, statement, _PLAUSIBLE, adapter, ("refuses_when_built",))


def progress_faults(right: Adapter, silent: str, loud: str) -> tuple[Fault, ...]:
    """On top of one that shows its progress where ``progress`` is True: it never does, and it always does."""
    rows = (
        (silent, False, "progress=True shows nothing"),
        (loud, True, "progress is shown to files and pipes too"),
    )
    said = {"progress": Argument(None, values=(None, False, True))}

    def shown_or_not(always: bool) -> Callable[..., Any]:
        def build(*given: Any, progress: bool | None = None, **options: Any) -> Any:
            return right.build(*given, progress=always, **options)

        return build

    return tuple(
        Fault(
            id,
            statement,
            _PLAUSIBLE,
            replace(right, name=id, build=shown_or_not(always), arguments=said),
            ("shows_its_progress",),
        )
        for id, always, statement in rows
    )
