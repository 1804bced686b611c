import type { RunStop } from "../agent/stop.ts";
import { ApiError, keyConflict, notFound, storageFailed } from "../domain/error.ts";
import type { Run, RunInput } from "../domain/run.ts";
import type { Reader } from "../eventlog/follow.ts";
import type { KeyClaim, KeyedRun, KeyScope, Store, StoredRun } from "../storage/store.ts";
import type { ToolCatalog } from "../tools/catalog.ts";
import type { ActiveRun } from "./active-run.ts";
import type { RunDeps } from "./deps.ts";
import type { LiveRun } from "./live-run.ts";
import { KEY_RETENTION_MS } from "./retention.ts";

/** Returns the key to store with a request's run; undefined without one. */
export function createClaim(input: RunInput, createdAt: number): KeyClaim | undefined {
  const { owner, surface, idempotency } = input;
  return idempotency && { owner, surface, ...idempotency, expiresAt: createdAt + KEY_RETENTION_MS };
}

type KeyDeps = Pick<RunDeps, "store" | "log" | "clock" | "tools">;

/** A key whose request is being admitted or whose run is going on. */
interface LiveKey {
  /** Resolves with the run, or with undefined when the request was refused or the run has ended. */
  run: Promise<SharedRun | undefined>;
}

/**
 * Requests with the same idempotency key share one run: the first starts it, and later ones get its events from the
 * start, while it is going on and afterwards. The key is stored with the run's first event.
 * @see hermes-api.md 1.9
 */
export class KeyedRuns {
  readonly #deps: KeyDeps;
  readonly #live = new Map<string, LiveKey>();

  constructor(deps: KeyDeps) {
    this.#deps = deps;
  }

  /**
   * Returns the run that a request's key stands for; if there is none, or it had no effect, `begin` admits a new one.
   * @throws ApiError 409 for a key of another request, 404 when its run was deleted, otherwise as `begin`.
   */
  async admit(
    input: RunInput,
    key: Exclude<RunInput["idempotency"], undefined>,
    begin: () => Promise<ActiveRun>,
  ): Promise<LiveRun> {
    const scope = { owner: input.owner, surface: input.surface, key: key.key };
    const name = JSON.stringify([scope.owner, scope.surface, scope.key]);
    for (let live = this.#live.get(name); live !== undefined; live = this.#live.get(name)) {
      const shared = await live.run;
      if (shared === undefined) continue;
      // A run that is about to end may release its key.
      if (shared.isEnding || this.#deps.log.live(shared.run.id) === undefined) await shared.forgotten;
      else if (shared.fingerprint !== key.fingerprint) throw keyConflict();
      else return shared.join("live");
    }
    // Nothing is awaited between the look and this, so that a twin finds it.
    const first = Promise.withResolvers<SharedRun | undefined>();
    this.#live.set(name, { run: first.promise });
    let shared: SharedRun | undefined;
    try {
      const replay = await this.#replay(scope, key.fingerprint);
      if (replay !== undefined) return replay;
      const active = await begin();
      shared = new SharedRun(
        active,
        key.fingerprint,
        active.ended.then(() => this.#forget(name)),
      );
      return shared.join();
    } finally {
      if (shared === undefined) this.#forget(name);
      first.resolve(shared);
    }
  }

  #forget(name: string): void {
    this.#live.delete(name);
  }

  /** The run of a former request, unless the key is free. */
  async #replay(scope: KeyScope, fingerprint: string): Promise<LiveRun | undefined> {
    const { store, log } = this.#deps;
    const found = await store.findKey(scope);
    if (found === undefined || (await this.#isFree(found))) return undefined;
    if (found.fingerprint !== fingerprint) throw keyConflict();
    if (found.stored === undefined)
      throw notFound("response_not_found", "What this Idempotency-Key stood for was deleted.");
    const { run, endedAt } = found.stored;
    // Its end could not be stored, and what it did must not be done again.
    if (endedAt === undefined && log.live(run.id) === undefined)
      throw new ApiError({ ...storageFailed(false), shouldRetry: false });
    return {
      run,
      replay: endedAt === undefined ? "live" : "over",
      follow: (reader) => log.follow(run.id, { afterSeq: 0, reader }),
      begin: () => Promise.resolve(),
      stop: () => {},
    };
  }

  /** Whether a key stands for nothing any more, or for a run that came to nothing. */
  async #isFree({ stored, expiresAt }: KeyedRun): Promise<boolean> {
    const { store, log, clock, tools } = this.#deps;
    const isOld = expiresAt <= clock.now();
    if (stored === undefined) return isOld;
    const isOver = stored.endedAt !== undefined;
    if (!isOver && log.live(stored.run.id) !== undefined) return false;
    return (isOld && isOver) || isWithoutEffect(stored, store, tools);
  }
}

/** Whether a run that is over came to nothing: it did not complete, and no tool began that may have changed something. */
async function isWithoutEffect(
  { run, status }: StoredRun,
  store: Pick<Store, "readOutput">,
  tools: ToolCatalog,
): Promise<boolean> {
  if (status === "completed") return false;
  const items = await store.readOutput(run.id);
  return !items.some(
    (item) =>
      item.type === "function_call_output" && item.executor === "server" && tools.current.mayHaveActed(item),
  );
}

/** One run that several requests wait for. */
class SharedRun {
  readonly fingerprint: string;
  /** Resolves when it has ended and its key is looked up in the store again. */
  readonly forgotten: Promise<void>;
  readonly #active: ActiveRun;
  #begun: Promise<void> | undefined;
  /** Requests that did not give it up. */
  #waiting = 0;
  isEnding = false;

  constructor(active: ActiveRun, fingerprint: string, forgotten: Promise<void>) {
    this.#active = active;
    this.fingerprint = fingerprint;
    this.forgotten = forgotten;
  }

  get run(): Run {
    return this.#active.run;
  }

  /** The run as one more request has it; it is stopped when the last one stops it. */
  join(replay?: "live"): LiveRun {
    this.#waiting++;
    let isWaiting = true;
    return {
      run: this.run,
      ...(replay !== undefined && { replay }),
      follow: (reader: Reader) => this.#active.follow(reader),
      begin: () => {
        this.#begun ??= this.#active.begin();
        return this.#begun;
      },
      stop: (stop: RunStop) => {
        if (isWaiting) this.#waiting--;
        isWaiting = false;
        if (this.#waiting > 0) return;
        this.isEnding = true;
        this.#active.stop(stop);
      },
    };
  }
}
