"""The house rules that no linter knows. Each says what it prevents."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "tocsin"
MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 70
CLOCK = SOURCE / "kernel" / "clock.py"
NEWLINE = b"\n"
NAMELESS = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc", "shared"}
CONCEPT_FILES = {
    "model",
    "rules",
    "store",
    "actions",
    "api",
    "worker",
    "probe",
    "checks",
    "channels",
    "sources",
    "__init__",
}
CONCEPTS = (
    "accounts",
    "metadata",
    "notify",
    "contacts",
    "oncall",
    "escalation",
    "incidents",
    "inbound",
    "heartbeats",
    "monitors",
    "webhooks",
    "status_pages",
)


@cache
def python_files() -> tuple[Path, ...]:
    return tuple(sorted(path for path in SOURCE.rglob("*.py")))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Every part of a file: nearly every rule walks through all of them."""
    return tuple(ast.walk(tree(path)))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def check(rule: str, prevents: str, offences: list[str]) -> None:
    assert not offences, f"\n{rule}\n(prevents: {prevents})\n  " + "\n  ".join(offences)


def test_only_the_clock_asks_what_time_it_is() -> None:
    asking = re.compile(
        r"\b(datetime\.(now|utcnow|today)|date\.today|time\.(time|time_ns|monotonic|perf_counter)|time_ns)\b"
    )
    names = {
        "now",
        "utcnow",
        "today",
        "time",
        "time_ns",
        "monotonic",
        "perf_counter",
    }  # told apart from all else quickly
    offences = [
        f"{named(path)}:{node.lineno} {ast.unparse(node)}"
        for path in python_files()
        if path != CLOCK
        for node in nodes(path)
        if isinstance(node, ast.Attribute) and node.attr in names and asking.fullmatch(ast.unparse(node))
    ]
    check("Time is an argument.", "rules and tests that cannot be wound forward", offences)


def test_no_statement_asks_the_database_what_time_it_is() -> None:
    asking = re.compile(r"\bnow\s*\(\s*\)|current_timestamp|current_date|datetime\('now'|strftime\('", re.IGNORECASE)
    offences = [
        f"{named(path)}:{node.lineno} {node.value[:60]!r}"
        for path in python_files()
        for node in texts_without_docstrings(path)
        if isinstance(node.value, str) and asking.search(node.value)
    ]
    offences += [
        f"{named(path)}:{node.lineno} {ast.unparse(node)}"
        for path in python_files()
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("now", "current_timestamp")
        and ast.unparse(node.func) in ("func.now", "func.current_timestamp", "sa.func.now")
    ]
    check("No now() in SQL.", "two clocks in one decision: ours and the database's", offences)


