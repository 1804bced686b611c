import type { FastifyInstance } from "fastify";
import { mount } from "../../src/http/mount.ts";
import type { Backups } from "../../src/ops/backup.ts";
import { BackupFile } from "../../src/wire/hermes/health/schema.ts";
import { ErrorBody } from "../../src/wire/shared/error.ts";

/** What the route needs. */
interface BackupDeps {
  backups: Backups;
  /** How long its reader may take nothing before it is cut off. */
  writeTimeoutMs: number;
}

/**
 * GET /v1/backup: everything that is stored, as an SQLite file. The server says where the copy lies meanwhile, and no
 * request ever does.
 * @see https://www.iana.org/assignments/media-types/application/vnd.sqlite3
 */
export function backupRoute(app: FastifyInstance, { backups, writeTimeoutMs }: BackupDeps): void {
  mount(app, {
    method: "GET",
    url: "/v1/backup",
    // A copy whose content nobody asks for.
    exposeHeadRoute: false,
    schema: {
      operationId: "backup",
      summary: "Take a copy of the database",
      tags: ["server"],
      response: { 200: BackupFile, default: ErrorBody },
    },
    handler: async (_request, reply) => {
      const { sizeBytes, content } = await backups.make();
      if (reply.raw.destroyed) {
        content.destroy();
        return reply.hijack();
      }
      reply.raw.setTimeout(writeTimeoutMs, () => reply.raw.destroy());
      reply.type("application/vnd.sqlite3").header("content-length", sizeBytes);
      reply
        .header("content-disposition", 'attachment; filename="state.db"')
        .header("cache-control", "no-store");
      return reply.send(content);
    },
  });
}
