import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { openStore } from "./storage/open-store.ts";
import { CrashWorker, observe, shown } from "./testing/crash-worker.ts";
import { seededChoices } from "./testing/seeded.ts";
import { spawnEmulator } from "./testing/spawned.ts";

/** `ACRKIT_CRASHES=500` for a long night; `ACRKIT_SEED` for the same choices (not the same moments) again. */
const CRASHES = Number(process.env.ACRKIT_CRASHES ?? 24);

/** The command as a process of its own, killed without warning while clients work on it. */
describe("an emulator that is killed", () => {
  let dataFolder = "";
  beforeAll(async () => {
    dataFolder = await mkdtemp(join(tmpdir(), "acrkit-crash-test-"));
  });
  afterAll(() => rm(dataFolder, { recursive: true, force: true, maxRetries: 3 }));

  it("has everything it ever answered for, and nothing half done", { timeout: 60_000 + CRASHES * 10_000 }, async () => {
    const random = seededChoices();
    const names = ["one", "two", "three/deep", "four"];
    const workers = names.map(
      (name) =>
        new CrashWorker(
          name,
          names.filter((other) => other !== name),
          (limit) => random.below(limit),
        ),
    );
    for (let crash = 0; crash <= CRASHES; crash++) {
      const at = `after crash ${crash}, seed ${random.seed}`;
      // Now and then it dies before it is up again.
      if (random.below(5) === 0) {
        await spawnEmulator(dataFolder, { killedAfterMs: 50 + random.below(400) }).then(
          (started) => started.kill(),
          () => {},
        );
      }
      const emulator = await spawnEmulator(dataFolder);
      try {
        for (const worker of workers) {
          const real = await observe(emulator, worker.repository);
          const allowed = [worker.state, worker.pending ?? worker.state].map(shown);
          expect(allowed, `${worker.repository} ${at}`).toContain(shown(real));
          worker.state = real;
          worker.pending = undefined;
        }
        if (crash === CRASHES) break;
        const working = Promise.all(workers.map((worker) => worker.work(emulator)));
        await Promise.race([working, setTimeout(30 + random.below(random.below(4) === 0 ? 1500 : 400))]);
        await emulator.kill();
        await working;
      } finally {
        await emulator.kill();
      }
      await assertCounted(dataFolder, workers, at);
    }
    const acts = new Map<string, number>();
    for (const { acknowledged } of workers) {
      for (const [name, count] of acknowledged) acts.set(name, (acts.get(name) ?? 0) + count);
    }
    console.log(`${CRASHES} crashes survived; acknowledged: ${[...acts].map((entry) => entry.join(" ")).join(", ")}`);
    expect([...acts.keys()]).toEqual(expect.arrayContaining(["one PUT", "chunks", "tag moved", "mount", "locked"]));
  });

  it.for(["SIGINT", "SIGTERM"] as const)("stops cleanly on %s", async (signal) => {
    const { process: child } = await spawnEmulator(dataFolder);
    child.kill(signal);
    expect(await once(child, "close")).toEqual([0, null]);
  });
});

/** Looks into the folder of the emulator that has just been killed: counts are right, and nothing is there twice or in vain. */
async function assertCounted(dataFolder: string, workers: readonly CrashWorker[], at: string): Promise<void> {
  const store = await openStore(dataFolder, { durable: true });
  try {
    const all = -1;
    const repositories = workers.map(({ repository }) => repository);
    const manifests = repositories.flatMap((name) => store.manifests.list(name, { limit: all }));
    const tags = repositories.flatMap((name) => store.tags.list(name, { limit: all }));
    const files = await readdir(join(dataFolder, "blobs"), { recursive: true, withFileTypes: true });
    const usage = store.usage();
    expect([usage.manifestCount, usage.tagCount], at).toEqual([manifests.length, tags.length]);
    expect(files.filter((file) => file.isFile()).length, at).toBe(usage.blobCount);
    for (const name of repositories) {
      const own = store.repositories.get(name);
      if (own === undefined) continue;
      expect(own.manifestCount, at).toBe(store.manifests.list(name, { limit: all }).length);
      expect(own.tagCount, at).toBe(store.tags.list(name, { limit: all }).length);
    }
  } finally {
    store.close();
  }
}
