const ALLOWED = new Set([
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "SHELL",
  "LANG",
  "LANGUAGE",
  "TERM",
  "TZ",
  "TMPDIR",
]);
const ALLOWED_PREFIX = "LC_";
const DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin";

/**
 * The environment of commands, built up from nothing: only what programs need to find their way, and nothing that
 * could hold a secret. Taking known secrets away instead would miss the next one.
 */
export function safeEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  const safe: Record<string, string> = { PATH: DEFAULT_PATH };
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && (ALLOWED.has(name) || name.startsWith(ALLOWED_PREFIX))) safe[name] = value;
  }
  return safe;
}
