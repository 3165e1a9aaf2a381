"""Sizes of files and functions against the limits of the project's style.

Functions: 9 of 10 within 30 lines, 99 of 100 within 80. Files: half within 160 lines, none above 800. Tests count as files, not as
functions: a test is as long as the story it tells. Prints one line per limit and every offender; exits 1 when a limit is broken.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TREES = ("host", "vdsmd", "guests", "sdk", "tests")
# A function's line: what may stand before `fn`, then its name.
FUNCTION = re.compile(r"^\s*(?:pub(?:\([^)]*\))?\s+)?(?:(?:default|const|async|unsafe|extern(?:\s+\"[^\"]*\")?)\s+)*fn\s+(\w+)")
TEST_MODULE = re.compile(r"^\s*(?:pub(?:\([^)]*\))?\s+)?mod\s+\w+\s*\{")
# Text in which braces do not count: strings (raw ones too), character literals, comments to the end of a line.
LITERAL = re.compile(r"r(#*)\".*?\"\1|b?\"(?:\\.|[^\"\\])*\"|b?'(?:\\(?:u\{[^}]*\}|.[^']*)|[^\\'])'|//[^\n]*", re.DOTALL)


def sources():
    """Every Rust file of the project, generated and built ones left out."""
    for tree in TREES:
        for path in sorted((ROOT / tree).rglob("*.rs")):
            if "target" not in path.relative_to(ROOT).parts:
                yield path


def without_literals(text):
    """The same text, literals and comments blanked, line numbers kept."""
    return LITERAL.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def block_end(lines, start):
    """The index of the line that closes the first block opened at or after `start`; None for a declaration without a body."""
    depth = 0
    for index in range(start, len(lines)):
        for character in lines[index]:
            if character == "{":
                depth += 1
            elif character == "}":
                depth -= 1
                if depth == 0:
                    return index
            elif character == ";" and depth == 0:
                return None
    return None


def functions(path, text):
    """(length, name, line) of every function outside test modules."""
    lines = without_literals(text).split("\n")
    index, in_tests = 0, "tests" in path.relative_to(ROOT).parts or path.name == "tests.rs"
    while index < len(lines) and not in_tests:
        if "#[cfg(test)]" in lines[index]:
            following = next((i for i in range(index + 1, min(index + 8, len(lines))) if TEST_MODULE.match(lines[i])), None)
            if following is not None:
                index = (block_end(lines, following) or following) + 1
                continue
        match = FUNCTION.match(lines[index])
        if match:
            end = block_end(lines, index)
            if end is not None:
                yield end - index + 1, match.group(1), index + 1
        index += 1


def share(sizes, limit):
    """How many of `sizes` lie within `limit`, of all (1.0 when there are none)."""
    return sum(size <= limit for size in sizes) / len(sizes) if sizes else 1.0


def check(what, sizes, limit, least):
    """Print one limit; whether it holds."""
    reached = share(sizes, limit)
    print(f"sizes: {what} within {limit} lines: {reached:.1%} of {len(sizes)} (at least {least:.0%})")
    return reached >= least


def main():
    files, bodies = [], []
    for path in sources():
        text, where = path.read_text(encoding="utf-8"), path.relative_to(ROOT)
        files.append((text.count("\n"), where))
        bodies.extend((length, f"{where}:{line} {name}") for length, name, line in functions(path, text))
    file_sizes, body_sizes = [size for size, _ in files], [size for size, _ in bodies]
    held = [
        check("functions", body_sizes, 30, 0.90),
        check("functions", body_sizes, 80, 0.99),
        check("files", file_sizes, 160, 0.50),
        check("files", file_sizes, 800, 1.0),
    ]
    longest = [entry for entry in sorted(bodies, reverse=True) if entry[0] > 80] if held[1] else sorted(bodies, reverse=True)[:10]
    if not held[0]:
        longest = [entry for entry in sorted(bodies, reverse=True) if entry[0] > 30]
    offenders = longest + [entry for entry in sorted(files, reverse=True) if entry[0] > 800]
    for size, where in offenders:
        print(f"sizes:   {size:4} {where}")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
