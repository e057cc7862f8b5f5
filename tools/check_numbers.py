"""List the numbers in README and pages that no record and no cell stands behind: ``python tools/check_numbers.py``.

A number in prose goes stale when a result changes. So a result belongs in a block that ``tools/readme.py`` writes from
the records, or in a sentence that a cell computes. This check reads README.md, book/*.md and, of each notebook, the
Markdown cells, the captions and alt texts of pictures, and the fixed parts of sentences that a cell prints. It lists
what looks like a measurement and is not declared, and exits with 1 if there is any.

A measurement is a number with a decimal point, a percentage, a number with a unit of time or memory, a multiplier
("8.4 times", "six times"), and any other number above ``MOST``. Not read are: generated blocks, code, formulas, roles,
citations, addresses; numbers of sections, formulas, steps, lists, versions and years; digits inside a name (VGG16,
NDCG@20); the term "95% interval"; the run time on top of a chapter, a round estimate (the status page of a build has
the measured seconds). Code or a formula that is nothing but a number is read all the same.

Constants are declared in ``tools/numbers.yml``, one entry each: the file, the words with the number in them, the
number, and where it comes from. A declaration whose words are not in the file is an error. The origin is one of these,
and is checked as far as it can be:

    record NAME: KEY / KEY            the value in results/NAME.json, at the precision shown (a percentage: times 100)
    setting MODULE.NAME[KEY]          a constant of this project
    default MODULE.FUNCTION.NAME      the default of an argument
    parameter NAME                    the default of a parameter of the same notebook
    cell: CODE                        this code, with the number in it, is in a code cell of the same notebook
    count MODULE.NAME                 the length of a constant of this project
    publication KEY                   an entry of book/references.bib
    document, section N               a number that the document prints
    definition: WORDS                 what the word means, or what arithmetic gives
"""

import ast
import importlib.util
import inspect
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import nbformat
import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # studies are not installed
MOST = 12
"""Larger numbers are no counts of things that a reader can see on the page."""
UNITS = (
    r"%|per ?cent\b|(?:milli|micro)?seconds?\b|minutes?\b|hours?\b|ms\b|s\b|[KMGT]i?B\b|(?:kilo|mega|giga)bytes?\b"
    r"|times\b|fold\b|x\b(?! \d)"
)
MANY = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}
MANY |= {
    "eleven": 11,
    "twelve": 12,
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "hundred": 100,
    "thousand": 1000,
}
COMPARED = r"times (?=as|the|that|more|less|fewer|larger|smaller|longer|faster|slower)|per ?cent|seconds|minutes|hours"
DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.\d+|\.\d+|\d+)(?:e[-+]?\d+)?"
NUMBER = re.compile(
    rf"(?<![\w.])(?P<digits>{DIGITS})(?P<unit>[ -]?(?:{UNITS}))?|\b(?P<word>{'|'.join(MANY)}) (?:{COMPARED})",
    re.IGNORECASE,
)
SENTENCE = 8
"""Words that make a string in a cell a sentence for readers."""
PLAIN = re.compile(r"[\s\d.,%+\-−±=<>~()\[\]]*\d[\s\d.,%+\-−±=<>~()\[\]]*")
"""What is nothing but numbers, also as code or as a formula."""
PART = r"\d+(?:\.\d+)*"
PARTS = rf"\(?{PART}\)?(?:(?:, | and | or | to |, and )\(?{PART}\)?)*"
IGNORED = (
    r"<!--.*?-->",  # comments
    r"\{[\w:.-]+\}`[^`]*`",  # roles
    r"\]\([^)\s]*\)",  # where a link leads
    r"https?://[^\s)>]+",
    rf"(?i:\b(?:sections?|chapters?|formulas?|steps?|tables?|figures?|parts?|exercises?)) {PARTS}",
    r"\*\*Document\.\*\*[^*\n]*",
    r"\*\*Run time\.\*\*[^*\n]*",
    rf"\b(?:Python|Keras|TensorFlow|NumPy|MyST) {PARTS}",
    r"(?m:^#+ \d+\.)",
    r"(?m:^\s*\d+\. )",
    r"\b95% (?:bootstrap |confidence )?intervals?",
    r"\b(?=[A-Za-z][A-Za-z_.@-]*\d)[A-Za-z][\w@]*(?:[-.@][\w@]+)*",  # names with digits in them
    r"\b(?:NDCG|recall|precision) at \d+",
    r"\b(?:1[89]|20)\d\d\b(?![,.]\d)(?! (?:[a-z-]+ )?[a-z]{2,}s\b)",  # years; "2000 users" is a count
)
FENCE = re.compile(r"(?ms)^(?P<fence>`{3,}|:{3,})(?P<info>[^\n]*)\n(?P<body>.*?)^(?P=fence)[ \t]*$")
CODE_BLOCKS = ("code", "code-block", "code-cell", "literalinclude", "math", "bibliography", "mermaid")


