import { realpath, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { newMarker } from "../../src/sandbox/marker.ts";
import { temporaryDirectory } from "../helpers/directory.ts";
import { runToEnd, serve } from "../helpers/process.ts";
import { TEST_KEY } from "../helpers/test-app.ts";

const ENV = { API_SERVER_KEY: TEST_KEY, LLM_PROVIDER: "demo", TZ: "UTC" };

/** A running server, and the command that looks after its jobs. */
async function setUp() {
  const cwd = await temporaryDirectory();
  const server = await serve({ cwd, env: ENV });
  const port = new URL(server.origin).port;
  const run = (command: string, ...args: string[]) =>
    runToEnd([command, ...args, "--port", port], { cwd, env: ENV });
  const jobs = (...args: string[]) => run("jobs", ...args);
  /** What it prints, when all is well. */
  const says = async (...args: string[]) => {
    const { code, stdout, stderr } = await jobs(...args);
    expect([code, stderr]).toEqual([0, ""]);
    return stdout;
  };
  const json = async (...args: string[]) => JSON.parse(await says(...args, "--json"));
  const fails = async (...args: string[]) => {
    const { code, stdout, stderr } = await jobs(...args);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^hermes: [^\n]*\n$/);
    return [code, stderr.slice("hermes: ".length, -1)];
  };
  return { cwd, server, run, jobs, says, json, fails };
}

const NOT_THERE = 'There is no job "Nobody\'s"; hermes jobs list shows them.';

test("hermes jobs looks after a job from its making to its end", { timeout: 60_000 }, async () => {
  const { says, json, run, fails } = await setUp();
  expect(await says("list")).toBe("There are no jobs.\n");
  const made = await json(
    "create",
    "0 9 * * mon-fri",
    "List the files here",
    "--name",
    "News",
    "--jitter",
    "5",
  );
  expect(made).toMatchObject({ name: "News", prompt: "List the files here", jitter: 5, timezone: "UTC" });
  const { id } = made;

  const [headings, row, ...rest] = (await says("list")).trimEnd().split("\n");
  expect([headings, rest]).toEqual([expect.stringMatching(/^ID +STATE +LAST +NEXT +SCHEDULE +NAME$/), []]);
  expect(row).toMatch(new RegExp(`^${id}  scheduled  - +\\S+ 09:00:00 \\+00:00  0 9 \\* \\* mon-fri  News$`));
  const asRead = await says("show", "News");
  expect(asRead).toMatch(/^schedule +0 9 \* \* mon-fri \(UTC\)$/m);
  expect(asRead).toMatch(/\n\nList the files here\n$/);

  await says(
    "update",
    "News",
    "--schedule",
    "every 2h",
    "--repeat",
    "3",
    "--overlap",
    "allow",
    "--name",
    "Files",
  );
  expect(await json("show", id)).toMatchObject({
    name: "Files",
    schedule_display: "every 2h",
    overlap: "allow",
    repeat: { times: 3, completed: 0 },
  });
  await says("update", "Files", "--timezone", "Asia/Tokyo");
  expect(await json("show", id)).toMatchObject({ timezone: "Asia/Tokyo" });
  await says("update", "Files", "--clear", "timezone");
  expect(await json("show", id)).toMatchObject({ timezone: "UTC", schedule_display: "every 2h" });
  await says("update", "Files", "--clear", "repeat", "--session", "daily");
  expect(await says("show", "Files")).toMatch(/^session +daily$/m);
  await says("update", "Files", "--clear", "session");
  expect(await json("show", id)).toMatchObject({ repeat: { times: null } });

  expect(await says("pause", "Files", "--reason", "Holidays")).toBe(`${id}  Files: paused\n`);
  expect(await says("show", "Files")).toMatch(/^state +paused: Holidays$/m);
  expect(await says("resume", "Files")).toMatch(/ Files: next \d{4}-/);
  expect((await says("forecast", "Files", "--limit", "2")).trim().split("\n")).toHaveLength(2);

  expect(await says("run", "Files", "--wait")).toMatch(/\S/);
  expect(await says("run", "Files", "--wait", "--prompt", "List the files here")).toContain(".hermes");
  expect(await json("runs", "Files")).toMatchObject({
    data: [
      { kind: "manual", status: "completed" },
      { kind: "manual", status: "completed" },
    ],
  });
  expect(await says("runs", "Files", "--limit", "1")).toMatch(
    /^FOR +KIND +STATUS +TOOK +RESULT\n\S+ .* completed /,
  );

  expect(await says("--state", "scheduled", "list")).toContain("Files");
  expect(await says("--state", "paused", "list")).toBe("There are no jobs.\n");

  // As hermes-agent's users type it.
  expect((await run("cron", "list", "--all")).stdout).toContain("Files");
  const cron = await run("cron", "add", "every 1h", "Look.", "--name", "Files", "--json");
  const twin = (JSON.parse(cron.stdout) as { id: string }).id;
  const [code, ambiguous] = await fails("pause", "Files");
  expect([code, ambiguous]).toEqual([
    1,
    expect.stringMatching(/^2 jobs are named "Files"; use an id: \w+, \w+\.$/),
  ]);
  expect(await says("rm", twin)).toBe(`${twin}: removed\n`);
  expect(await says("remove", "Files")).toBe(`${id}: removed\n`);
  expect(await fails("show", "Nobody's")).toEqual([1, NOT_THERE]);
});

