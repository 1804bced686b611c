/** Paths of calls, which people paste together with the address. */
const CALL_PATH = /\/(chat\/completions|messages)$/;

/**
 * Returns a base URL with its version segment: adds `/v1` where `version` finds none in the path. A URL that ends with
 * the path of a call is taken as it is, without that path, because some servers have no version segment at all.
 */
export function addVersion(baseUrl: string, version: RegExp): string {
  const url = new URL(baseUrl);
  const path = url.pathname.replace(/\/+$/, "");
  if (CALL_PATH.test(path)) return url.origin + path.replace(CALL_PATH, "");
  return `${url.origin}${path}${version.test(path) ? "" : "/v1"}`;
}
