"""``make bench-compare OLD=a NEW=b``: ratios that changed by more than 15 %; exit 1 where ours rose."""

from __future__ import annotations

import json
import sys
from pathlib import Path

BEYOND = 0.15
OURS = ("lawful", "check", "smoke", "matrix")


def main(old: Path, new: Path) -> int:
    before, after = (json.loads(path.read_text())["tables"] for path in (old, new))
    worse = 0
    for title in before.keys() & after.keys():
        for name in before[title].keys() & after[title].keys():
            was, now = (table[title][name]["ratio"] for table in (before, after))
            if abs(now / was - 1) > BEYOND:
                mark = "slower" if now > was else "faster"
                print(f"{mark}  {was:8.2f} -> {now:8.2f}  {title}: {name}")
                worse += now > was and name.startswith(OURS)
    print(f"{worse} of ours slower by more than {BEYOND:.0%}")
    return int(worse > 0)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python benchmarks/compare.py OLD.json NEW.json")
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
