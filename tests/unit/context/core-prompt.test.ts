import { createHash } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { coreSections, createPromptBuilder, type PromptSection } from "../../../src/context/core-prompt.ts";
import { Unreadable } from "../../../src/files/unreadable.ts";
import { readerOf } from "../../helpers/confined-reader.ts";
import { temporaryDirectory } from "../../helpers/directory.ts";

async function setUp() {
  const directory = await temporaryDirectory();
  const files = { soul: join(directory, "SOUL.md"), workspaceInstructions: join(directory, "AGENTS.md") };
  const reader = readerOf();
  const place = (name: string) => ({ reader, place: { within: directory, name } });
  let now = 0;
  const sections = coreSections({
    soul: place("SOUL.md"),
    workspaceInstructions: place("AGENTS.md"),
    workspace: "/the/workspace",
  });
  const builder = createPromptBuilder({ sections, now: () => now });
  const text = async () => {
    // Later than anything built before is fresh.
    now += 10_000;
    return (await builder.current()).text;
  };
  return { files, builder, text, sleep: (ms: number) => (now += ms) };
}

describe("the core prompt", () => {
  test("the core prompt has an identity, how to use tools, where it is, and where the answer is read", async () => {
    const { text } = await setUp();
    const prompt = await text();
    expect(prompt).toMatch(/^You are Hermes/);
    expect(prompt).toContain("# Tools");
    expect(prompt).toContain("Your workspace is /the/workspace");
    expect(prompt).toContain("reached through an API");
    expect(prompt).not.toContain("AGENTS.md");
  });

  test("the core prompt is told by SOUL.md who it is, and by the workspace's AGENTS.md what holds there", async () => {
    const { files, text } = await setUp();
    await writeFile(files.soul, "\nYou are Ada.\n\n");
    await writeFile(files.workspaceInstructions, "Use tabs.\n");
    const prompt = await text();
    expect(prompt).toMatch(/^You are Ada\.\n\n# Tools/);
    expect(prompt).not.toContain("You are Hermes");
    expect(prompt).toMatch(/# Instructions of the workspace \(AGENTS\.md\)\n\nUse tabs\.$/);
  });

  test("the core prompt takes an empty file for none", async () => {
    const { files, text } = await setUp();
    const before = await text();
    await writeFile(files.soul, " \n");
    await writeFile(files.workspaceInstructions, "");
    expect(await text()).toBe(before);
  });

  test("the core prompt keeps the head and the tail of a file that is too long, and no half character", async () => {
    const { files, text } = await setUp();
    await writeFile(files.workspaceInstructions, `HEAD${"\u{1F600}".repeat(15_000)}TAIL`);
    const prompt = await text();
    expect(prompt).toContain("HEAD");
    expect(prompt).toContain("TAIL");
    expect(prompt).toMatch(/\[\.\.\. \d+ characters left out \.\.\.\]/);
    expect(prompt.length).toBeLessThan(25_000);
    expect(prompt.isWellFormed()).toBe(true);
    await writeFile(files.workspaceInstructions, `xHEAD${"\u{1F600}".repeat(15_000)}TAIL`);
    expect((await text()).isWellFormed()).toBe(true);
  });
});

describe("a snapshot", () => {
  test("a snapshot is the same object, byte for byte, until a file changes", async () => {
    const { files, builder, sleep } = await setUp();
    const first = await builder.current();
    sleep(10_000);
    expect(await builder.current()).toBe(first);
    expect(first.hash).toBe(createHash("sha256").update(first.text).digest("hex"));
    await writeFile(files.soul, "You are Ada.");
    sleep(10_000);
    const second = await builder.current();
    expect(second.text).not.toBe(first.text);
    expect(second.hash).not.toBe(first.hash);
    await rm(files.soul);
    sleep(10_000);
    expect((await builder.current()).text).toBe(first.text);
  });

  test("a snapshot looks at its files once for requests that come together, and not again for a second", async () => {
    let [built, stamped, now] = [0, 0, 0];
    const section: PromptSection = {
      name: "counted",
      stamp: async () => `${++stamped}`,
      text: async () => `built ${++built}`,
    };
    const builder = createPromptBuilder({ sections: [section], now: () => now });
    const all = await Promise.all([builder.current(), builder.current(), builder.current()]);
    expect(new Set(all.map(({ text }) => text))).toEqual(new Set(["built 1"]));
    now += 999;
    await builder.current();
    expect(built).toBe(1);
  });

  test("a snapshot is tried again after a section failed", async () => {
    let fails = true;
    const section: PromptSection = {
      name: "shaky",
      text: async () => {
        if (fails) throw new Error("not now");
        return "here";
      },
    };
    const builder = createPromptBuilder({ sections: [section], now: () => 0 });
    await expect(builder.current()).rejects.toThrow("not now");
    fails = false;
    expect((await builder.current()).text).toBe("here");
  });
});

describe("a section that cannot be had", () => {
  const solid: PromptSection = { name: "solid", text: async () => "Solid." };

  /** A prompt of a solid section and another, with a clock that each call moves on. */
  function built(shaky: Omit<PromptSection, "name">) {
    const told: string[] = [];
    let now = 0;
    const builder = createPromptBuilder({
      sections: [solid, { name: "Shaky", ...shaky }],
      now: () => (now += 10_000),
      onLeftOut: (sentences) => told.push(sentences.join(" ")),
      deadlineMs: 20,
    });
    return { builder, told };
  }

  test("a section that cannot be had is left out, which is said once, and known of that prompt alone", async () => {
    const hindered = { text: () => Promise.reject(new Unreadable("it is a FIFO")) };
    const { builder, told } = built(hindered);
    const { text, hash } = await builder.current();
    expect(text).toBe("Solid.");
    expect((await builder.current()).hash).toBe(hash);
    const sentence = "Shaky was left out of the core prompt: it is a FIFO.";
    expect([told, builder.leftOut(hash), builder.leftOut("another")]).toEqual([[sentence], [sentence], []]);
  });

  test("a section that cannot be had gives way to what stands in for it", async () => {
    const { builder } = built({ text: () => Promise.reject(new Unreadable("x")), fallback: "Instead." });
    expect((await builder.current()).text).toBe("Solid.\n\nInstead.");
  });

  test("a section that cannot be had is tried again at the next look, though its stamp is the same", async () => {
    let isThere = false;
    const { builder, told } = built({
      stamp: async () => "same",
      text: () => (isThere ? Promise.resolve("Shaky.") : Promise.reject(new Unreadable("it is away"))),
    });
    await builder.current();
    isThere = true;
    const { text, hash } = await builder.current();
    expect([text, builder.leftOut(hash)]).toEqual(["Solid.\n\nShaky.", []]);
    expect(told).toEqual(["Shaky was left out of the core prompt: it is away.", ""]);
  });

  test("a section that cannot be had holds nobody up when it never ends, nor does its stamp", async () => {
    const never = () => new Promise<string>(() => {});
    for (const shaky of [{ text: never }, { stamp: never, text: async () => "Shaky." }]) {
      const { builder } = built(shaky);
      const all = await Promise.all([builder.current(), builder.current()]);
      expect(all.map(({ text }) => text.startsWith("Solid."))).toEqual([true, true]);
      expect((await builder.current()).text).toBe(all[0]?.text);
    }
  });
});
