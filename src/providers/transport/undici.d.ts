/** Parts of undici by their files: its index also loads caches, mocks and WebSockets, which are 12 MB that nobody uses. */
declare module "undici/lib/dispatcher/client.js" {
  import { Client } from "undici";

  export = Client;
}

declare module "undici/lib/dispatcher/pool.js" {
  import { Pool } from "undici";

  export = Pool;
}

declare module "undici/lib/api/api-request.js" {
  import type { Dispatcher } from "undici";

  function request(this: Dispatcher, options: Dispatcher.RequestOptions): Promise<Dispatcher.ResponseData>;

  export = request;
}
