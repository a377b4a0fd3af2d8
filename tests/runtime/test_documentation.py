"""What the docs say of settings and figures is what the program does."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from tests.time import FakeClock
from tocsin import cli
from tocsin.runtime.metrics import Counts, Metrics
from tocsin.runtime.options import OPTIONS
from tocsin.runtime.settings import load

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_every_setting_stands_in_the_docs_with_its_flag_variable_and_meaning(name: str) -> None:
    option = OPTIONS[name]
    rows = [
        line for line in (ROOT / "docs/configuration.md").read_text().splitlines() if line.startswith(f"| `{name}` |")
    ]
    assert len(rows) == 1
    assert f"`{option.environment_name}`" in rows[0]
    assert (f"`{option.flag_name}`" in rows[0]) is option.flag
    assert option.doc in rows[0]


def test_every_setting_but_a_secret_is_a_flag_of_serve() -> None:
    flags = set(inspect.signature(cli.serve).parameters)
    assert flags == {name for name, option in OPTIONS.items() if option.flag}


def test_the_example_file_in_the_docs_is_read(tmp_path: Path) -> None:
    text = (ROOT / "docs/configuration.md").read_text()
    (tmp_path / "tocsin.toml").write_text(text.split("```toml\n")[1].split("```")[0])
    settings = load({}, {}, tmp_path)
    assert settings.base_url == "https://tocsin.example.com"
    assert settings.dns_servers == ("9.9.9.9", "1.1.1.1:53")


def test_every_figure_that_the_docs_promise_is_there() -> None:
    promised = (
        (ROOT / "docs/operations.md").read_text().split("The figures, all beginning with")[1].split("More monitors")[0]
    )
    names = [part.split("{")[0] for part in promised.split("`")[3::2]]
    assert len(names) > 8
    text = Metrics(FakeClock()).text(Counts()).decode()
    missing = [name for name in names if f"tocsin_{name}" not in text and not name.startswith("probe_")]
    assert missing == []


def test_the_readme_leads_only_to_what_is_there() -> None:
    import re

    readme = (ROOT / "README.md").read_text()
    links = [link for link in re.findall(r"\]\(([^)]+)\)", readme) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
