import Fastify, { type FastifyInstance } from "fastify";
import { describe, expect, it } from "vitest";
import { createKeyRing, OWNER } from "../../../src/auth/keys.ts";
import { getPrincipal, installAuth } from "../../../src/http/auth.ts";
import { handleError } from "../../../src/http/errors.ts";

const KEY = "hermes-0123456789abcdef";

async function server(key = KEY): Promise<FastifyInstance> {
  const app = Fastify();
  app.setErrorHandler(handleError);
  installAuth(app, createKeyRing(key));
  app.get("/mine", (request) => ({ owner: getPrincipal(request).id }));
  app.get("/open", { config: { open: true } }, (request) => ({ known: request.principal !== undefined }));
  app.options("/mine", () => ({}));
  return app;
}

describe("a bearer key", () => {
  it.each([
    "Bearer",
    "bearer",
    "BEARER",
    "bEaReR",
  ])("a bearer key is taken under the scheme %s", async (scheme) => {
    const app = await server();
    const response = await app.inject({ url: "/mine", headers: { authorization: `${scheme} ${KEY}` } });
    expect([response.statusCode, response.json()]).toEqual([200, { owner: OWNER.id }]);
  });

  it.each([
    ["none at all", undefined],
    ["an empty one", ""],
    ["a scheme without a key", "Bearer"],
    ["an empty key", "Bearer "],
    ["a wrong key", "Bearer wrong"],
    ["the key's beginning", `Bearer ${KEY.slice(0, -1)}`],
    ["the key and more", `Bearer ${KEY}x`],
    ["the key in another case", `Bearer ${KEY.toUpperCase()}`],
    ["another scheme", `Basic ${KEY}`],
    ["the bare key", KEY],
    ["a very long one", `Bearer ${"x".repeat(10_000)}`],
    ["one that is no ASCII", "Bearer schlüssel"],
  ])("%s is refused with a 401 that says how", async (_name, authorization) => {
    const app = await server();
    const headers = authorization === undefined ? {} : { authorization };
    const response = await app.inject({ url: "/mine", headers });
    expect(response.statusCode).toBe(401);
    expect(response.headers["www-authenticate"]).toBe('Bearer realm="hermes"');
    const { error } = response.json<{ error: Record<string, unknown> }>();
    expect(Object.keys(error)).toEqual(["message", "type", "param", "code"]);
    expect(error).toMatchObject({ type: "invalid_request_error", param: null, code: "invalid_api_key" });
    expect(error["message"]).toContain("Authorization: Bearer");
    expect(response.body).not.toContain(KEY);
  });

  it("a bearer key is not asked for on open routes, preflights and unknown routes", async () => {
    const app = await server();
    expect((await app.inject("/open")).json()).toEqual({ known: false });
    expect((await app.inject({ method: "OPTIONS", url: "/mine" })).statusCode).toBe(200);
    expect((await app.inject("/nowhere")).statusCode).toBe(404);
  });
});

describe("the key ring", () => {
  it("the key ring knows its key and nothing else", () => {
    const ring = createKeyRing(KEY);
    expect(ring.verify(KEY)).toEqual(OWNER);
    expect(["", "x", `${KEY} `, KEY.slice(1), `${KEY}\0`].map((token) => ring.verify(token))).toEqual(
      Array.from({ length: 5 }),
    );
  });

  it("the key ring compares digests, so a token of any length is compared like every other", () => {
    const ring = createKeyRing(KEY);
    // timingSafeEqual throws for buffers of unequal length: that it never does shows what is compared.
    for (const length of [0, 1, 15, 16, 31, 32, 33, 64, 100_000]) {
      expect(ring.verify("k".repeat(length))).toBeUndefined();
    }
  });
});
