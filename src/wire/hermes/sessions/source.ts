import { DEFAULT_SOURCE } from "../../../domain/session.ts";

/** Programs that hermes knows sessions of. */
const SOURCES: readonly string[] = [
  DEFAULT_SOURCE,
  "hermes_browser",
  "browser",
  "cli",
  "telegram",
  "discord",
  "slack",
  "desktop",
  "dashboard",
];

/** The program that makes a session, as it says itself; what hermes does not know comes from here. */
export function sessionSource(said: string | null | undefined): string {
  return said !== null && said !== undefined && SOURCES.includes(said) ? said : DEFAULT_SOURCE;
}
