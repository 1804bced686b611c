// Types only: it adds summary, tags and the like to a route's schema.
import type {} from "@fastify/swagger";
import type { FastifyInstance, RouteOptions } from "fastify";

/**
 * Adds a `/v1` route, and the same without the prefix: clients whose base URL lacks it would else find nothing. Only
 * the first is documented.
 */
export function mount(app: FastifyInstance, route: RouteOptions): void {
  app.route(route);
  app.route({ ...route, url: route.url.replace(/^\/v1/, ""), schema: { ...route.schema, hide: true } });
}
