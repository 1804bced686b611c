/** Bundles the server into dist/: one start-up file instead of hundreds, which halves the time to the first answer. */
import { existsSync, globSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const stamp = join(root, "dist", ".built");
process.chdir(root);

if (process.argv.includes("--if-stale") && isFresh()) process.exit(0);

const startedAt = performance.now();
const { build } = await import("esbuild");
rmSync("dist", { recursive: true, force: true });
await build({
  entryPoints: [
    { in: "src/cli/hermes.ts", out: "hermes" },
    { in: "src/files/pdf-worker.ts", out: "pdf-worker" },
    { in: "src/tools/files/search-worker.ts", out: "search-worker" },
    ...readdirSync("tools").map((file) => ({
      in: `tools/${file}`,
      out: `tools/${file.replace(/\.ts$/, "")}`,
    })),
  ],
  outdir: "dist",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node22",
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "none",
  logLevel: "warning",
  // Native code stays outside, and so do the SDKs, which are loaded on first use only.
  external: ["better-sqlite3", "openai", "@anthropic-ai/sdk", "unpdf"],
  // Bundled CommonJS packages still ask for Node's own modules by require.
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
});
writeFileSync(stamp, "");
console.log(`built dist/ in ${Math.round(performance.now() - startedAt)} ms`);

/** Whether nothing that goes into the build is newer than it. */
function isFresh(): boolean {
  if (!existsSync(stamp)) return false;
  const builtAt = statSync(stamp).mtimeMs;
  const sources = ["{src,routes,tools,scripts}/**/*.ts", "package.json", "package-lock.json"];
  return sources.flatMap((pattern) => globSync(pattern)).every((file) => statSync(file).mtimeMs <= builtAt);
}
