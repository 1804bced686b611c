#!/usr/bin/env bash
# fastify 5.12.8: when a content type parser has received a body whole and then refuses it (an application's own check, say
# of its charset), the answer says `connection: close`, although the client asked to keep the connection and nothing of the
# body is left unread. Expected: the connection stays, as it does when a handler refuses the same request. Each such refusal
# costs the client a connection. Output seen: "parser: 415 close" and "handler: 415 keep-alive".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund fastify@5.12.8
cat > try.cjs <<'JS'
const http = require("node:http");
const app = require("fastify")();
app.addContentTypeParser("text/csv", { parseAs: "string" }, (_request, _body, done) => {
  done(Object.assign(new Error("refused"), { statusCode: 415 }));
});
app.post("/parser", async () => "ok");
app.post("/handler", async (_request, reply) => reply.code(415).send({ error: "refused" }));
const agent = new http.Agent({ keepAlive: true });
function post(path, type, body) {
  const headers = { "content-type": type, "content-length": Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const request = http.request({ port: app.server.address().port, method: "POST", path, agent, headers }, (answer) => {
      answer.resume().on("end", () => resolve(`${answer.statusCode} ${answer.headers.connection}`));
    });
    request.on("error", reject).end(body);
  });
}
app.listen({ port: 0, host: "127.0.0.1" }).then(async () => {
  console.log("parser:", await post("/parser", "text/csv", "a,b"));
  console.log("handler:", await post("/handler", "application/json", "{}"));
  agent.destroy();
  await app.close();
});
JS
node try.cjs | tee seen.txt
diff seen.txt - <<'SEEN'
parser: 415 close
handler: 415 keep-alive
SEEN
