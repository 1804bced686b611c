/** Makes requests with one or two wrong things each from openapi.yaml: always the same ones, in the same order. */
import { exampleOf, OPERATIONS, type Operation, resolved, type Schema } from "../helpers/hostile-values.ts";

/** A request, and a name that stays the same as long as what it is made from does. */
export interface WrongRequest {
  name: string;
  method: string;
  /** Parameters of the path stand in it as `{id}`, to be filled by `ids`. */
  path: string;
  query: Readonly<Record<string, string>>;
  headers: Readonly<Record<string, string | undefined>>;
  /** Sent as JSON, text as it is; undefined sends none. */
  body: unknown;
  /** Parameters of the path; those left out name something that exists. */
  ids: Readonly<Record<string, string>>;
}

/** One wrong thing, and how it changes a request. */
interface Fault {
  name: string;
  change: Partial<Omit<WrongRequest, "name">>;
}

/** Longer and larger values are not sent: a corpus is about rules, not about load. */
const MAX_LENGTH = 20_000;
const MAX_DEPTH = 4;

/** Bodies that are accepted, where the least that a schema allows is not. */
const BODIES: Readonly<Record<string, object>> = {
  "POST /v1/chat/completions": { messages: [{ role: "user", content: "Hello?" }] },
  "POST /v1/responses": { input: "Hello?" },
  "POST /v1/responses/compact": { model: "hermes-agent", input: "Hello?" },
  "POST /v1/responses/input_tokens": { input: "Hello?" },
  "POST /v1/runs": { input: "Hello?" },
  "POST /v1/jobs": { prompt: "Hello?", schedule: "0 0 1 1 *" },
  "PATCH /v1/jobs/{id}": { name: "Daily" },
  "POST /api/jobs": { name: "Daily", prompt: "Hello?", schedule: "0 0 1 1 *" },
  "PATCH /api/jobs/{id}": { name: "Daily" },
  "POST /api/sessions/{id}/chat": { message: "Hello?" },
  "POST /api/sessions/{id}/chat/stream": { message: "Hello?" },
  "PATCH /api/sessions/{id}": { pinned: true },
  "POST /v1/runs/{id}/steer": { input: "Hello?" },
  "POST /v1/runs/{id}/approval": { choice: "once" },
  "POST /v1/runs/{id}/clarify": { clarify_id: "none", answer: "Hello?" },
  "POST /v1/jobs/import": { jobs: [] },
  "POST /v1/conversations/{id}/items": { items: [{ type: "message", role: "user", content: "Hello?" }] },
};

/** Operations whose bodies others have as well; deep down they are not asked again. */
const SHARING: ReadonlySet<string> = new Set([
  "POST /v1/responses/compact",
  "POST /v1/responses/input_tokens",
  "POST /v1/conversations",
  "POST /api/sessions/{id}/chat/stream",
]);

/** Fields that a body takes though its schema is open. */
const OPEN_FIELDS: Readonly<Record<string, readonly string[]>> = {
  "PATCH /api/sessions/{id}": ["title", "end_reason", "pinned", "archived", "hidden", "unread", "none_such"],
};

const WRONG_VALUES: Readonly<Record<string, unknown>> = {
  null: null,
  true: true,
  "0": 0,
  "-1": -1,
  "1.5": 1.5,
  "1e300": 1e300,
  '""': "",
  '"x"': "x",
  NUL: "a\u0000b",
  "[]": [],
  "[null]": [null],
  "{}": {},
  "{x}": { x: 1 },
};

const WRONG_IDS: Readonly<Record<string, string>> = {
  unknown: "00000000000000000000000000",
  "unknown run": "run_00000000000000000000000000",
  "unknown response": "resp_00000000000000000000000000",
  "unknown job": "job_00000000000000000000000000",
  odd: "%F0%9F%A6%9C",
  "a slash": "a%2Fb",
  NUL: "%00",
  "no escape": "%zz",
  long: "a".repeat(300),
};

const WRONG_QUERY_VALUES = ["", "0", "-1", "1.5", "1e9", "99999", "x", "x".repeat(600), "%00", "a b"];

