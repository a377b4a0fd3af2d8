"""What the conformance suite asks of a server, behind our own door and transport: its tools, resources and prompts."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Annotated, Any

import mcp_types as wire
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.prompts.base import Message, UserMessage
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel, Field

from tocsin.gateway import Door
from tocsin.kernel.clock import Clock
from tocsin.mcp.transport import Transport

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="
STEP_SECONDS = 0.05
NAME = {"name": {"type": "string"}}
OK = {"ok": {"type": "boolean"}}

Asked = wire.InputRequiredResult
Ctx = Context[Any, Any]
Result = wire.CallToolResult

kit = MCPServer("tocsin-conformance", version="1", log_level="ERROR")
inner = kit._lowlevel_server


def fixture_server(door: Door, clock: Clock) -> Transport:
    """In place of our own tools; with sessions and streams, which the suite asks for."""
    return Transport(inner, streams=True)


def text(words: str) -> Result:
    return Result(content=[wire.TextContent(text=words)])


def form(message: str, properties: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": [*properties]}
    return {"method": "elicitation/create", "params": {"message": message, "requestedSchema": schema}}


def sample(words: str) -> dict[str, Any]:
    message = {"role": "user", "content": {"type": "text", "text": words}}
    return {"method": "sampling/createMessage", "params": {"messages": [message], "maxTokens": 100}}


def ask(state: str | None = None, **requests: dict[str, Any]) -> Asked:
    return Asked.model_validate({"inputRequests": requests, "requestState": state})


def answered(ctx: Ctx, *names: str) -> bool:
    return all(name in (ctx.input_responses or {}) for name in names)


# --- what tools answer ------------------------------------------------------------------------------------------------


@kit.tool()
def test_simple_text() -> Result:
    """Plain text."""
    return text("This is a simple text response for testing.")


@kit.tool()
def test_image_content() -> Result:
    """A picture."""
    return Result(content=[wire.ImageContent(data=PNG, mime_type="image/png")])


@kit.tool()
def test_audio_content() -> Result:
    """A sound."""
    return Result(content=[wire.AudioContent(data=WAV, mime_type="audio/wav")])


def embedded(uri: str, words: str, mime_type: str = "text/plain") -> wire.EmbeddedResource:
    return wire.EmbeddedResource(resource=wire.TextResourceContents(uri=uri, mime_type=mime_type, text=words))


@kit.tool()
def test_embedded_resource() -> Result:
    """A resource within the answer."""
    return Result(content=[embedded("test://embedded-resource", "This is an embedded resource content.")])


@kit.tool()
def test_multiple_content_types() -> Result:
    """Several kinds at once."""
    return Result(
        content=[
            wire.TextContent(text="Multiple content types test:"),
            wire.ImageContent(data=PNG, mime_type="image/png"),
            embedded("test://mixed-content-resource", '{"test": "data", "value": 123}', "application/json"),
        ]
    )


@kit.tool()
def test_error_handling() -> Result:
    """Always an error."""
    words = "This tool intentionally returns an error for testing"
    return Result(content=[wire.TextContent(text=words)], is_error=True)


@kit.tool()
async def test_tool_with_logging(ctx: Ctx) -> Result:
    """Says what it does while it does it."""
    for step in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await ctx.info(step)
        await asyncio.sleep(STEP_SECONDS)
    return text("Tool with logging executed successfully")


@kit.tool()
async def test_logging_tool(ctx: Ctx) -> Result:
    """The same in one word."""
    await ctx.info("A word for the log")
    return text("Logged.")


@kit.tool()
async def test_tool_with_progress(ctx: Ctx) -> Result:
    """Says how far it is."""
    for done in (0, 50, 100):
        await ctx.report_progress(done, 100)
        await asyncio.sleep(STEP_SECONDS)
    return text("Done.")


@kit.tool()
async def test_reconnection(ctx: Ctx) -> Result:
    """Lets go of the stream in the middle."""
    await ctx.close_sse_stream()
    await asyncio.sleep(2 * STEP_SECONDS)
    return text("Reconnection test completed")


# --- what servers ask of clients: within the stream in the older revision, by another round in the newer -------------


@kit.tool()
async def test_sampling(prompt: str, ctx: Ctx) -> Result:
    """Has the client's model say something."""
    message = wire.SamplingMessage(role="user", content=wire.TextContent(text=prompt))
    call = ctx.request_context.request_id
    said = await ctx.session.create_message(messages=[message], max_tokens=100, related_request_id=call)
    return text(f"LLM response: {said.content.text if isinstance(said.content, wire.TextContent) else '?'}")