@dataclass(frozen=True)
class Found:
    """A number that looks like a measurement."""

    file: str
    cell: int  # from 1; 0 where the file has no cells
    line: int
    number: str
    words: str

    def __str__(self) -> str:
        place = f"{self.file}, cell {self.cell}, line {self.line}" if self.cell else f"{self.file}, line {self.line}"
        return f"{place}: {self.number!r} in {self.words!r}"


@dataclass(frozen=True)
class Declared:
    """A constant in the text and where it comes from."""

    file: str
    words: str
    number: str
    origin: str


def blanked(text: str, pattern: str, keep: re.Pattern[str] | None = None) -> str:
    """The text with what matches turned into spaces, lines kept; what also matches ``keep`` stays."""

    def blank(found: re.Match[str]) -> str:
        if keep is not None and keep.fullmatch(found[1]):
            return found[0]
        return re.sub(r"[^\n]", " ", found[0])

    return re.sub(pattern, blank, text, flags=re.DOTALL)


def prose(text: str, generated: tuple[str, ...] = ()) -> str:
    """What is left of Markdown without all that is not prose, every character in its place."""
    for name in generated:
        text = blanked(text, rf"<!-- {re.escape(name)} -->\n.*?<!-- end -->")
    text = FENCE.sub(_fence, text)
    text = blanked(text, r"\$\$(.+?)\$\$", PLAIN)
    text = blanked(text, IGNORED[0])
    text = blanked(text, IGNORED[1])
    text = blanked(text, r"`+([^`\n]+)`+", PLAIN)
    text = blanked(text, r"(?<![\\$])\$([^$\n]+)\$", PLAIN)
    for pattern in IGNORED[2:]:
        text = blanked(text, pattern)
    return text


def _fence(found: re.Match[str]) -> str:
    """A fenced block: code goes, a directive keeps its content and title."""
    name = re.match(r"\s*\{([\w-]+)\}", found["info"])
    if name is None or name[1] in CODE_BLOCKS:
        return re.sub(r"[^\n]", " ", found[0])
    head = found["info"].replace(name[0], " " * len(name[0]))
    body = re.sub(r"(?m)^:[\w-]+:.*$", lambda option: " " * len(option[0]), found["body"])
    return f"{' ' * len(found['fence'])}{head}\n{body}{' ' * len(found['fence'])}"


def measurements(text: str, generated: tuple[str, ...] = ()) -> Iterator[tuple[int, int, str]]:
    """Start, end and text of each number that looks like a measurement."""
    for found in NUMBER.finditer(prose(text, generated)):
        digits = found["digits"]
        if digits is None:
            yield found.start("word"), found.end("word"), found["word"]
        elif found["unit"] or "." in digits or "e" in digits.lower() or int(digits.replace(",", "")) > MOST:
            percent = found["unit"] == "%"
            yield found.start("digits"), found.end() if percent else found.end("digits"), digits + "%" * percent


