import { type Config, type LoadOptions, loadConfig } from "../config/load.ts";
import { resolveHome } from "../config/profile.ts";
import { BODY_LIMIT_BYTES } from "../http/body.ts";
import { wasStartedByAgent } from "../sandbox/marker.ts";
import { EXIT, StartError } from "./failure.ts";

/** Where a server answers that listens on all addresses. */
const OF_ALL: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/** What a person allows is asked by the tool; a command asks nobody. */
const OF_AGENT =
  "Commands of the agent do not manage the server that runs them; for jobs there is the tool cronjob.";

/** @throws StartError for a command of the agent whose server has this configuration. */
export function refuseAgent({ home, environment }: Pick<Config, "home" | "environment">): void {
  if (wasStartedByAgent(resolveHome(home), environment)) throw new StartError(OF_AGENT, EXIT.failure);
}

/** How a connection ends that there was. */
const BROKEN: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]);

/** A request to the running server. */
interface Request {
  /** Default: POST with a body, else GET. */
  method?: string;
  /** Sent as JSON. */
  body?: unknown;
}

/** A refusal of the server's, in its own words. */
export class Refusal extends StartError {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message, EXIT.failure);
    this.status = status;
  }
}

/** The running server, as the commands of the same home ask it. */
export class Client {
  readonly #origin: string;
  readonly #key: string;
  readonly #cure: string;

  /**
   * `cure`: what to do when no server answers.
   * @throws ConfigError when the configuration cannot be read, StartError for a command of that server's own agent.
   */
  constructor(options: LoadOptions, cure = "Start it: hermes serve.") {
    const config = loadConfig(options);
    refuseAgent(config);
    const { settings } = config;
    const { host, port, key = "" } = settings.server;
    const name = OF_ALL[host] ?? host.replace(/^\[|\]$/g, "");
    this.#origin = `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
    this.#key = key;
    this.#cure = cure;
  }

  /** The answer to a request, read. @throws StartError as `open`. */
  async ask<Answer>(path: string, request: Request = {}): Promise<Answer> {
    return (await (await this.open(path, request)).json()) as Answer;
  }

  /** The answer to a request, unread. @throws StartError when no server answers, Refusal when it refuses. */
  async open(path: string, { method, body }: Request = {}): Promise<Response> {
    const response = await this.#fetch(path, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers: {
        authorization: `Bearer ${this.#key}`,
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (response.ok) return response;
    const refused = (await response.json().catch(() => ({}))) as { error?: { message?: string } };
    throw new Refusal(response.status, refused.error?.message ?? `The server answered ${response.status}.`);
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(this.#origin + path, init);
    } catch (error) {
      const { code = "" } = ((error as Error).cause ?? {}) as { code?: string };
      if (!BROKEN.has(code))
        throw new StartError(`No server answers at ${this.#origin}. ${this.#cure}`, EXIT.unavailable);
      const { length } = Buffer.from(String(init.body ?? ""));
      const why = length > BODY_LIMIT_BYTES ? "The request body is larger than 10 MB." : `(${code})`;
      throw new StartError(`${this.#origin} closed the connection without an answer. ${why}`, EXIT.failure);
    }
  }
}
