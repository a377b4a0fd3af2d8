"""What to write into the programs that speak for an agent, with this server's own address in it."""

from __future__ import annotations

import shlex

import msgspec

PLACEHOLDER = "YOUR-TOKEN"


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One way to connect: what it is for, and what to copy."""

    name: str
    words: str
    text: str


def ways(base_url: str, token: str, team: str, name: str) -> list[Way]:
    """All of them, the commonest first."""
    mcp = f"{base_url}/mcp"
    bearer = f"Authorization: Bearer {token}"
    headers = {"Authorization": f"Bearer {token}"}
    ask = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "situation", "arguments": {}}}
    return [
        Way(
            name="Programs with an mcpServers file",
            words="A JSON file with a list of servers, often called mcp.json. Streamable HTTP.",
            text=_json({"mcpServers": {"tocsin": {"url": mcp, "headers": headers}}}),
        ),
        Way(
            name="The same, with a type",
            words="Some want to be told that the server is reached over HTTP.",
            text=_json({"mcpServers": {"tocsin": {"type": "http", "url": mcp, "headers": headers}}}),
        ),
        Way(
            name="Editors with a servers file",
            words="In the project, e.g. .vscode/mcp.json.",
            text=_json({"servers": {"tocsin": {"type": "http", "url": mcp, "headers": headers}}}),
        ),
        Way(
            name="Clients on the command line",
            words="Put your client's own name for CLIENT.",
            text=f'CLIENT mcp add --transport http tocsin {shlex.quote(mcp)} --header "{bearer}"',
        ),
        Way(
            name="Clients that let you sign in",
            words="Give them the address alone: a page asks you what they may do, and they become an agent of yours.",
            text=mcp,
        ),
        Way(
            name="curl, over MCP",
            words="To see whether it works: what is broken, and who has it.",
            text=f'curl -sS {shlex.quote(mcp)} -H "{bearer}" -H "Content-Type: application/json" \\\n'
            f"  -H \"MCP-Protocol-Version: 2025-11-25\" -d '{msgspec.json.encode(ask).decode()}'",
        ),
        Way(
            name="curl, over the API",
            words="Who am I here, and what may I do?",
            text=f'curl -sS {shlex.quote(base_url + "/api/v2/whoami")} -H "{bearer}"',
        ),
        Way(
            name="On the server itself",
            words="Prints one more token for this agent, alone.",
            text=f"tocsin agent token --team {shlex.quote(team)} --name {shlex.quote(name)}",
        ),
    ]


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
