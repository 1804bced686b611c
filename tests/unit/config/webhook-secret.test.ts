import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ensureServerKey } from "../../../src/config/key.ts";
import { listSecrets } from "../../../src/config/load.ts";
import { withWebhookSecret } from "../../../src/config/webhook-secret.ts";
import { home, load } from "../../helpers/config.ts";

const GIVEN = `whsec_${Buffer.alloc(24, 1).toString("base64")}`;

describe("the secret of webhooks", () => {
  it("the secret of webhooks is made at the first start, kept beside the key for this user alone, found again and never logged", async () => {
    const directory = await home();
    const { value: key } = ensureServerKey(load(directory));
    const config = withWebhookSecret(load(directory));
    const secret = config.settings.jobs.webhook_secret ?? "";
    expect(Buffer.from(secret.replace(/^whsec_/, ""), "base64")).toHaveLength(32);
    const file = join(directory, ".env");
    expect(await readFile(file, "utf8")).toBe(`API_SERVER_KEY=${key}\nJOBS_WEBHOOK_SECRET=${secret}\n`);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(load(directory).settings.jobs.webhook_secret).toBe(secret);
    expect(withWebhookSecret(load(directory)).settings.jobs.webhook_secret).toBe(secret);
    expect(listSecrets(config)).toContain(secret);
  });

  it.each([
    [{ yaml: `jobs: {webhook_secret: ${GIVEN}}` }, {}],
    [{}, { variables: { JOBS_WEBHOOK_SECRET: GIVEN } }],
  ])("the secret of webhooks is the one that is given by %j %j, and nothing is written", async (files, more) => {
    const directory = await home(files);
    const config = withWebhookSecret(load(directory, more));
    expect(config.settings.jobs.webhook_secret).toBe(GIVEN);
    await expect(stat(join(directory, ".env"))).rejects.toThrow("ENOENT");
  });

  it("the secret of webhooks is that of the faster of two first starts", async () => {
    const directory = await home();
    const [faster, later] = [load(directory), load(directory)];
    const { settings } = withWebhookSecret(faster);
    expect(withWebhookSecret(later).settings.jobs.webhook_secret).toBe(settings.jobs.webhook_secret);
  });

  it("the secret of webhooks that cannot be stored is none, and a warning says what to do", async () => {
    const directory = await home();
    const config = load(directory);
    await mkdir(join(directory, ".env"));
    const { settings, warnings } = withWebhookSecret(config);
    expect(settings.jobs.webhook_secret).toBeUndefined();
    expect(warnings).toEqual([
      expect.stringMatching(/cannot be stored in .*\.env \(it is a directory\)\. Set JOBS_WEBHOOK_SECRET/),
    ]);
  });
});
