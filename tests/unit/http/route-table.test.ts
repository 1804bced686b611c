import { expect, it } from "vitest";
import { RouteTable } from "../../../src/http/route-table.ts";

function table(): RouteTable {
  const routes = new RouteTable();
  routes.add("GET", "/v1/models");
  routes.add(["GET", "HEAD"], "/v1/models/:model");
  routes.add("POST", "/v1/chat/completions");
  routes.add(["GET", "DELETE"], "/v1/files/*");
  routes.add("OPTIONS", "*");
  routes.add("GET", "/a.b");
  return routes;
}

it.each([
  ["/v1/models", ["GET"]],
  ["/v1/models/hermes-agent", ["GET", "HEAD"]],
  ["/v1/models/qwen%2Fqwen3", ["GET", "HEAD"]],
  ["/v1/chat/completions", ["POST"]],
  ["/v1/files/a/b/c", ["DELETE", "GET"]],
  ["/a.b", ["GET"]],
])("%s takes %j", (path, methods) => {
  expect(table().methodsOf(path)).toEqual(methods);
});

it.each([
  "/",
  "/v1",
  "/v1/models/",
  "/v1/models/a/b",
  "/v1/chat",
  "/aXb",
  "/x/v1/models",
  "/v1/models\n",
])("%j is no path of ours, and that preflights are answered everywhere makes it none", (path) => {
  expect(table().methodsOf(path)).toEqual([]);
});

it("a path that two routes have takes the methods of both, once each, sorted", () => {
  const routes = table();
  routes.add("POST", "/v1/models");
  routes.add(["GET", "POST"], "/v1/models");
  expect(routes.methodsOf("/v1/models")).toEqual(["GET", "POST"]);
});