test("hermes jobs says what is wrong, in one line and with an exit code", { timeout: 60_000 }, async () => {
  const { server, fails, run } = await setUp();
  for (const [args, code, says] of [
    [[], 64, "An action is missing. Run hermes jobs --help."],
    [["frobnicate"], 64, "Unknown action: frobnicate. Run hermes jobs --help."],
    [["constructor"], 64, "Unknown action: constructor. Run hermes jobs --help."],
    [["show"], 64, "Usage: hermes jobs show <job>"],
    [["create", "every 1h", "Look.", "too"], 64, "Usage: hermes jobs create <schedule> [prompt]"],
    [["list", "--nope"], 64, "Unknown option '--nope'. Run hermes jobs --help."],
    [["pause", "x", "--wait"], 64, "Unknown option '--wait'. Run hermes jobs --help."],
    [["create", "every 1h", "Look.", "--jitter", "soon"], 64, '--jitter must be a number, not "soon".'],
    [
      ["create", "every 1h", "Look.", "--max-failures", "1e400"],
      64,
      '--max-failures must be a number, not "1e400".',
    ],
    [["create", "every 1h", "Look.", "--grace", " "], 64, '--grace must be a number, not " ".'],
    [["--state", "x", "list"], 1, /'state'/],
    [["--wait", "list"], 64, "Unknown option '--wait'. Run hermes jobs --help."],
    [["update", "x"], 64, "Nothing to change was given. Run hermes jobs --help."],
    [["update", "x", "--clear", "everything"], 64, "--clear everything: there is no such option."],
    [["create", "whenever", "Look."], 1, /^'schedule' cannot be read: "whenever"\. Use /],
    [["create", "every 1h"], 1, /'prompt'/],
    [["create", "every 1h", "Look.", "--overlap", "maybe"], 1, /'overlap'/],
    [["show", "0123456789ab"], 1, 'There is no job "0123456789ab"; hermes jobs list shows them.'],
    [["remove", "Nobody's"], 1, NOT_THERE],
  ] as const) {
    const expected = typeof says === "string" ? says : expect.stringMatching(says);
    expect(await fails(...args)).toEqual([code, expected]);
  }
  const help = await run("jobs", "--help");
  expect([help.code, help.stderr]).toEqual([0, ""]);
  for (const word of ["list", "create", "update", "forecast", "--json", "--wait", "--deliver", "--profile"])
    expect(help.stdout).toContain(word);
  await server.stop();
  const cure = /^No server answers at http:\/\/127\.0\.0\.1:\d+\. Start it: hermes serve\.$/;
  expect(await fails("list")).toEqual([69, expect.stringMatching(cure)]);
});

