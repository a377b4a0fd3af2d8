// Passkeys: asks Tocsin what is to be signed, has the device sign it, and sends the form on with the answer.
const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
const able = Boolean(window.PublicKeyCredential && navigator.credentials);

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.hidden = !able;
  form.addEventListener("submit", async (event) => {
    if (form.elements.answer) return; // signed already: now it goes to the server
    event.preventDefault();
    const button = form.querySelector("button"), trouble = form.querySelector("[data-trouble]");
    button.disabled = true;
    trouble.hidden = true;
    try {
      const asked = await question(form);
      const answer = form.dataset.passkey === "create" ? await create(asked.options) : await get(asked.options);
      put(form, "sealed", asked.sealed);
      put(form, "answer", JSON.stringify(answer));
      form.requestSubmit();
    } catch (error) {
      trouble.textContent = `▲ ${said(error)}`;
      trouble.hidden = false;
      button.disabled = false;
    }
  });
}
if (able) for (const note of document.querySelectorAll("[data-no-passkeys]")) note.hidden = true;

async function question(form) {
  const answer = await fetch(form.dataset.question, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  if (!answer.ok || !answer.headers.get("content-type")?.includes("json")) throw new Error("Load this page again, and try once more.");
  return answer.json();
}

async function get(options) {
  const allowCredentials = (options.allowCredentials ?? []).map((each) => ({ ...each, id: bytes(each.id) }));
  const made = await navigator.credentials.get({ publicKey: { ...options, challenge: bytes(options.challenge), allowCredentials } });
  const { authenticatorData, clientDataJSON, signature, userHandle } = made.response;
  return {
    id: made.id, rawId: text(made.rawId), type: made.type, authenticatorAttachment: made.authenticatorAttachment ?? undefined, clientExtensionResults: {},
    response: { authenticatorData: text(authenticatorData), clientDataJSON: text(clientDataJSON), signature: text(signature), userHandle: userHandle ? text(userHandle) : undefined },
  };
}

async function create(options) {
  const excludeCredentials = (options.excludeCredentials ?? []).map((each) => ({ ...each, id: bytes(each.id) }));
  const made = await navigator.credentials.create({
    publicKey: { ...options, challenge: bytes(options.challenge), user: { ...options.user, id: bytes(options.user.id) }, excludeCredentials },
  });
  return {
    id: made.id, rawId: text(made.rawId), type: made.type, authenticatorAttachment: made.authenticatorAttachment ?? undefined, clientExtensionResults: {},
    response: { attestationObject: text(made.response.attestationObject), clientDataJSON: text(made.response.clientDataJSON), transports: made.response.getTransports?.() ?? [] },
  };
}

function put(form, name, value) {
  const field = document.createElement("input");
  field.type = "hidden";
  field.name = name;
  field.value = value;
  form.append(field);
}

function said(error) {
  if (error.name === "NotAllowedError") return "Nothing was confirmed, or it took too long. Try again.";
  if (error.name === "InvalidStateError") return "This device has a passkey for you already.";
  return error.message || error.name;
}