class Response(BaseModel):
    response: str


class Defaults(BaseModel):
    name: str = "John Doe"
    age: int = 30
    score: float = 95.5
    status: Annotated[str, Field(json_schema_extra={"enum": ["active", "inactive", "pending"]})] = "active"
    verified: bool = True


ONE = ["option1", "option2", "option3"]
TITLED = [{"const": f"value{n}", "title": f"Option {n}"} for n in (1, 2, 3)]


class Choices(BaseModel):
    untitledSingle: Annotated[str, Field(json_schema_extra={"enum": ONE})]  # type: ignore[dict-item]
    titledSingle: Annotated[str, Field(json_schema_extra={"oneOf": TITLED})]  # type: ignore[dict-item]
    legacyEnum: Annotated[
        str,
        Field(json_schema_extra={"enum": ["opt1", "opt2", "opt3"], "enumNames": ["One", "Two", "Three"]}),
    ]
    untitledMulti: Annotated[
        list[str],
        Field(json_schema_extra={"items": {"type": "string", "enum": ONE}}),  # type: ignore[dict-item]
    ]
    titledMulti: Annotated[list[str], Field(json_schema_extra={"items": {"anyOf": TITLED}})]  # type: ignore[dict-item]


async def elicited(ctx: Ctx, message: str, kind: type[BaseModel]) -> str:
    said = await ctx.elicit(message=message, schema=kind)
    return f"action={said.action}, content={said.data.model_dump_json() if said.action == 'accept' else '{}'}"


@kit.tool()
async def test_elicitation(message: str, ctx: Ctx) -> Result:
    """Asks whoever sits there."""
    return text(f"User response: {await elicited(ctx, message, Response)}")


@kit.tool()
async def test_elicitation_sep1034_defaults(ctx: Ctx) -> Result:
    """The same with answers proposed."""
    return text(f"Elicitation completed: {await elicited(ctx, 'Who are you?', Defaults)}")


@kit.tool()
async def test_elicitation_sep1330_enums(ctx: Ctx) -> Result:
    """The same with choices."""
    return text(f"Elicitation completed: {await elicited(ctx, 'Which?', Choices)}")


@kit.tool()
def test_input_required_result_elicitation(ctx: Ctx) -> Result | Asked:
    """Asks for a name."""
    given = (ctx.input_responses or {}).get("user_name")
    if not isinstance(given, wire.ElicitResult) or "name" not in (given.content or {}):
        return ask(user_name=form("What is your name?", NAME))
    return text(f"Hello, {(given.content or {})['name']}!")


@kit.tool()
def test_streaming_elicitation(ctx: Ctx) -> Result | Asked:
    """The same for one who listens to the stream."""
    return text("Hello!") if answered(ctx, "user_name") else ask(user_name=form("What is your name?", NAME))


@kit.tool()
def test_input_required_result_sampling(ctx: Ctx) -> Result | Asked:
    """Asks the client's model."""
    if not answered(ctx, "capital_question"):
        return ask(capital_question=sample("What is the capital of France?"))
    return text("The capital of France is Paris.")


@kit.tool()
def test_input_required_result_list_roots(ctx: Ctx) -> Result | Asked:
    """Asks for the client's folders."""
    given = (ctx.input_responses or {}).get("client_roots")
    if not isinstance(given, wire.ListRootsResult):
        return ask(client_roots={"method": "roots/list"})
    return text(" ".join(str(root.uri) for root in given.roots))


@kit.tool()
def test_input_required_result_request_state(ctx: Ctx) -> Result | Asked:
    """Remembers by what the client brings back."""
    if answered(ctx, "confirm") and ctx.request_state == "asked":
        return text("state-ok")
    return ask("asked", confirm=form("Please confirm", OK))


@kit.tool()
def test_input_required_result_tampered_state(ctx: Ctx) -> Result | Asked:
    """The same; the kit's seal is what tells that it was changed on the way."""
    return test_input_required_result_request_state(ctx)


