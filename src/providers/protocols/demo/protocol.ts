import type { Protocol } from "../../protocol.ts";
import { createDemoProvider } from "./provider.ts";

/** The stand-in for a model inside this process, which needs no address and no key. */
export const demo: Protocol = {
  name: "demo",
  aliases: [],
  recognises: () => false,
  endpoint: () => "",
  headers: () => ({}),
  create: () => createDemoProvider(),
  listModels: async () => ["demo"],
};