def texts_without_docstrings(path: Path) -> Iterator[ast.Constant]:
    docstrings = {
        id(node.value) for node in nodes(path) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in nodes(path):
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            yield node


def test_no_function_is_longer_than_a_page() -> None:
    offences = [
        f"{named(path)}:{node.lineno} {node.name}: {length} lines"
        for path in python_files()
        if "versions" not in path.parts  # a migration is a list of tables
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > MAX_FUNCTION_LINES
    ]
    check(f"No function over {MAX_FUNCTION_LINES} lines.", "functions that nobody reads to their end", offences)


def test_no_file_is_longer_than_can_be_known() -> None:
    files = [*python_files(), *(ROOT / "tests").rglob("*.py")]
    offences = [
        f"{named(path)}: {length} lines"
        for path in files
        if (length := len(path.read_text("utf-8").splitlines())) > MAX_FILE_LINES
    ]
    check(f"No file over {MAX_FILE_LINES} lines.", "rooms in which everything lies about", offences)


def test_every_module_says_in_a_sentence_what_it_is_for() -> None:
    offences = [
        named(path)
        for path in python_files()
        if tree(path).body and not (ast.get_docstring(tree(path)) or "").split("\n")[0].rstrip(":").strip()
    ]
    check("Every module opens with a sentence.", "newcomers who have to guess", offences)


def test_every_migration_says_why() -> None:
    offences = [
        named(path)
        for path in (SOURCE / "storage/migrations/versions").glob("[0-9]*.py")
        if len((ast.get_docstring(tree(path)) or "").split()) < 10
    ]
    check("Every migration has a paragraph of why.", "a schema whose history nobody can read", offences)


def test_nothing_is_called_utils() -> None:
    files = [*python_files(), *(ROOT / "tests").rglob("*.py")]
    offences = [named(path) for path in files if NAMELESS & {path.stem, *path.relative_to(ROOT).parts[:-1]}]
    check(f"None of {', '.join(sorted(NAMELESS))}.", "drawers for what has no name", offences)


def test_every_concept_has_the_same_few_files() -> None:
    offences = [
        named(path)
        for concept in CONCEPTS
        for path in (SOURCE / concept).iterdir()
        if path.name != "__pycache__" and path.stem not in CONCEPT_FILES
    ]
    check(
        "A concept has model, rules, store, actions, api, worker (and plug-ins).",
        "rooms built each in its own way",
        offences,
    )


@pytest.mark.parametrize("folder", ["monitors/checks", "notify/channels", "inbound/sources"])
def test_every_plug_in_has_a_test_file(folder: str) -> None:
    plug_ins = [path.stem for path in (SOURCE / folder).glob("*.py") if path.stem != "__init__"]
    assert plug_ins
    tests = [path.stem for path in (ROOT / "tests" / folder).glob("test_*.py")]
    offences = [
        f"{folder}/{name}.py has no tests/{folder}/test_{name}.py"
        for name in plug_ins
        if not any(test == f"test_{name}" or test.startswith(f"test_{name}_") for test in tests)
    ]
    check("Every plug-in has a test file.", "kinds of checks and channels that nobody ever ran", offences)


def test_no_test_is_silenced_without_a_reason() -> None:
    offences = [
        f"{named(path)}:{node.lineno}"
        for path in (ROOT / "tests").rglob("*.py")
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("skip", "xfail")
        and ast.unparse(node.func) in ("pytest.mark.skip", "pytest.mark.xfail")
        and not any(keyword.arg == "reason" for keyword in node.keywords)
    ]
    check("A skipped test says why.", "holes in the floor under a carpet", offences)


def test_no_type_ignore_stands_without_its_code() -> None:
    offences = []
    for path in python_files():
        if b"ignore" not in path.read_bytes():  # reading it token by token takes a hundred times as long
            continue
        with path.open("rb") as source:
            offences += [
                f"{named(path)}:{token.start[0]}"
                for token in tokenize.tokenize(source.readline)
                if token.type == tokenize.COMMENT and re.search(r"type:\s*ignore(?!\[)", token.string)
            ]
    check("`type: ignore` names what it ignores.", "a type checker that is asked and not heard", offences)


def test_tracked_files_name_no_machine_and_no_registry() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    foreign = re.compile(
        rb"/"
        + rb"work/|/"
        + rb"root/|/"
        + rb"home/(?!runner|user|you)\w+|\.py"
        + rb"env/|index-"
        + rb"url|extra-"
        + rb"index|"
        rb"files\.python" + rb"hosted|pypi\." + rb"org|regis" + rb"try\.npmjs|proxy\.go" + rb"lang"
    )
    offences = []
    for name in listed.decode().split("\0"):
        path = ROOT / name
        if name and path.is_file() and path.suffix not in (".png", ".jpg", ".webp", ".woff2", ".ico"):
            content = path.read_bytes()
            offences += [
                f"{name}:{content[: found.start()].count(NEWLINE) + 1} {found.group().decode()}"
                for found in foreign.finditer(content)
            ]
    check(
        "No machine paths and no registry hosts in tracked files.",
        "a project that only builds at its author's",
        offences,
    )


def test_the_lock_holds_names_and_exact_versions_alone() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pinned = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.+!-]+")
    offences = [line for line in lines if line.strip() and not line.startswith("#") and not pinned.fullmatch(line)]
    check("requirements.lock: name==version.", "builds that differ from day to day", offences)


@pytest.mark.slow  # `make check` has asked lint-imports before it comes here; `make test` asks it here
def test_the_import_law_is_kept() -> None:
    program = Path(sys.executable).parent / "lint-imports"
    ended = subprocess.run([program, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert ended.returncode == 0, f"\nThe import law (.importlinter says what each contract prevents):\n{ended.stdout}"
