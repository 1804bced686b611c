import { UPLOADS } from "../helpers/uploads.ts";
import { forEach, range } from "./answers.ts";
import { fault } from "./report.ts";
import { openPlace } from "./server.ts";

const LARGE = [11_000_000, 40_000_000];

for (const [client, upload] of UPLOADS) {
  fault(
    {
      id: "R-31",
      what: `bodies of 11 and 40 MB from ${client}, 2 at a time: each client reads the 413`,
      counts: { quick: 10, usual: 100, full: 2_000 },
    },
    async (count) => {
      const place = await openPlace(() => ({ text: "Never asked." }));
      const server = await place.start();
      const failures: string[] = [];
      await forEach(range(count), 2, async (n) => {
        const outcome = await upload(`${server.origin}/v1/chat/completions`, LARGE[n % 2] ?? 0);
        if (outcome !== "413") failures.push(outcome);
      });
      const { status } = await server.ask("/health");
      if (status !== 200) failures.push(`health answers ${status}`);
      if (place.upstream.requests.length > 0) failures.push("the model was asked");
      return { failures };
    },
  );
}
