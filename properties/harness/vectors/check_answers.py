"""python check_answers.py VECTORS.json ANSWERS.json: exit 1 where an answer is wrong, or there is none.

ANSWERS.json is {"id": answer}, of some of the vectors; "NaN", "Infinity" and "-Infinity" are numbers too.
"""

import json
import sys
from typing import Any


def wrong(answer: Any, expected: Any, bound: Any) -> bool:
    """Whether it is further from what is right than its bound, or of another shape."""
    if isinstance(expected, list):
        bounds = bound if isinstance(bound, list) else [bound] * len(expected)
        same_length = isinstance(answer, list) and len(answer) == len(expected)
        return not same_length or any(map(wrong, answer, expected, bounds))
    if isinstance(answer, list) or answer is None or expected is None:
        return answer is not expected
    got, right = float(answer), float(expected)
    return not (got == right or abs(got - right) <= bound or (got != got and right != right))


def main(vectors_file: str, answers_file: str) -> int:
    with open(vectors_file, encoding="utf-8") as vectors, open(answers_file, encoding="utf-8") as given:
        known, answers = {each["id"]: each for each in json.load(vectors)["vectors"]}, json.load(given)
    failed = 0
    for name, answer in answers.items():
        each = known.get(name) or sys.exit(f"{name} is none of the vectors of {vectors_file}")
        if wrong(answer, each["expected"], each["bound"]):
            failed += 1
            print(f"{name} is {answer}, expected {each['expected']}, allowed {each['bound']}")
            print(f"    {each['severity']}: {each['formula']}\n    {each['note']}")
    print(f"{len(answers)} answers to {len(known)} vectors: {failed} wrong")
    return 1 if failed or not answers else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
