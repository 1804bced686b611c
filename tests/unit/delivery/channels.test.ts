import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import type { DeliveryMessage } from "../../../src/delivery/channel.ts";
import { fileChannel } from "../../../src/delivery/file.ts";
import { sessionChannel } from "../../../src/delivery/session.ts";
import type { Fire } from "../../../src/domain/job.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { createIdSource } from "../../../src/lib/id.ts";
import { SessionContents } from "../../../src/sessions/contents.ts";
import { createSessions } from "../../../src/sessions/service.ts";
import { readerOf } from "../../helpers/confined-reader.ts";
import { temporaryDirectory } from "../../helpers/directory.ts";
import { hookedStore } from "../../helpers/hooked-store.ts";
import { aFire, aJob } from "../../helpers/jobs.ts";
import { OWNER, PROMPT } from "../../helpers/stored.ts";

const calm = new AbortController().signal;
const job = aJob({ name: "Weather" });

function messageOf(target: string, terms: Partial<Fire> = {}, text = "Sunny."): DeliveryMessage {
  return { job, fire: aFire(job.id, { status: "completed", startedAt: 5_000, ...terms }), target, text };
}

describe("a file of a result", () => {
  const page = join("cron", "output", job.id, "1970-01-01T00-00-05.000Z.md");

  test("a file of a result is written whole, for its owner alone, and once however often it comes", async () => {
    const home = await temporaryDirectory();
    const message = messageOf("local");
    const channel = fileChannel(home, readerOf());
    expect([await channel.deliver(message, calm), await channel.deliver(message, calm)]).toEqual([
      { file: page },
      { file: page },
    ]);
    expect(await readFile(join(home, page), "utf8")).toBe("# Weather\n\nSunny.\n");
    expect((await stat(join(home, page))).mode & 0o777).toBe(0o600);
    expect(await readdir(dirname(join(home, page)))).toHaveLength(1);
  });

  test("a file of a result takes no other result's place that began in the same ms", async () => {
    const home = await temporaryDirectory();
    const channel = fileChannel(home, readerOf());
    await channel.deliver(messageOf("local"), calm);
    const second = await channel.deliver(messageOf("local", {}, "Rain."), calm);
    expect(second.file).not.toBe(page);
    expect(await readFile(join(home, second.file ?? ""), "utf8")).toBe("# Weather\n\nRain.\n");
    expect(await readFile(join(home, page), "utf8")).toBe("# Weather\n\nSunny.\n");
  });

  test("a file of a result stays whole beside others that are written at the same time", async () => {
    const home = await temporaryDirectory();
    const texts = Array.from({ length: 8 }, (_, n) => `${n}`.repeat(300_000));
    const brought = texts.map((text) =>
      fileChannel(home, readerOf()).deliver(messageOf("local", {}, text), calm),
    );
    const written = await Promise.all(
      (await Promise.all(brought)).map(({ file }) => readFile(join(home, file ?? ""), "utf8")),
    );
    expect(written.map((all, n) => all === `# Weather\n\n${texts[n]}\n`)).toEqual(texts.map(() => true));
  });

  test("a file of a result that a crash left half written beside its place does not show", async () => {
    const home = await temporaryDirectory();
    const message = messageOf("local");
    await mkdir(dirname(join(home, page)), { recursive: true });
    await writeFile(join(home, `${page}.${message.fire.id}.tmp`), "# Wea");
    await fileChannel(home, readerOf()).deliver(message, calm);
    expect(await readdir(dirname(join(home, page)))).toEqual(["1970-01-01T00-00-05.000Z.md"]);
  });

  test("a file of a result goes to no other place by a link, and waits for no FIFO", async () => {
    const home = await temporaryDirectory();
    const message = messageOf("local");
    const directory = dirname(join(home, page));
    await mkdir(join(home, "elsewhere"));
    await mkdir(dirname(directory), { recursive: true });
    await symlink(join(home, "elsewhere"), directory);
    const channel = fileChannel(home, readerOf());
    await expect(channel.deliver(message, calm)).rejects.toThrow("is a symbolic link");
    expect(await readdir(join(home, "elsewhere"))).toEqual([]);
    await rm(directory);
    await mkdir(directory);
    // In the place of the page itself, and of what it is first written to.
    execFileSync("mkfifo", [join(home, page), join(home, `${page}.${message.fire.id}.tmp`)]);
    const { file } = await channel.deliver(message, calm);
    expect(file).not.toBe(page);
    expect(await readFile(join(home, file ?? ""), "utf8")).toBe("# Weather\n\nSunny.\n");
  });

  test("a file of a result that cannot be written says why, without where", async () => {
    const home = await temporaryDirectory();
    await writeFile(join(home, "cron"), "in the way");
    await expect(fileChannel(home, readerOf()).deliver(messageOf("local"), calm)).rejects.toThrow(
      "The file cannot be written (ENOTDIR).",
    );
  });
});

describe("a message in a session", () => {
  async function open() {
    const { inner: store } = await hookedStore();
    const prompt = { current: async () => PROMPT };
    const deps = { store, prompt, clock: systemClock, nextId: createIdSource() };
    const sessions = createSessions(deps);
    const contents = new SessionContents({ ...deps, sessions });
    const session = await sessions.create(OWNER, {});
    const said = async () => {
      const runs = await store.sessions.read(session.id, { order: "asc", limit: 9 });
      return runs.flatMap(({ items }) => items.map((item) => JSON.stringify(item)));
    };
    return { sessions, session, said, channel: sessionChannel({ sessions, contents }) };
  }

  test("a message in a session is there once, however often it comes, and beside those of other results", async () => {
    const { channel, session, said } = await open();
    const message = messageOf(`session:${session.id}`);
    for (const each of [message, messageOf(message.target, {}, "Rain."), message])
      await channel.deliver(each, calm);
    expect(await said()).toEqual([expect.stringContaining("Sunny."), expect.stringContaining("Rain.")]);
  });

  test("a message in a session fails for good where the session is gone or somebody else's", async () => {
    const { channel, session, sessions } = await open();
    const foreign = { ...messageOf(`session:${session.id}`), job: aJob({ owner: "somebody else" }) };
    const gone = { message: "There is no such session.", retryAdvice: { isFinal: true } };
    await expect(channel.deliver(foreign, calm)).rejects.toMatchObject(gone);
    await sessions.remove(session);
    await expect(channel.deliver(messageOf(`session:${session.id}`), calm)).rejects.toMatchObject(gone);
  });

  test("a message in a session is given up with the process while another run has the session", async () => {
    const { channel, session, sessions, said } = await open();
    const lease = await sessions.take(session.id, OWNER, calm);
    const stop = new AbortController();
    const brought = channel.deliver(messageOf(`session:${session.id}`), stop.signal);
    stop.abort(new Error("stopped"));
    await expect(brought).rejects.toThrow("stopped");
    lease.release();
    expect(await said()).toEqual([]);
  });
});
