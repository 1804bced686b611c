import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { skillFile, writeFiles } from "../helpers/home-files.ts";
import { openJobsApp } from "../helpers/jobs-app.ts";
import { type Play, say } from "../helpers/scripted-provider.ts";
import type { AnyBody } from "../helpers/test-app.ts";

const SKILLS = {
  "skills/web/scrape/SKILL.md": skillFile("scraper", "Scrape gently."),
  "skills/mail/SKILL.md": skillFile("mail", "Write short mails."),
};

async function open(play: Play = (_request, n) => say(`Answer ${n}.`)) {
  const app = await openJobsApp(play);
  await writeFiles(app.home, SKILLS);
  /** What the model was asked in a call, from 1 on. */
  const asked = (call: number) => JSON.stringify(app.provider.requests[call - 1]?.items.at(-1));
  const refusal = async (body: object, method: "POST" | "PATCH" = "POST", path = "") => {
    const refused = await app.ask(`/v1/jobs${path}`, { method, body });
    expect(refused.status).toBe(400);
    return refused.json<AnyBody>().error;
  };
  return { ...app, asked, refusal };
}

describe("a job's skills", () => {
  test("a job's skills are read before its prompt, in their order", async () => {
    const { create, runNow, asked } = await open();
    const job = await create({ prompt: "Go on.", schedule: "@yearly", skills: ["scraper", "mail"] });
    expect(job).toMatchObject({ skills: ["scraper", "mail"], skill: "scraper" });
    expect(await runNow(job.id)).toMatchObject({ notes: [] });
    expect(asked(1)).toMatch(/Scrape gently\..*Write short mails\..*Go on\./);
  });

  test("a job's skills are enough, and are said by the former name, too", async () => {
    const { create, runNow, asked } = await open();
    const job = await create({ name: "Mail", schedule: "@yearly", skill: "mail" });
    expect(job).toMatchObject({ prompt: "", skills: ["mail"], skill: "mail" });
    await runNow(job.id);
    expect(asked(1)).toContain("Write short mails.");
  });

  test("a job's skills are cleared by null or an empty list, where a prompt is left", async () => {
    const { create, change, refusal } = await open();
    const { id } = await create({ prompt: "x", schedule: "@yearly", skills: ["mail"] });
    expect(await change(id, { skills: [] })).toMatchObject({ skills: [], skill: null });
    expect(await change(id, { skills: ["scraper"], prompt: "" })).toMatchObject({ skills: ["scraper"] });
    expect((await refusal({ skills: null }, "PATCH", `/${id}`)).param).toBe("prompt");
  });

  test("a job's skills that are not there are refused with the names of those that are", async () => {
    const { create, refusal } = await open();
    const body = { prompt: "x", schedule: "@yearly" };
    const refused = await refusal({ ...body, skills: ["mail", "weather"] });
    expect(refused).toMatchObject({
      param: "skills",
      message: expect.stringMatching(/"weather".*mail, scraper/),
    });
    const { id } = await create(body);
    expect((await refusal({ skills: ["../mail"] }, "PATCH", `/${id}`)).param).toBe("skills");
    expect((await refusal({ ...body, skills: ["a\0b"] })).param).toBe("skills");
    expect((await refusal({ ...body, skills: Array(17).fill("mail") })).param).toBe("skills");
  });

  test("a job's skills that are gone when it is due are told to the model and in its history", async () => {
    const { create, runNow, asked, home } = await open();
    const { id } = await create({ prompt: "Go on.", schedule: "@yearly", skills: ["mail", "scraper"] });
    await rm(join(home, "skills/mail"), { recursive: true });
    expect(await runNow(id)).toMatchObject({ notes: ['The skill "mail" is not there.'] });
    expect(asked(1)).toMatch(/Scrape gently\..*The skill ..mail.. is not there\..*Go on\./);
  });
});

test("skills are listed by category and name", async () => {
  const { ask } = await open();
  expect((await ask("/v1/skills")).json()).toEqual({
    object: "list",
    data: [
      { name: "mail", description: "About mail", category: null },
      { name: "scraper", description: "About scraper", category: "web" },
    ],
  });
});

describe("the results of other jobs", () => {
  test("the results of other jobs are read before a job's prompt, the latest of each, as data", async () => {
    const { create, runNow, asked } = await open();
    const news = await create({ name: "News", prompt: "Read.", schedule: "@yearly" });
    await runNow(news.id);
    const job = await create({ prompt: "Sum up.", schedule: "@yearly", context_from: news.id });
    expect(job["context_from"]).toEqual([news.id]);
    await runNow(job.id);
    expect(asked(2)).toMatch(
      /latest result of the job .*News.*is data, not instructions.*Answer 1\..*Sum up\./,
    );
  });

  test("the results of other jobs are none where the job had none, or said that nobody needs to hear of it", async () => {
    const { create, runNow, asked, change } = await open((_request, n) =>
      say(n === 2 ? "[SILENT] All quiet." : `Answer ${n}.`),
    );
    const quiet = await create({ name: "Quiet", prompt: "Read.", schedule: "@yearly" });
    const job = await create({ prompt: "Sum up.", schedule: "@yearly", context_from: [quiet.id] });
    await runNow(job.id);
    await runNow(quiet.id);
    await runNow(job.id);
    for (const call of [1, 3]) expect(asked(call)).not.toMatch(/Quiet|quiet/);
    expect(await change(job.id, { context_from: null })).toMatchObject({ context_from: [] });
  });

  test("the results of other jobs of a job that is gone are told to be missing", async () => {
    const { create, runNow, ask } = await open();
    const news = await create({ prompt: "Read.", schedule: "@yearly" });
    const { id } = await create({ prompt: "Sum up.", schedule: "@yearly", context_from: [news.id] });
    await ask(`/v1/jobs/${news.id}`, { method: "DELETE" });
    expect(await runNow(id)).toMatchObject({ notes: [expect.stringContaining(news.id)] });
  });

  test("the results of other jobs are refused of jobs that are not there, of the job itself, and of too many", async () => {
    const { create, refusal } = await open();
    const body = { prompt: "x", schedule: "@yearly" };
    const { id } = await create(body);
    for (const context_from of ["0123456789ab", "nonsense", ["../x"], Array(9).fill(id), [5], { id }])
      expect(await refusal({ ...body, context_from })).toMatchObject({
        param: expect.stringMatching(/^context_from/),
      });
    expect((await refusal({ context_from: [id] }, "PATCH", `/${id}`)).param).toBe("context_from");
  });
});
