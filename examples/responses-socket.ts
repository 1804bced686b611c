/** Two turns on one WebSocket, the second going on from the first, which is stored nowhere; then their summary. */
import assert from "node:assert/strict";

const base = process.env["HERMES_URL"] ?? "http://127.0.0.1:8642";
const headers = { authorization: `Bearer ${process.env["API_SERVER_KEY"]}` };

interface Response {
  id: string;
  status: string;
  output: { type: string; content?: { text: string }[] }[];
}

// Node's own client takes headers; a browser's cannot.
const socket = new WebSocket(`${base.replace(/^http/, "ws")}/v1/responses`, {
  headers,
} as unknown as string[]);
await new Promise((resolve, reject) => {
  socket.onopen = resolve;
  socket.onerror = () => reject(new Error("the server did not take the connection"));
});

/** Sends one request, and waits for the event that ends its response. */
function ask(body: object): Promise<Response> {
  return new Promise((resolve, reject) => {
    socket.onmessage = ({ data }) => {
      const event = JSON.parse(String(data)) as { type: string; response: Response };
      if (event.type === "response.completed") resolve(event.response);
      if (event.type === "error" || event.type === "response.failed") reject(new Error(String(data)));
    };
    socket.send(JSON.stringify({ type: "response.create", store: false, ...body }));
  });
}

const textOf = ({ output }: Response) =>
  output.flatMap(({ content = [] }) => content.map(({ text }) => text)).join("\n");

const first = await ask({ input: "List the files here" });
const second = await ask({ input: "Thank you.", previous_response_id: first.id });
assert.equal(second.status, "completed");
socket.close();
console.log(textOf(first));

const answer = await fetch(`${base}/v1/responses/compact`, {
  method: "POST",
  headers: { ...headers, "content-type": "application/json" },
  body: JSON.stringify({ model: "hermes-agent", input: textOf(first) }),
});
assert.equal(answer.status, 200);
const { output } = (await answer.json()) as Response;
assert.equal(output.at(-1)?.type, "compaction");
