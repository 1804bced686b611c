import { expect } from "vitest";
import type { SessionMessage } from "../../src/wire/hermes/sessions/messages.ts";
import type { SessionObject } from "../../src/wire/hermes/sessions/schema.ts";
import { framesOf } from "./frames.ts";
import { FILES } from "./runs-app.ts";
import { type Play, scriptedProvider } from "./scripted-provider.ts";
import { openTestApp, type TestAppOptions, type TestRequest } from "./test-app.ts";

export const SESSIONS = "/api/sessions";

/** What a session's chat answers. */
export interface SessionReply {
  object: string;
  session_id: string;
  run_id: string;
  message: { role: string; content: string };
  usage: Record<string, number>;
  runtime: Record<string, unknown>;
  [field: string]: unknown;
}

/** A frame of a session's stream. */
export interface SessionEvent {
  event: string;
  session_id: string;
  run_id: string;
  seq: number;
  ts: number;
  [field: string]: unknown;
}

/** The events of a session's stream. */
export function sessionEvents(text: string): SessionEvent[] {
  const frames = framesOf(text).filter(({ comment }) => comment === undefined);
  return frames.map(({ event = "", data = "" }) => ({ ...JSON.parse(data), event }));
}

/** A server whose model plays, and what hermes' clients ask of its sessions. */
export async function openSessions(play: Play, options: TestAppOptions = {}) {
  const provider = scriptedProvider(play);
  const app = await openTestApp({ provider, files: FILES, ...options });
  const at = (path: string, request?: TestRequest) => app.ask(`${SESSIONS}${path}`, request);
  const create = async (body: object = {}) => {
    const answer = await at("", { body });
    expect(answer.status).toBe(201);
    return answer.json<{ session: SessionObject }>().session;
  };
  const read = async (id: string) => (await at(`/${id}`)).json<{ session: SessionObject }>().session;
  const list = async (query = "") => (await at(query)).json<{ data: SessionObject[] }>().data;
  const messages = async (id: string, query = "") =>
    (await at(`/${id}/messages${query}`)).json<{ data: SessionMessage[] }>().data;
  const chat = async (id: string, message: string, more: object = {}) => {
    const answer = await at(`/${id}/chat`, { body: { message, ...more } });
    expect(answer.status).toBe(200);
    return answer.json<SessionReply>();
  };
  const fork = async (id: string, body: object = {}) => {
    const answer = await at(`/${id}/fork`, { body });
    expect(answer.status).toBe(201);
    return answer.json<{ session: SessionObject }>().session;
  };
  return { ...app, provider, at, create, read, list, messages, chat, fork };
}

/** Messages in few words: who said what. */
export function brief(messages: readonly SessionMessage[]): string[] {
  return messages.map(({ role, content }) => `${role}: ${content}`);
}
