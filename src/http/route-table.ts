/** Which methods each path takes; Fastify itself only knows whether method and path together are known. */
export class RouteTable {
  readonly #routes: { pattern: RegExp; methods: string[] }[] = [];

  add(methods: string | string[], url: string): void {
    const pattern = new RegExp(
      `^${url
        .replace(/[.+?^${}()|[\]\\]/g, "\\$&")
        .replace(/:\w+/g, "[^/]+")
        .replace(/\*/g, ".*")}$`,
    );
    this.#routes.push({ pattern, methods: [methods].flat() });
  }

  /** The methods of a path, sorted; none when it is unknown. */
  methodsOf(path: string): string[] {
    const fitting = this.#routes.filter(({ pattern }) => pattern.test(path));
    return [...new Set(fitting.flatMap(({ methods }) => methods))]
      .filter((method) => method !== "OPTIONS")
      .sort();
  }
}
