import Database from "better-sqlite3";
import type { RunId } from "../../src/domain/id.ts";

/** How far an older build came with a background response before it was killed. */
export type Progress = "queued" | "half said";

/**
 * Puts a background response into a database as the first build with `plans` left it, text for text: nothing here is made
 * by today's program, so that a new field, or a field that changed, cannot be in it.
 */
export function leaveUnfinished(file: string, owner: string, progress: Progress): RunId {
  const key = "0190000000010000000000000000000a";
  const id: RunId = `run_${key}`;
  const at = Date.now() - 60_000;
  const model = '{"asked":"hermes-agent","provider":"scripted","served":"scripted"}';
  const run = `{"id":"${id}","owner":"${owner}","surface":"responses","createdAt":${at},"model":${model},"background":true,"echo":{}}`;
  const question =
    '"type":"message","role":"user","content":[{"type":"input_text","text":"Is it taken up?"}]';
  const input = `{"surface":"responses","owner":"${owner}","ask":{},"mode":"agent","items":[{${question}}],"tools":[],"toolChoice":{"mode":"auto"},"settings":{},"deltas":false,"background":true,"echo":{}}`;
  const asked = `{"id":"msg_${key}_0","status":"completed","place":"input",${question}}`;
  const created = `{"runId":"${id}","seq":1,"at":${at},"type":"run.created","input":[${asked}]}`;
  const said = `{"id":"msg_${key}_1","status":"in_progress","place":"output","type":"message","role":"assistant","content":[{"type":"output_text","text":""}]}`;
  const begun = [
    `{"runId":"${id}","seq":2,"at":${at},"type":"run.started"}`,
    `{"runId":"${id}","seq":3,"at":${at},"type":"step.started","step":1}`,
    `{"runId":"${id}","seq":4,"at":${at},"type":"item.added","item":${said}}`,
  ].join();
  const db = new Database(file);
  db.prepare(
    "INSERT INTO runs (id, owner, surface, status, created_at, reserved_seq, data, facts) VALUES (?, ?, 'responses', ?, ?, 1000, ?, ?)",
  ).run(id, owner, progress === "queued" ? "queued" : "running", at, run, `[${created}]`);
  db.prepare("INSERT INTO plans (run_id, input, attempts) VALUES (?, ?, 1)").run(id, input);
  if (progress === "half said") {
    const put = db.prepare(
      "INSERT INTO events (run_id, batch, kind, last_seq, payload) VALUES (?, 2, ?, 5, ?)",
    );
    put.run(id, 0, `[${begun}]`);
    put.run(id, 1, `[["msg_${key}_1","text",5,["Hel"],[${at}]]]`);
  }
  db.close();
  return id;
}
