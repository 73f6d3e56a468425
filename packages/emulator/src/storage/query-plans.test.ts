import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { digestOf } from "@acrkit/oci";
import { expect, it, vi } from "vitest";
import { putManifest, putTag } from "../testing/stored.ts";
import { openStore } from "./open-store.ts";
import type { Order } from "./records.ts";
import type { Store } from "./store.ts";

/** What a call asks the database, and how SQLite goes about each: `SEARCH` starts at an index entry, `SCAN` reads everything. */
async function plansOf(calls: (store: Store) => unknown): Promise<ReadonlyMap<string, readonly string[]>> {
  const folder = await mkdtemp(join(tmpdir(), "acrkit-plans-test-"));
  const prepare = vi.spyOn(DatabaseSync.prototype, "prepare");
  const seeded = await openStore(folder, { durable: false });
  const { digest } = putManifest(seeded, "app", ["config"]);
  putTag(seeded, "app", "v1", digest);
  seeded.close();
  const store = await openStore(folder, { durable: false });
  prepare.mockClear();
  await calls(store);
  const statements = [...new Set(prepare.mock.calls.map(([sql]) => sql))].filter((sql) => /^\s*SELECT/.test(sql));
  prepare.mockRestore();
  store.close();
  const database = new DatabaseSync(join(folder, "metadata.sqlite"));
  const plan = (sql: string) =>
    database
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map(({ detail }) => String(detail));
  const plans = new Map(statements.map((sql) => [sql.replaceAll(/\s+/g, " "), plan(sql)]));
  database.close();
  await rm(folder, { recursive: true });
  return plans;
}

/** The tags or manifests of a page lie next to one another in an index; equal times, which are rare, are put in order. */
const NEIGHBOURS =
  /^(?:SEARCH (?:tag|manifest|repository) USING INDEX \S+ \((?:repository|name)[^)]*\)|USE TEMP B-TREE FOR LAST TERM OF ORDER BY)$/;

it.for(["name", "timeasc", "timedesc"] satisfies Order[])(
  "a page by %s is read from where it starts, and no further",
  async (order) => {
    const { digest } = { digest: digestOf(Buffer.from("any")) };
    const plans = await plansOf((store) => {
      for (const listedOnly of [true, false]) {
        const [known] = store.manifests.list("app", { limit: 1 });
        for (const after of [undefined, known?.digest])
          store.manifests.list("app", { order, after, limit: 9, listedOnly });
        for (const after of [undefined, "v1"]) store.tags.list("app", { order, after, limit: 9, listedOnly });
      }
    });
    expect(plans.size).toBeGreaterThanOrEqual(8);
    for (const [sql, steps] of plans) {
      for (const step of steps) expect(step, sql).toMatch(NEIGHBOURS);
      // Behind the first page: the index is entered at the last entry of the page before.
      if (/name > \?/.test(sql)) expect(steps[0], sql).toMatch(order === "name" ? /name>\?/ : /lastUpdateTime[<>]\?/);
    }
    // The tags of one manifest are few, and the only ones looked at.
    const ofDigest = await plansOf((store) => {
      for (const after of [undefined, "v1"]) store.tags.list("app", { order, after, digest, limit: 9 });
    });
    for (const [sql, steps] of ofDigest) {
      if (sql.includes("digest = ?")) expect(steps[0], sql).toMatch(/tag_by_digest \(repository=\? AND digest=\?/);
    }
  },
);

it("a page of the catalog, of referrers, of what was deleted is read likewise", async () => {
  const any = digestOf(Buffer.from("any"));
  const plans = await plansOf((store) => {
    store.repositories.list({ after: "a", limit: 9, listedOnly: true });
    store.manifests.referrers("app", any, { after: any, limit: 9 });
    store.deleted.repositories({ after: "a", limit: 9 });
    store.deleted.manifests("app", { after: any, limit: 9 });
    store.deleted.tags("app", { after: { name: "v1", deletedAt: "2024-01-01T00:00:00Z" }, limit: 9 });
  });
  expect([...plans.values()].flat()).toEqual([
    "SEARCH repository USING INDEX sqlite_autoindex_repository_1 (name>?)",
    "SEARCH manifest USING INDEX referrer_by_subject (repository=? AND subject=? AND name>?)",
    "SEARCH deleted_repository USING PRIMARY KEY (repository>?)",
    "SEARCH deleted_manifest USING INDEX sqlite_autoindex_deleted_manifest_1 (repository=? AND digest>?)",
    "SEARCH deleted_tag USING PRIMARY KEY (repository=? AND (name,deletedAt)>(?,?))",
  ]);
});

it("single things, counts and usage are looked up", async () => {
  const any = digestOf(Buffer.from("any"));
  const plans = await plansOf((store) => {
    store.repositories.get("app");
    store.tags.get("app", "v1");
    store.manifests.get("app", any);
    store.blobs.size("app", any);
    store.blobs.sizeAnywhere(any);
    store.usage();
  });
  for (const [sql, steps] of plans) {
    // The one table of which everything is read has one row.
    for (const step of steps) expect(step, sql).toMatch(/^(?:SEARCH |SCAN usage$)/);
  }
  expect(plans.size).toBe(6);
});