/** Headers that one route or another reads. */
const WRONG_HEADERS: Readonly<Record<string, Record<string, string | undefined>>> = {
  "no key": { authorization: undefined },
  "another scheme": { authorization: "Basic eDp5" },
  "an empty key": { authorization: "Bearer" },
  "a foreign host": { host: "evil.example" },
  "a foreign origin": { origin: "http://evil.example" },
};

/** Those that are read where a run begins or somebody answers for it. */
const WRONG_OWN_HEADERS: Readonly<Record<string, Record<string, string>>> = {
  ...headerFaults("idempotency-key", ["", "a b", "x".repeat(256), "\u00e9"]),
  ...headerFaults("x-hermes-session-id", ["", "a b", "x".repeat(300), "../x", "run_1"]),
  ...headerFaults("x-hermes-session-key", ["", "a b", "x".repeat(300)]),
  ...headerFaults("x-hermes-approvals", ["", "x", "events"]),
  ...headerFaults("x-hermes-operator-key", ["", "x"]),
};

const WRONG_TYPES: Readonly<Record<string, string | undefined>> = {
  "no content type": undefined,
  "text/plain": "text/plain",
  form: "application/x-www-form-urlencoded",
  multipart: "multipart/form-data; boundary=x",
  "no type at all": "x",
  "another charset": "application/json; charset=latin1",
};

const WRONG_TEXTS: Readonly<Record<string, string>> = {
  nothing: "",
  "half an object": '{"model":',
  "no JSON": "hello",
  "a trailing comma": "{},",
  NaN: "NaN",
  "a list": "[]",
  "a string": '"x"',
  "a number": "1",
  null: "null",
  "a prototype": '{"__proto__":{"x":1}}',
  "a constructor": '{"constructor":{"prototype":{"x":1}}}',
};

function headerFaults(name: string, values: readonly string[]): Record<string, Record<string, string>> {
  return Object.fromEntries(values.map((value) => [`${name}: ${shortly(value)}`, { [name]: value }]));
}

/** Every request of the corpus; no two have the same name. */
export function wrongRequests(): WrongRequest[] {
  const named = new Map<string, WrongRequest>();
  for (const request of allRequests()) if (!named.has(request.name)) named.set(request.name, request);
  return [...named.values()];
}

/** In an order that says nothing about who registers what first. */
const SORTED = OPERATIONS.toSorted((a, b) => compare(a.path, b.path) || compare(a.method, b.method));

function compare(a: string, b: string): number {
  return Number(a > b) - Number(a < b);
}

function* allRequests(): Generator<WrongRequest> {
  for (const operation of SORTED) yield* requestsTo(operation);
  for (const path of new Set(SORTED.map((operation) => operation.path))) {
    for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
      if (SORTED.some((operation) => operation.path === path && operation.method === method)) continue;
      yield { ...plain(method, path), name: `${method} ${path} | the method` };
    }
  }
  for (const path of ["/", "/v1", "/v1/none", "/api/none", "/v1/models/", "//", "/v1//models"]) {
    for (const method of ["GET", "POST"])
      yield { ...plain(method, path), name: `${method} ${path} | the path` };
  }
}

function plain(method: string, path: string): Omit<WrongRequest, "name"> {
  return { method, path, query: {}, headers: {}, body: undefined, ids: {} };
}

function* requestsTo(operation: Operation): Generator<WrongRequest> {
  const { method, path } = operation;
  const right = { ...plain(method, path), body: rightBody(operation) };
  const request = (...faults: Fault[]): WrongRequest => ({
    ...faults.reduce(changed, right),
    name: `${method} ${path} | ${faults.map(({ name }) => name).join(" + ") || "nothing wrong"}`,
  });
  const [headers, ids, queries] = [faultsOfHeaders(method), faultsOfIds(path), faultsOfQueries(operation)];
  const [envelopes, fields] = [faultsOfEnvelope(operation), faultsOfFields(operation)];
  // Nothing that other requests need is taken away.
  const unknown = method === "DELETE" ? ids.slice(0, 1) : [];
  yield request(...unknown);
  for (const fault of ids) yield request(fault);
  for (const fault of [...headers, ...queries, ...envelopes, ...fields]) yield request(...unknown, fault);
  yield* pairs([headers, ids, queries, envelopes, fields]).map((pair) => request(...unknown, ...pair));
  yield* fieldPairs(operation).map((fault) => request(fault));
}