test("hermes jobs import takes a jobs.json over, tells of each job, and changes nothing again", {
  timeout: 60_000,
}, async () => {
  const { cwd, says, json, jobs, fails } = await setUp();
  const schedule = { kind: "interval", minutes: 60, display: "every 1h" };
  const good = {
    id: "0123456789ab",
    name: "Old",
    prompt: "Look.",
    schedule,
    next_run_at: "2099-01-01T00:00:00Z",
  };
  const bad = { ...good, id: "no id" };
  const file = async (name: string, text: string) => {
    await writeFile(join(cwd, name), text);
    return name;
  };
  const both = await file("both.json", JSON.stringify({ jobs: [good, bad] }));
  const one = await file("one.json", JSON.stringify([good]));
  expect(await says("import", one, "--dry-run")).toMatch(/\ncreated +0123456789ab {2}scheduled {2}Old\n$/);
  expect(await says("list")).toBe("There are no jobs.\n");
  const { code, stdout, stderr } = await jobs("import", both);
  expect([code, stderr]).toEqual([1, "hermes: 1 of 2 jobs were refused.\n"]);
  expect(stdout).toMatch(/\ncreated .*\nrefused +no id +- +Old +.*12 hex digits/);
  expect(await json("show", "Old")).toMatchObject({ id: good.id, next_run_at: "2099-01-01T00:00:00+00:00" });
  expect(await json("import", one)).toMatchObject({ data: [{ result: "unchanged" }] });
  await says("update", "Old", "--name", "New");
  expect(await says("import", one)).toMatch(/\nkept +0123456789ab .*changed or done here/);
  expect(await says("import", one, "--force")).toMatch(/\nupdated +0123456789ab /);
  // What it lists can be read again, there or elsewhere.
  const here = await json("list");
  await says("remove", "Old");
  const listed = await file("listed.json", JSON.stringify(here));
  expect(await json("import", listed)).toMatchObject({ data: [{ result: "created", differences: [] }] });
  const [{ updated_at: _then, ...same }] = here;
  expect(await json("list")).toMatchObject([same]);
  const unseen = await file("unseen.json", JSON.stringify([{ ...good, deliver: "telegram:1" }]));
  expect(await says("import", unseen, "--force")).toMatch(/\nupdated +0123456789ab +paused .*telegram/);
  expect(await fails("resume", good.id)).toEqual([1, expect.stringMatching(/^'deliver' names no place/)]);
  expect(await fails("import", "nowhere.json")).toEqual([1, expect.stringMatching(/nowhere\.json .*ENOENT/)]);
  const large = await file("large.json", JSON.stringify([{ ...good, prompt: "x".repeat(30_000_000) }]));
  expect(await fails("import", large)).toEqual([
    1,
    expect.stringMatching(/The request body is larger than 10 MB\.$/),
  ]);
  const [failed, why] = await fails("import", await file("no.json", "{"));
  expect([failed, why]).toEqual([1, expect.stringMatching(/no\.json is no JSON\.$/)]);
});

test("hermes jobs run --wait tells of a run that did not complete", { timeout: 60_000 }, async () => {
  const { json, fails } = await setUp();
  const { id } = await json("create", "@yearly", "Look.");
  await json("update", id, "--max-seconds", "1", "--max-failures", "0");
  const hanging = "Run `sleep 30`";
  const [code, says] = await fails("run", id, "--wait", "--prompt", hanging);
  expect([code, says]).toEqual([
    1,
    expect.stringMatching(/^It ended as failed: The run exceeded its time limit/),
  ]);
});

test("commands of the agent do not manage the server that runs them", async () => {
  const { cwd, server } = await setUp();
  const { name, value } = newMarker(await realpath(join(cwd, ".hermes"))).variable;
  const port = new URL(server.origin).port;
  for (const args of [
    ["jobs", "create", "every 1h", "Look."],
    ["backup", "copy.db"],
  ]) {
    const { code, stderr } = await runToEnd([...args, "--port", port], {
      cwd,
      env: { ...ENV, [name]: value },
    });
    expect([code, stderr]).toEqual([1, expect.stringContaining("the tool cronjob")]);
  }
  // Another home's agent is somebody as any other.
  const other = { ...ENV, [name]: newMarker("/elsewhere").variable.value };
  const listed = await runToEnd(["jobs", "list", "--port", port], { cwd, env: other });
  expect(listed.stdout).toBe("There are no jobs.\n");
});
