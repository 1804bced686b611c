import type { Config } from "../config/load.ts";
import { protectedPaths } from "../config/profile.ts";
import { coreSections, createPromptBuilder, type PromptBuilder } from "../context/core-prompt.ts";
import { Reader } from "../files/reader.ts";
import { Protection } from "../tools/files/protection.ts";
import type { AppContext } from "./context.ts";

/** Readers of files for runs: one for each place whose disk may fail by itself. */
export interface Readers {
  home: Reader;
  workspace: Reader;
}

/** Opens the readers; none gives out a secret. */
export function openReaders({ home }: Config): Readers {
  const secrets = new Protection([home.configFile, ...protectedPaths(home)]);
  return { home: new Reader({ secrets }), workspace: new Reader({ secrets }) };
}

/** Opens what makes the core prompt. SOUL.md may be a link out of the home: the home is its owner's word. */
export function openPrompt({ config, clock, log }: AppContext, readers: Readers): PromptBuilder {
  const { home, workspace } = config;
  const sections = coreSections({
    soul: { reader: readers.home, place: { within: "/", name: home.soulFile } },
    workspaceInstructions: { reader: readers.workspace, place: { within: workspace, name: "AGENTS.md" } },
    workspace,
  });
  return createPromptBuilder({
    sections,
    now: clock.elapsed,
    onLeftOut: (sentences) => log.warn(sentences.join(" ") || "The core prompt is whole again."),
  });
}