function changed(made: Omit<WrongRequest, "name">, { change }: Fault): Omit<WrongRequest, "name"> {
  const headers = { ...made.headers, ...change.headers };
  const query = { ...made.query, ...change.query };
  return { ...made, ...change, headers, query, ids: { ...made.ids, ...change.ids } };
}

/** One fault of each kind with one of each other kind: which of the two is told. */
function pairs(kinds: readonly (readonly Fault[])[]): [Fault, Fault][] {
  return kinds.flatMap((first, n) =>
    kinds.slice(n + 1).flatMap((second) =>
      first.slice(0, 12).flatMap((one, at): [Fault, Fault][] => {
        const other = second[(at * 7) % Math.max(1, second.length)];
        return other === undefined ? [] : [[one, other]];
      }),
    ),
  );
}

function faultsOfHeaders(method: string): Fault[] {
  const all = method === "POST" ? { ...WRONG_HEADERS, ...WRONG_OWN_HEADERS } : WRONG_HEADERS;
  return Object.entries(all).map(([name, headers]) => ({ name, change: { headers } }));
}

function faultsOfIds(path: string): Fault[] {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
  return names.flatMap((name) =>
    Object.entries(WRONG_IDS).map(([kind, id]) => ({
      name: `{${name}}: ${kind}`,
      change: { ids: { [name]: id } },
    })),
  );
}

function faultsOfQueries({ query }: Operation): Fault[] {
  const single = [...query, "none_such"].flatMap((name) =>
    (query.includes(name) ? WRONG_QUERY_VALUES : ["", "x"]).map((value) => ({
      name: `?${name}=${shortly(value)}`,
      change: { query: { [name]: value } },
    })),
  );
  const double = query.flatMap((first, n) =>
    query.slice(n + 1).map((second) => ({
      name: `?${first}=x&${second}=%`,
      change: { query: { [second]: "%25", [first]: "-" } },
    })),
  );
  return [...single, ...double];
}

function faultsOfEnvelope(operation: Operation): Fault[] {
  const body = rightBody(operation) ?? (operation.method === "GET" ? undefined : {});
  if (body === undefined) return [];
  const types = Object.entries(WRONG_TYPES).map(([name, type]) => ({
    name,
    change: { headers: { "content-type": type }, body },
  }));
  const texts = Object.entries(WRONG_TEXTS).map(([name, text]) => ({
    name: `body: ${name}`,
    change: { body: text },
  }));
  return [...texts, ...types];
}

function rightBody({ method, path, body }: Operation): object | undefined {
  return BODIES[`${method} ${path}`] ?? (body === undefined ? undefined : exampleOf(body));
}

/** A body with one wrong field: at every place of its schema. */
function faultsOfFields(operation: Operation): Fault[] {
  const right = rightBody(operation);
  if (right === undefined || operation.body === undefined) return [];
  const faults: Fault[] = [];
  const seen = new Set<string>();
  for (const [name, body] of wrongBodies(operation, right)) {
    if (!seen.has(name)) faults.push({ name, change: { body } });
    seen.add(name);
  }
  return faults;
}

function* wrongBodies(operation: Operation, right: object): Generator<[name: string, body: object]> {
  for (const key of Object.keys(right)) {
    yield [`${key}: none`, Object.fromEntries(Object.entries(right).filter(([name]) => name !== key))];
  }
  yield ["none_such: 1", { ...right, none_such: 1 }];
  const depth = SHARING.has(`${operation.method} ${operation.path}`) ? MAX_DEPTH - 1 : 0;
  for (const [field, schema] of fieldsOf(operation)) {
    for (const [name, value] of wrongValues(schema, depth))
      yield [`${field}${name}`, { ...right, [field]: value }];
  }
}

/** The fields of a body, of all its kinds. */
function fieldsOf({ method, path, body }: Operation): [name: string, schema: Schema][] {
  const open = (OPEN_FIELDS[`${method} ${path}`] ?? []).map((name): [string, Schema] => [name, {}]);
  const found =
    body === undefined ? [] : kindsOf(body).flatMap(({ properties = {} }) => Object.entries(properties));
  return [...open, ...found];
}

