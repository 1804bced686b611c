import { execFileSync } from "node:child_process";
import { link, mkdir, symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { say, scriptedProvider } from "../helpers/scripted-provider.ts";
import { openTestApp } from "../helpers/test-app.ts";

interface OutputBody {
  id: string;
  object: string;
  bytes: number;
  created_at: string;
}

async function open() {
  const app = await openTestApp({ provider: scriptedProvider((_request, n) => say(`Answer ${n}.`)) });
  const body = { name: "News", prompt: "Tell.", schedule: "@yearly" };
  const { id } = (await app.ask("/v1/jobs", { body })).json<{ id: string }>();
  const url = `/v1/jobs/${id}/outputs`;
  const list = async (query = "") =>
    (await app.ask(url + query)).json<{ data: OutputBody[]; has_more: boolean; last_id: string }>();
  /** Does the job and waits for its n-th file. */
  const fire = async (n: number) => {
    await app.ask(`/v1/jobs/${id}/run`, { method: "POST" });
    await vi.waitFor(async () => expect((await list()).data).toHaveLength(n), 5_000);
  };
  return { ...app, id, url, list, fire, directory: join(app.home, "cron", "output", id) };
}

describe("the files of a job's results", () => {
  test("the files of a job's results are listed, the latest first, page by page, and read", async () => {
    const { list, fire, ask, url } = await open();
    expect((await list()).data).toEqual([]);
    for (const n of [1, 2, 3]) await fire(n);
    const { data } = await list();
    expect(data[0]).toEqual({
      id: expect.stringMatching(/^\d{4}-.*Z\.md$/),
      object: "hermes.job.output",
      bytes: "# News\n\nAnswer 3.\n".length,
      created_at: expect.any(String),
    });
    const first = await list("?limit=2");
    expect([first.has_more, first.data]).toEqual([true, data.slice(0, 2)]);
    expect((await list(`?limit=2&after=${first.last_id}`)).data).toEqual(data.slice(2));
    expect((await list("?order=asc")).data).toEqual(data.toReversed());
    const read = await ask(`${url}/${data[2]?.id}`);
    expect([read.headers["content-type"], read.text]).toEqual([
      "text/markdown; charset=utf-8",
      "# News\n\nAnswer 1.\n",
    ]);
    const history = await ask(url.replace("outputs", "runs"));
    expect(history.text).toContain(`/${data[0]?.id}"`);
  });

  test.each([
    "..%2F..%2F..%2F.env",
    "..%2F..%2F..%2Fstate.db",
    "2026-01-01T00-00-00.000Z.md%00",
    "2026-01-01T00-00-00.000Z.md%2F..%2F..%2Fx.md",
    "2026-01-01T00-00-00.000Z.md",
    "x.md",
  ])("the files of a job's results are nothing else: %s", async (name) => {
    const { ask, url, fire } = await open();
    await fire(1);
    const refused = await ask(`${url}/${name}`);
    expect([refused.status, refused.json().error.code]).toEqual([404, "output_not_found"]);
  });

  test("the files of a job's results are neither links nor pipes that somebody put beside them", async () => {
    const { ask, url, list, directory, home } = await open();
    await mkdir(directory, { recursive: true });
    await writeFile(join(home, "secret"), "secret");
    const [link, pipe] = ["2026-01-01T00-00-00.000Z.md", "2026-01-01T00-00-01.000Z.md"];
    await symlink(join(home, "secret"), join(directory, link));
    execFileSync("mkfifo", [join(directory, pipe)]);
    for (const name of [link, pipe]) expect((await ask(`${url}/${name}`)).status, name).toBe(404);
    expect((await list()).data).toEqual([]);
  });

  test("the files of a job's results are not read through a link in the place of their directory, nor is a hard link of a secret", async () => {
    const { ask, url, list, directory, home } = await open();
    const name = "2026-01-01T00-00-00.000Z.md";
    const elsewhere = join(home, "cron", "output", "job_of_somebody_else");
    await mkdir(elsewhere, { recursive: true });
    await writeFile(join(elsewhere, name), "theirs");
    await symlink(elsewhere, directory);
    expect((await list()).data).toEqual([]);
    expect((await ask(`${url}/${name}`)).status).toBe(404);
    await unlink(directory);
    await mkdir(directory);
    await writeFile(join(home, ".env"), "SECRET=1");
    await link(join(home, ".env"), join(directory, name));
    expect((await ask(`${url}/${name}`)).status).toBe(404);
  });

  test("the files of a job's results are those of a job that is there", async () => {
    const { ask, url, id, fire, list } = await open();
    await fire(1);
    const [file] = (await list()).data;
    await ask(`/v1/jobs/${id}`, { method: "DELETE" });
    for (const gone of [url, `${url}/${file?.id}`]) {
      const refused = await ask(gone);
      expect([refused.status, refused.json().error.code]).toEqual([404, "job_not_found"]);
    }
    expect((await ask("/v1/jobs/nonsense/outputs")).status).toBe(400);
  });
});
