import { type DeliveryChannel, DeliveryError } from "../../../src/delivery/channel.ts";

const PREFIX = "mailbox:";

/** A channel that puts results into boxes by name: `mailbox:<name>`. The same result may come twice, and is kept once. */
export function mailboxChannel(boxes: ReadonlyMap<string, Map<string, string>>): DeliveryChannel {
  return {
    takes: (target) => target.startsWith(PREFIX),
    async deliver({ fire, target, text }) {
      const box = boxes.get(target.slice(PREFIX.length));
      if (box === undefined) throw new DeliveryError("There is no such mailbox.", { isFinal: true });
      box.set(fire.id, text);
      return {};
    },
  };
}
