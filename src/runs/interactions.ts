import type { RunInteractions } from "../agent/interactions.ts";
import { RunStop } from "../agent/stop.ts";
import type { Interaction } from "../domain/interactions.ts";
import {
  approvalId,
  type CallDescription,
  type Choice,
  inputId,
  permissionScope,
  type Settlement,
} from "../domain/interactions.ts";
import type { RunLog } from "../eventlog/run-log.ts";
import type { Clock } from "../lib/clock.ts";
import type { ApprovalStore } from "../storage/approval-store.ts";

/** What a run asks people with. */
interface PendingTerms {
  log: RunLog;
  approvals: Pick<ApprovalStore, "findPermission">;
  clock: Clock;
  /** How long a question may wait for its answer. */
  timeoutMs: number;
  /** Aborted when the run stops. */
  signal: AbortSignal;
  /** What a former process asked, with the answers. */
  asked?: ReadonlyMap<string, Interaction> | undefined;
  /** Told when the run begins to wait for people, and when it no longer does. */
  onWaiting(isWaiting: boolean): void;
}

type Answer = Settlement | { answer: string | undefined };

/** A question without an answer. */
interface Pending {
  kind: "approval" | "input";
  timer: NodeJS.Timeout;
  /** Stored, so that people can see it. */
  isTold: boolean;
  /** Set once the agent waits; a former process's question can be answered before. */
  waiter?: { resolve(answer: Answer): void; reject(reason: unknown): void };
}

/**
 * What a run asks people: each question is stored before anybody sees it, and each answer before the run goes on with
 * it, so that neither is lost with the process.
 */
export class PendingInteractions implements RunInteractions {
  readonly #terms: PendingTerms;
  /** Oldest first. */
  readonly #pending = new Map<string, Pending>();
  readonly #answered = new Map<string, Answer>();
  #isSuspended = false;
  #waiters = 0;

  constructor(terms: PendingTerms) {
    this.#terms = terms;
    for (const [id, { kind, request, settled }] of terms.asked ?? []) {
      if (settled === undefined) this.#open(id, kind, request.expiresAt).isTold = true;
      else this.#answered.set(id, settled);
    }
    terms.signal.addEventListener("abort", () => this.#end(terms.signal.reason), { once: true });
  }

  /** What the run waits for, when it does. */
  get waitingFor(): "approval" | "input" | undefined {
    for (const { kind, isTold } of this.#pending.values()) if (isTold) return kind;
    return undefined;
  }

  async approve(callId: string, question: CallDescription): Promise<Settlement> {
    const id = approvalId(callId);
    const before = this.#terms.asked?.get(id);
    // In another workspace it is another call, and no answer is about it.
    if (before?.kind === "approval" && before.request.digest !== question.digest) {
      if (this.#pending.has(id)) await this.#settle(id, "withdrawn");
      return "withdrawn";
    }
    if (!this.#pending.has(id) && !this.#answered.has(id)) {
      const { log, approvals, clock, timeoutMs } = this.#terms;
      const { digest } = question;
      if (await approvals.findPermission({ owner: log.run.owner, digest, scope: permissionScope(log.run) }))
        return "once";
      this.#checkGoesOn();
      const expiresAt = clock.now() + timeoutMs;
      const pending = this.#open(id, "approval", expiresAt);
      log.emit({ type: "approval.requested", approval: { id, callId, expiresAt, ...question } });
      await log.settled();
      pending.isTold = true;
    }
    return (await this.#answer(id)) as Settlement;
  }

  async answer(callId: string, question: string, choices?: readonly string[]): Promise<string | undefined> {
    const id = inputId(callId);
    if (!this.#pending.has(id) && !this.#answered.has(id)) {
      this.#checkGoesOn();
      const { log, clock, timeoutMs } = this.#terms;
      const expiresAt = clock.now() + timeoutMs;
      const pending = this.#open(id, "input", expiresAt);
      const request = { id, callId, question, expiresAt, ...(choices && { choices: [...choices] }) };
      log.emit({ type: "input.requested", request });
      await log.settled();
      pending.isTold = true;
    }
    return ((await this.#answer(id)) as { answer: string | undefined }).answer;
  }

  /**
   * Answers whether calls may run: the one that is named, all, or the one that has waited longest. Tells how many.
   * @throws ApiError when the answer cannot be stored.
   */
  async choose(choice: Choice, which: { id?: string | undefined; all: boolean }): Promise<number> {
    const waiting = [...this.#pending].flatMap(([id, { kind }]) => (kind === "approval" ? [id] : []));
    const named = which.id === undefined ? waiting : waiting.filter((id) => id === which.id);
    const chosen = which.all ? named : named.slice(0, 1);
    await Promise.all(chosen.map((id) => this.#settle(id, choice)));
    return chosen.length;
  }

  /** Answers a question to the user. False: it does not wait. @throws ApiError when the answer cannot be stored. */
  async reply(id: string, answer: string): Promise<boolean> {
    if (this.#pending.get(id)?.kind !== "input") return false;
    await this.#settle(id, { answer });
    return true;
  }

  /** Leaves what waits to the next process. */
  suspend(): void {
    this.#isSuspended = true;
    for (const { timer, waiter } of this.#pending.values()) {
      clearTimeout(timer);
      waiter?.reject(RunStop.suspend());
    }
  }

  #checkGoesOn(): void {
    this.#terms.signal.throwIfAborted();
    if (this.#isSuspended) throw RunStop.suspend();
  }

  #open(id: string, kind: Pending["kind"], expiresAt: number): Pending {
    const late = () => void this.#settle(id, kind === "approval" ? "expired" : NOBODY).catch(() => {});
    const timer = setTimeout(late, Math.max(0, expiresAt - this.#terms.clock.now()));
    const pending: Pending = { kind, timer, isTold: false };
    this.#pending.set(id, pending);
    return pending;
  }

  async #answer(id: string): Promise<Answer> {
    const known = this.#answered.get(id);
    if (known !== undefined) return known;
    this.#checkGoesOn();
    if (this.#waiters++ === 0) this.#terms.onWaiting(true);
    try {
      return await new Promise<Answer>((resolve, reject) => {
        const pending = this.#pending.get(id);
        if (pending !== undefined) pending.waiter = { resolve, reject };
      });
    } finally {
      if (--this.#waiters === 0) this.#terms.onWaiting(false);
    }
  }

  /** Nothing goes on with an answer that is not stored; one that cannot be stored breaks the run, and so stops it. */
  async #settle(id: string, answer: Answer): Promise<void> {
    const waiter = this.#close(id, answer);
    await this.#terms.log.settled();
    waiter?.resolve(answer);
  }

  #close(id: string, answer: Answer): Pending["waiter"] {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    clearTimeout(pending.timer);
    this.#pending.delete(id);
    this.#answered.set(id, answer);
    const { log } = this.#terms;
    if (typeof answer === "string") log.emit({ type: "approval.resolved", approvalId: id, choice: answer });
    else {
      const said = answer.answer !== undefined && { answer: answer.answer };
      log.emit({ type: "input.resolved", inputId: id, ...said });
    }
    return pending.waiter;
  }

  /** The run ends: nobody needs to answer any more. */
  withdraw(reason: unknown = RunStop.cancel("ended")): void {
    for (const [id, { kind }] of [...this.#pending])
      this.#close(id, kind === "approval" ? "withdrawn" : NOBODY)?.reject(reason);
  }

  #end(reason: unknown): void {
    if (reason instanceof RunStop && reason.suspends) this.suspend();
    else this.withdraw(reason);
  }
}

const NOBODY: Answer = { answer: undefined };
