# mypy: ignore-errors
"""The client of fastmcp, run in its own environment. Says what it saw, a line of JSON each; reads a line to go on."""

import asyncio
import json
import sys

from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport


def say(**words):
    print(json.dumps(words), flush=True)


async def main(url, mode, token):
    transport = StreamableHttpTransport(url, headers={"authorization": f"Bearer {token}"})
    async with Client(transport, mode=mode) as client:

        async def call(name, given):
            answer = await client.call_tool(name, given, raise_on_error=False)
            say(error=answer.is_error, text=answer.content[0].text, data=answer.structured_content)

        say(tools=[tool.name for tool in await client.list_tools()])
        await call("incidents", {})
        await call("delete_incident", {"id": 1})
        await call("create_incident", {"summary": "The shop is closed"})
        await asyncio.to_thread(sys.stdin.readline)
        await call("create_incident", {"summary": "The shop is closed"})


asyncio.run(main(*sys.argv[1:]))
