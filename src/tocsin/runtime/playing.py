"""Prints an outage that was played through, for people at a terminal and for programs."""

from __future__ import annotations

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tocsin.escalation.api.simulate import Simulate, SimulatedPage, SimulationShown

_MARKS = {"delivered": "[green]delivered[/]", "away": "[yellow]away[/]", "failed": "[red]failed[/]"}


def question(**given: int | str | None) -> Simulate:
    """What was asked, without what was left out."""
    return Simulate(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]


def printed(answer: SimulationShown, out: Console, *, json: bool) -> None:
    """A table of pages and remarks in order of time, and the sentence that counts."""
    if json:
        out.print_json(msgspec.json.encode(answer).decode())
        return
    out.print(f"[bold]{escape(answer.subject)}[/] fails at {answer.fails_at}\n")
    table = Table("minute", "who", "by", "to", "", "why", box=None, pad_edge=False)
    lines = [(page.minute, 1, _row(page)) for page in answer.pages]
    lines += [(said.minute, 0, (f"{said.minute:g}", "", "", "", "", escape(said.content))) for said in answer.remarks]
    for _, _, row in sorted(lines, key=lambda line: line[:2]):
        table.add_row(*row)
    out.print(table)
    if answer.more:
        out.print("… and so on.")
    first = answer.first_answer
    if first is None:
        out.print("\n[red]Nobody who could answer would hear of it.[/]")
    else:
        out.print(f"\n{escape(first.recipient)} could answer first: minute {first.minute:g}, by {first.channel}.")


def _row(page: SimulatedPage) -> tuple[str, ...]:
    why = page.reason or (f"{page.policy_name}, step {page.step}" if page.policy_name else "")
    return (
        f"{page.minute:g}", escape(page.recipient), page.channel, escape(page.address), _MARKS[page.outcome],
        escape(why),
    )  # fmt: skip
