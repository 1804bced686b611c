/** Why nothing came back; the words are all that a client is told. */
const SAID = {
  url: "it is no http:// or https:// URL",
  credentials: "a URL must not hold a user name or a password",
  port: "port 0 cannot be reached",
  blocked:
    "its address is not a public one, and the operator of this server has not allowed it (network.allow_private)",
  unknown_host: "its host was not found",
  network: "the connection failed",
  timeout: "it took too long",
  too_large: "the answer is too large",
  redirects: "it was redirected too often",
} as const;

type FetchFailure = keyof typeof SAID;

/** A request that was refused or failed; its message names neither addresses nor URLs. */
export class FetchError extends Error {
  readonly kind: FetchFailure;

  constructor(kind: FetchFailure) {
    super(SAID[kind]);
    this.kind = kind;
  }
}