@kit.tool()
def test_input_required_result_multiple_inputs(ctx: Ctx) -> Result | Asked:
    """Asks three things at once."""
    if answered(ctx, "user_name", "greeting", "client_roots") and ctx.request_state == "asked":
        return text("All there.")
    return ask(
        "asked",
        user_name=form("What is your name?", NAME),
        greeting=sample("Generate a greeting"),
        client_roots={"method": "roots/list"},
    )


@kit.tool()
def test_input_required_result_multi_round(ctx: Ctx) -> Result | Asked:
    """Asks twice, one after the other."""
    if ctx.request_state == "named" and answered(ctx, "step2"):
        return text("All there.")
    if ctx.request_state == "asked" and answered(ctx, "step1"):
        return ask("named", step2=form("Step 2: What is your favorite color?", {"color": {"type": "string"}}))
    return ask("asked", step1=form("Step 1: What is your name?", NAME))


@kit.tool()
def test_input_required_result_capabilities(ctx: Ctx) -> Result | Asked:
    """Asks no more than the client can answer."""
    can = ctx.client_capabilities
    possible = {}
    if can is not None and can.sampling is not None:
        possible["greeting"] = sample("Generate a greeting")
    if can is not None and can.elicitation is not None:
        possible["user_name"] = form("What is your name?", NAME)
    return ask(**possible) if possible and not ctx.input_responses else text("Nothing to ask.")


@kit.tool()
def test_missing_capability(ctx: Ctx) -> Result:
    """Cannot be had without sampling."""
    can = ctx.client_capabilities
    if can is None or can.sampling is None:
        code = wire.MISSING_REQUIRED_CLIENT_CAPABILITY
        raise MCPError(code=code, message="Sampling is needed.", data={"requiredCapabilities": {"sampling": {}}})
    return text("Sampling is there.")


@kit.tool()
async def test_trigger_tool_change(ctx: Ctx) -> Result:
    """Says that there are other tools now."""
    await ctx.notify_tools_changed()
    return text("Said.")


@kit.tool()
async def test_trigger_prompt_change(ctx: Ctx) -> Result:
    """Says that there are other prompts now."""
    await ctx.notify_prompts_changed()
    return text("Said.")


# --- resources and prompts --------------------------------------------------------------------------------------------


@kit.resource("test://static-text", mime_type="text/plain")
def static_text() -> str:
    """A text."""
    return "This is the content of the static text resource."


@kit.resource("test://static-binary", mime_type="image/png")
def static_binary() -> bytes:
    """A picture."""
    return base64.b64decode(PNG)


@kit.resource("test://watched-resource", mime_type="text/plain")
def watched() -> str:
    """What can be watched."""
    return "Watched resource content"


@kit.resource("test://template/{id}/data", mime_type="application/json")
def template(id: str) -> str:
    """One of many."""
    return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


@kit.prompt()
def test_simple_prompt() -> str:
    """Without arguments."""
    return "This is a simple prompt for testing."


@kit.prompt()
def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    """With two."""
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


@kit.prompt()
def test_prompt_with_embedded_resource(resourceUri: str) -> list[Message]:
    """With a resource in it."""
    words = "Please process the embedded resource above."
    return [UserMessage(embedded(resourceUri, "Embedded resource content for testing.")), UserMessage(words)]


@kit.prompt()
def test_prompt_with_image() -> list[Message]:
    """With a picture in it."""
    picture = wire.ImageContent(data=PNG, mime_type="image/png")
    return [UserMessage(picture), UserMessage("Please analyze the image above.")]


@kit.prompt()
def test_input_required_result_prompt(ctx: Ctx) -> str | Asked:
    """Asks before it is written."""
    if not answered(ctx, "user_context"):
        return ask(user_context=form("What context should the prompt use?", {"context": {"type": "string"}}))
    return "A prompt with context."


@kit.completion()
async def completed(ref: Any, argument: Any, context: Any) -> wire.Completion:
    return wire.Completion(values=[], total=0, has_more=False)


async def taken(ctx: Any, params: Any) -> wire.EmptyResult:
    return wire.EmptyResult()


inner.add_request_handler("resources/subscribe", wire.SubscribeRequestParams, taken)
inner.add_request_handler("resources/unsubscribe", wire.UnsubscribeRequestParams, taken)
inner.add_request_handler("logging/setLevel", wire.SetLevelRequestParams, taken)
