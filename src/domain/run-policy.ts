import { z } from "zod";

/** What a surface promises of its runs. Decoding puts it into the input, so that nothing below asks where a run came from. */
export const RunPolicy = z.object({
  /** The setting that says how long a run without a session is kept; `stateless`: a day. */
  retention: z.enum(["stateless", "responses", "runs"]),
  /** Whether what the client sent is stored: `in_session` only where it is new to a session. */
  input: z.enum(["kept", "in_session"]),
  /** Whether later requests may name a run, without a session, and go on from it. */
  isContinued: z.boolean(),
  /** The request's field that holds the items; errors name it. */
  inputField: z.enum(["messages", "input"]),
});
export type RunPolicy = Readonly<z.infer<typeof RunPolicy>>;

const STORED = { retention: "runs", input: "kept", isContinued: true, inputField: "input" } as const;

/** The policy of each surface that asks for runs; a plan that an older build stored has none of its own. */
export const RUN_POLICIES = {
  chat: { retention: "stateless", input: "in_session", isContinued: false, inputField: "messages" },
  responses: { ...STORED, retention: "responses" },
  runs: STORED,
  jobs: STORED,
  conversations: STORED,
} as const satisfies Readonly<Record<string, RunPolicy>>;
