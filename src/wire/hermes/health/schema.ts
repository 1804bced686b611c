import { z } from "zod";

/** Liveness; the same fields as the reference's. */
export const Health = z.object({
  status: z.literal("ok"),
  platform: z.literal("hermes-agent"),
  version: z.string(),
});

/** Readiness: whether new work is taken. */
export const Ready = z
  .object({ status: z.enum(["ready", "not_ready"]) })
  .meta({ id: "Ready", description: "Whether new work is taken" });

const Check = z.looseObject({ status: z.enum(["ok", "degraded"]), detail: z.string().optional() });
/** The state of one part of the server. */
export type HealthCheck = z.infer<typeof Check>;

/** The state of the parts; only for those who have the key. */
export const DetailedHealth = z
  .object({
    status: z.enum(["ok", "degraded"]),
    platform: z.literal("hermes-agent"),
    version: z.string(),
    readiness: z.object({ status: z.enum(["ok", "degraded"]), checks: z.record(z.string(), Check) }),
    gateway_state: z.enum(["running", "draining"]),
    platforms: z.record(z.string(), z.object({ state: z.string() })),
    active_agents: z.int(),
    gateway_busy: z.boolean(),
    gateway_drainable: z.boolean(),
    exit_reason: z.string().nullable(),
    updated_at: z.string().nullable(),
    pid: z.int(),
  })
  .meta({ id: "DetailedHealth", description: "The state of the server's parts" });
export type DetailedHealth = z.infer<typeof DetailedHealth>;

/** What this server can do, for clients that ask before they call. */
export const Capabilities = z
  .object({
    object: z.literal("hermes.api_server.capabilities"),
    platform: z.literal("hermes-agent"),
    model: z.string(),
    auth: z.object({ type: z.literal("bearer"), required: z.literal(true) }),
    runtime: z.object({
      mode: z.literal("server_agent"),
      tool_execution: z.literal("server"),
      split_runtime: z.literal(false),
      description: z.string(),
    }),
    features: z.record(z.string(), z.union([z.boolean(), z.string(), z.record(z.string(), z.unknown())])),
    endpoints: z.record(z.string(), z.object({ method: z.string(), path: z.string() })),
  })
  .meta({ id: "Capabilities", description: "What this server can do" });
export type Capabilities = z.infer<typeof Capabilities>;

/** The groups of tools that the agent has. */
export const ToolsetList = z
  .object({
    object: z.literal("list"),
    platform: z.literal("api_server"),
    data: z.array(
      z.object({
        name: z.string(),
        label: z.string(),
        description: z.string(),
        enabled: z.boolean(),
        configured: z.boolean(),
        tools: z.array(z.string()),
      }),
    ),
  })
  .meta({ id: "ToolsetList", description: "The agent's tools by group" });

/** The skills of the home, by category and name. */
export const SkillList = z
  .object({
    object: z.literal("list"),
    data: z.array(z.object({ name: z.string(), description: z.string(), category: z.string().nullable() })),
  })
  .meta({ id: "SkillList", description: "How things are done, as the home's SKILL.md files say" });
export type SkillList = z.infer<typeof SkillList>;

/** An SQLite file; what is in it no schema says. */
export const BackupFile = z.string();