/** A schema without references and choices. */
function kindsOf(schema: Schema): Schema[] {
  const { anyOf, oneOf, ...own } = resolved(schema);
  const kinds = anyOf ?? oneOf;
  return kinds === undefined ? [own] : kinds.flatMap(kindsOf);
}

/** Wrong values of a field, with what follows the field's name. */
function* wrongValues(schema: Schema, depth: number): Generator<[name: string, value: unknown]> {
  // Deep down fewer values tell the same.
  const values = Object.entries(WRONG_VALUES).filter((_, n) => depth === 0 || n % (depth + 1) === 0);
  for (const [name, value] of values) yield [`: ${name}`, value];
  for (const kind of kindsOf(schema)) {
    yield* valuesOutOfBounds(kind);
    if (depth < MAX_DEPTH) yield* innerWrongValues(kind, depth + 1);
  }
}

function* valuesOutOfBounds(schema: Schema): Generator<[name: string, value: unknown]> {
  const { minimum, maximum, minLength, maxLength, minItems, maxItems, maxProperties } = schema;
  if (minimum !== undefined) yield [`: ${minimum} - 1`, minimum - 1];
  if (maximum !== undefined && maximum < 1e15) yield [`: ${maximum}`, maximum];
  if (maximum !== undefined && maximum < 1e15) yield [`: ${maximum} + 1`, maximum + 1];
  if (minLength !== undefined && minLength > 1)
    yield [`: ${minLength - 1} letters`, "x".repeat(minLength - 1)];
  if (maxLength !== undefined && maxLength < MAX_LENGTH) {
    yield [`: ${maxLength} letters`, "x".repeat(maxLength)];
    yield [`: ${maxLength + 1} letters`, "x".repeat(maxLength + 1)];
  }
  const [item] = schema.items === undefined ? [] : [leastOfItems(schema.items)];
  if (minItems !== undefined && minItems > 1)
    yield [`: ${minItems - 1} items`, Array(minItems - 1).fill(item)];
  if (maxItems !== undefined && maxItems < MAX_LENGTH / 10)
    yield [`: ${maxItems + 1} items`, Array(maxItems + 1).fill(item)];
  if (maxProperties !== undefined && maxProperties < MAX_LENGTH) {
    const entries = Array.from({ length: maxProperties + 1 }, (_, n) => [`k${n}`, "x"]);
    yield [`: ${maxProperties + 1} names`, Object.fromEntries(entries)];
  }
}

function leastOfItems(items: Schema): unknown {
  return exampleOf({ properties: { item: items }, required: ["item"] })["item"];
}

function* innerWrongValues(schema: Schema, depth: number): Generator<[name: string, value: unknown]> {
  if (schema.items !== undefined) {
    for (const [name, value] of wrongValues(schema.items, depth)) yield [`[0]${name}`, [value]];
    yield ["[1]: 0 after a right one", [leastOfItems(schema.items), 0]];
  }
  const { properties = {}, required = [] } = schema;
  const kind = Object.entries(properties).find(([, property]) => property.const !== undefined);
  const label = kind === undefined ? "" : `(${kind[1].const})`;
  const right = exampleOf(schema);
  for (const name of required) {
    const rest = Object.fromEntries(Object.entries(right).filter(([key]) => key !== name));
    yield [`${label}.${name}: none`, rest];
  }
  for (const [field, property] of Object.entries(properties)) {
    for (const [name, value] of wrongValues(property, depth))
      yield [`${label}.${field}${name}`, { ...right, [field]: value }];
  }
}

/** Each field with each of the next ones, both wrong: which of them is named. */
function fieldPairs(operation: Operation): Fault[] {
  const right = rightBody(operation);
  const names = [...new Set(fieldsOf(operation).map(([name]) => name))];
  if (right === undefined) return [];
  return names.flatMap((first, n) =>
    [1, 2, 5, 11].flatMap((step) => {
      const second = names[n + step];
      if (second === undefined) return [];
      const name = `${second}: [0] + ${first}: [0]`;
      return [{ name, change: { body: { ...right, [second]: [0], [first]: [0] } } }];
    }),
  );
}

function shortly(text: string): string {
  return text.length > 20 ? `${text.length} letters` : JSON.stringify(text);
}
