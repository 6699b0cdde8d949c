"""Write each Python block of README.md and of the pages in docs/ into a file of its own, for those who check types."""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def written(folder: Path) -> int:
    """Write the files into an emptied folder, and give how many there are."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    count = 0
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        name = re.sub(r"\W", "_", page.relative_to(ROOT).with_suffix("").as_posix()).lower()
        for number, text in enumerate(FENCE.findall(page.read_text()), start=1):
            (folder / f"{name}_{number}.py").write_text(text)
            count += 1
    return count


def main() -> None:
    """Write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    print(f"blocks: {written(parser.parse_args().folder)} blocks of the pages")


if __name__ == "__main__":
    main()
