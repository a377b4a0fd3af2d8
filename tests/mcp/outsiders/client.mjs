// The official TypeScript client. Says what it saw, a line of JSON each; reads a line when it needs something done.
import { createInterface } from "node:readline";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const [url, mode, token] = process.argv.slice(1);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (words) => console.log(JSON.stringify(words));
const hear = async () => (await lines.next()).value;

function person() {
  let client, tokens, verifier;
  return {
    redirectUrl: "http://127.0.0.1:3017/callback",
    clientMetadata: { client_name: "TypeScript", redirect_uris: ["http://127.0.0.1:3017/callback"], token_endpoint_auth_method: "none" },
    clientInformation: () => client,
    saveClientInformation: (made) => void (client = made),
    tokens: () => tokens,
    saveTokens: (got) => void (tokens = got),
    saveCodeVerifier: (made) => void (verifier = made),
    codeVerifier: () => verifier,
    redirectToAuthorization: (address) => say({ sign_in: address.href }),
  };
}

const options = token ? { requestInit: { headers: { authorization: `Bearer ${token}` } } } : { authProvider: person() };
const fresh = () => new Client({ name: "typescript", version: "1" }, { versionNegotiation: { mode: mode === "legacy" ? "legacy" : { pin: mode } } });
let client = fresh();
const transport = new StreamableHTTPClientTransport(new URL(url), options);
try {
  await client.connect(transport);
} catch (error) {
  if (token) throw error;
  await transport.finishAuth(new URL(await hear()).searchParams);
  client = fresh();
  await client.connect(new StreamableHTTPClientTransport(new URL(url), options));
}
const call = async (name, given) => {
  const answer = await client.callTool({ name, arguments: given });
  say({ error: answer.isError ?? false, text: answer.content[0].text, data: answer.structuredContent });
};
say({ tools: (await client.listTools()).tools.map((tool) => tool.name) });
await call("incidents", {});
await call("delete_incident", { id: 1 });
await call("create_incident", { summary: "The shop is closed" });
await hear();
await call("create_incident", { summary: "The shop is closed" });
await client.close();
process.exit(0);
