import { loadConfig } from "../config/load.ts";
import { makeOperatorKey } from "../config/operator-key.ts";
import { refuseAgent } from "./client.ts";
import type { Command } from "./command.ts";

/** `hermes operator-key`: makes the key that answers to approvals need, and shows it once. */
export const operatorKey: Command = {
  usage: "",
  run: async ({ options }) => {
    const config = loadConfig(options);
    refuseAgent(config);
    const key = makeOperatorKey(config.home);
    process.stdout.write(`${key}\n`);
    const isOn = config.settings.approvals.require_operator_key;
    const next = isOn
      ? "It counts from the next start on."
      : "Set approvals.require_operator_key: true in config.yaml, and start the server again.";
    process.stderr.write(
      `Keep it away from this machine: it is not shown again. Answers to approvals bring it as X-Hermes-Operator-Key. ${next}\n`,
    );
  },
};