def texts(path: Path) -> Iterator[tuple[int, int, str]]:
    """Cell (0: none), line before the first, and the text of all that a reader reads and no cell computes."""
    if path.suffix != ".ipynb":
        yield 0, 0, path.read_text(encoding="utf-8")
        return
    for number, cell in enumerate(nbformat.read(path, as_version=4).cells, 1):
        if cell.cell_type == "markdown":
            yield number, 0, cell.source
        elif cell.cell_type == "code":
            options = cell.metadata.get("mystnb", {})
            yield number, 0, str(options.get("figure", {}).get("caption", ""))
            yield number, 0, str(options.get("image", {}).get("alt", ""))
            for line, sentence in sentences(cell.source):
                yield number, line - 1, sentence


def sentences(source: str) -> Iterator[tuple[int, str]]:
    """Line and fixed text of the sentences in a cell; computed parts become a square.

    A sentence is a string of ``SENTENCE`` words that is not a docstring, or any string that ``Markdown`` is given.
    """
    try:
        tree = ast.parse(re.sub(r"(?m)^\s*[%!].*$", "pass", re.sub(r"\A%%.*", "", source)))
    except SyntaxError:
        return
    shown = {id(node) for call in ast.walk(tree) if _is_markdown(call) for node in _strings(call)}
    for node in _strings(tree):
        text = _fixed(node)
        if id(node) in shown or len(text.split()) >= SENTENCE:
            yield node.lineno, text


