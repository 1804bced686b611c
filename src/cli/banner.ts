import type { ServerKey } from "../config/key.ts";
import type { Config } from "../config/load.ts";
import { workspaceWarning } from "../config/workspace.ts";
import { VERSION } from "../version.ts";

/** What the banner tells. */
interface BannerFacts {
  config: Config;
  key: ServerKey;
  url: string;
  model: string;
  reason: string;
}

/** What a person sees after the start: where the server is, what answers, and a line to try. A key shows only when it is new. */
export function banner({ config, key, url, model, reason }: BannerFacts): string {
  const { shown, bearer } = keyFacts(config, key);
  const here = url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:");
  return `
  hermes-api-server ${VERSION}

  base URL    ${here}/v1${here === url ? "" : "   (and under every other address of this machine)"}
  API key     ${shown}
  model       ${model}   (${reason})
  workspace   ${config.workspace}${workspaceWarning(config) === undefined ? "" : "   (too wide: see the warning below)"}
  home        ${config.home.path}

  Try it:

  curl ${quoteShell(`${here}/v1/chat/completions`)} \\
    -H "Authorization: Bearer ${bearer}" \\
    -H "Content-Type: application/json" \\
    -d '{"messages":[{"role":"user","content":"List the files here"}]}'

  Or enter the base URL and the key in Open WebUI, LibreChat, LobeChat or any other program that speaks OpenAI.
  Ctrl-C stops the server.

`;
}

/** How the key is shown, and how the line to try gets it: it must work as it stands, at the first start and later. */
function keyFacts(
  { home, keyFrom }: Config,
  { created, value }: ServerKey,
): { shown: string; bearer: string } {
  const { envFile, configFile } = home;
  if (created) return { shown: `${value}   (new, shown only now; it lies in ${envFile})`, bearer: value };
  if (keyFrom === "env-file") {
    return { shown: `as in ${envFile}`, bearer: `$(. ${quoteShell(envFile)}; echo "$API_SERVER_KEY")` };
  }
  const shown =
    keyFrom === "config-file"
      ? `as in ${configFile}; export it as API_SERVER_KEY first`
      : "as in API_SERVER_KEY";
  return { shown, bearer: "$API_SERVER_KEY" };
}

/** As one word of a POSIX shell, whatever is in it. */
function quoteShell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