def _is_markdown(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "Markdown"


def _strings(node: ast.AST) -> Iterator[ast.Constant | ast.JoinedStr]:
    """Strings below a node; not parts of an f-string, docstrings, keys, nor what is compared."""
    if isinstance(node, (ast.Subscript, ast.Compare)):
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        if isinstance(node, ast.FormattedValue) and child is node.format_spec:
            continue
        if isinstance(child, ast.JoinedStr):
            yield child
            for part in child.values:
                if isinstance(part, ast.FormattedValue):
                    yield from _strings(part)
        elif isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child
        else:
            yield from _strings(child)


def _fixed(node: ast.Constant | ast.JoinedStr) -> str:
    parts = [node] if isinstance(node, ast.Constant) else node.values
    told = "".join(str(part.value) if isinstance(part, ast.Constant) else "□" for part in parts)
    return re.sub(r"\{[^{}\n]*\}", lambda field: "□" * len(field[0]), told)  # fields of str.format


def pages(root: Path = ROOT) -> list[Path]:
    """What is read by readers."""
    return [root / "README.md", *sorted((root / "book").glob("*.md")), *sorted((root / "notebooks").glob("*.ipynb"))]


@cache
def blocks() -> dict[str, tuple[str, ...]]:
    """File -> names of the blocks that ``tools/readme.py`` writes there."""
    spec = importlib.util.spec_from_file_location("readme", ROOT / "tools/readme.py")
    assert spec is not None
    assert spec.loader is not None
    readme = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(readme)
    return {file: tuple(found) for file, found in readme.BLOCKS.items()}


def declarations(path: Path = ROOT / "tools/numbers.yml") -> list[Declared]:
    """The entries of the declarations file."""
    entries = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    return [
        Declared(file, " ".join(str(one["words"]).split()), str(one["number"]), str(one["from"]))
        for file, found in entries.items()
        for one in found
    ]


def check(root: Path = ROOT, declared: list[Declared] | None = None) -> tuple[list[Found], list[str]]:
    """Numbers without an origin, and faults of declarations."""
    declared = declarations() if declared is None else declared
    used: set[Declared] = set()
    missing = []
    for path in pages(root):
        file = str(path.relative_to(root))
        own = [one for one in declared if one.file == file]
        for cell, above, text in texts(path):
            for start, end, number in measurements(text, blocks().get(file, ())):
                behind = [one for one in own if _covers(one, text, start, end)]
                used.update(behind)
                if not behind:
                    line = text.count("\n", 0, start) + 1
                    around = " ".join(text[max(0, start - 40) : end + 40].split())
                    missing.append(Found(file, cell, above + line, number, around))
    faults = [f"{one.file}: no number {one.number!r} in {one.words!r}" for one in declared if one not in used]
    for one in declared:
        if fault := wrong(one, root):
            faults.append(f"{one.file}: {one.number!r} in {one.words!r}: {fault}")
    return missing, faults


def _covers(one: Declared, text: str, start: int, end: int) -> bool:
    """Whether the words of a declaration stand around this number of a text, whatever the line breaks."""
    pattern = r"\s+".join(re.escape(word) for word in one.words.split())
    number = re.compile(rf"(?<![\w.,]){re.escape(one.number)}(?!\w|[.,]\d)")
    for found in re.finditer(pattern, text):
        inside = [(found.start() + at.start(), found.start() + at.end()) for at in number.finditer(found[0])]
        if any(first <= start and end <= last for first, last in inside):
            return True
    return False


def wrong(one: Declared, root: Path = ROOT) -> str:
    """What is wrong with the origin of a declared number; '' for nothing."""
    kind = one.origin.split()[0].rstrip(",:") if one.origin.strip() else ""
    rest = one.origin.removeprefix(kind).lstrip(",: ")
    try:
        if kind == "record":
            name, _, path = rest.partition(":")
            value = json.loads((root / "results" / f"{name}.json").read_text(encoding="utf-8"))
            for key in path.split(" / "):
                value = value[int(key) if isinstance(value, list) else key.strip()]
        elif kind == "setting":
            value = constant(rest)
        elif kind == "count":
            value = len(constant(rest))
        elif kind == "default":
            function, _, argument = rest.rpartition(".")
            value = inspect.signature(constant(function)).parameters[argument].default
        elif kind == "cell":
            cells = nbformat.read(root / one.file, as_version=4).cells
            if not any(cell.cell_type == "code" and rest in cell.source for cell in cells):
                return f"no code cell has {rest!r}"
            written = re.findall(r"(?<![\w.])\d[\d_]*(?:\.\d+)?(?:e[-+]?\d+)?|(?<!\w)\.\d+", rest)
            values = [float(value.replace("_", "")) for value in written]
            return "" if any(shown_as(value, one.number) for value in values) else f"{one.number!r} is not in {rest!r}"
        elif kind == "parameter":
            from bookbuild.rules import declared_parameters

            value = declared_parameters(nbformat.read(root / one.file, as_version=4))[rest]
        elif kind == "publication":
            entries = (root / "book/references.bib").read_text(encoding="utf-8")
            return "" if re.search(rf"@\w+\{{{re.escape(rest)},", entries) else f"no entry {rest!r} in references.bib"
        elif kind == "document":
            return "" if re.fullmatch(r"sections? \d(\.\d)*", rest) else "name the section of the document"
        elif kind == "definition":
            return "" if len(rest.split()) > 1 else "say what is defined"
        else:
            return f"unknown kind of origin {kind!r}"
    except (OSError, KeyError, IndexError, ValueError, TypeError, ImportError, AttributeError) as error:
        return f"{one.origin}: {type(error).__name__} {error}"
    return "" if shown_as(float(value), one.number) else f"{one.origin} is {value}"


def constant(name: str) -> Any:
    """The value of ``package.module.NAME``, with attributes and ``[KEY]``s behind it."""
    path, *keys = re.split(r"[\[\]]+", name.rstrip("]"))
    words = path.split(".")
    for at in range(len(words) - 1, 0, -1):
        try:
            value = import_module(".".join(words[:at]))
        except ModuleNotFoundError:
            continue
        for word in words[at:]:
            value = getattr(value, word)
        for key in keys:
            value = value[int(key) if key.isdigit() else key]
        return value
    raise ImportError(f"no module in {name!r}")


def shown_as(value: float, number: str) -> bool:
    """Whether a value, rounded as far as the number is printed, is that number; a percentage is the value times 100."""
    digits = str(MANY.get(number.lower(), number)).replace(",", "")
    if digits.endswith("%"):
        digits, value = digits.rstrip("%"), 100 * value
    decimals = len(digits.partition(".")[2])
    return abs(value - float(digits)) <= 0.5 * 10**-decimals + 1e-9


def main() -> None:
    """Print what is missing and what is faulty."""
    missing, faults = check()
    for line in [*map(str, missing), *faults]:
        print(line)
    print(f"{len(missing)} numbers without a record or cell, {len(faults)} faulty declarations")
    sys.exit(1 if missing or faults else 0)


if __name__ == "__main__":
    main()
