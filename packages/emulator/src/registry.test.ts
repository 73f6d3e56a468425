import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "@acrkit/oci";
import { beforeEach, describe, expect, it } from "vitest";
import { startEmulator } from "./index.ts";
import { openStore } from "./storage/open-store.ts";
import { testRegistry } from "./testing/in-process.ts";
import { putManifest } from "./testing/stored.ts";

const DAY = 24 * 60 * 60 * 1000;

describe("a registry", () => {
  let dataFolder = "";
  beforeEach(async () => {
    dataFolder = await mkdtemp(join(tmpdir(), "acrkit-registry-test-"));
    return () => rm(dataFolder, { recursive: true, force: true });
  });

  it("takes what has been in the bin for too long for garbage", async () => {
    await using emulator = await startEmulator({ tls: false, softDelete: { retentionDays: 2 } });
    const { store, clock, admin } = emulator;
    await store.blobs.put("app", Buffer.from("layer"));
    const { digest } = putManifest(store, "app", ["layer"]);
    const headers = { authorization: `Basic ${btoa(`${admin?.username}:${admin?.password}`)}` };
    const url = `${emulator.endpoint}/v2/app/manifests/${digest}`;
    expect((await fetch(url, { method: "DELETE", headers })).status).toBe(202);
    clock.advance(1.5 * DAY);
    expect(await emulator.collectGarbage()).toMatchObject({ blobCount: 0 });
    clock.advance(DAY);
    expect(await emulator.collectGarbage()).toMatchObject({ blobCount: 1 });
    expect(store.deleted.manifest("app", digest)).toBeUndefined();
  });

  it("empties the bin of what has been there for too long when it is opened", async () => {
    let now = Date.now();
    const options = { dataFolder, softDelete: { retentionDays: 2 }, now: () => now };
    const open = async () => {
      await using test = await testRegistry(options);
      return test.registry.context.store.deleted.manifests("app", { limit: 9 }).length;
    };
    {
      await using test = await testRegistry(options);
      const digest = await test.pushImage("app", "v1");
      await test.send("DELETE", `/v2/app/manifests/${digest}`, { scope: "repository:app:delete" });
    }
    now += 1.5 * DAY;
    expect(await open()).toBe(1);
    now += DAY;
    expect(await open()).toBe(0);
  });

  it("does not take a blob for old that was pushed by a clock that was off", async () => {
    await using emulator = await startEmulator({ tls: false });
    emulator.faults.add({ operation: "finishUpload", fault: { kind: "skew-clock", ms: -2 * DAY } });
    const { endpoint, admin } = emulator;
    const headers = { authorization: `Basic ${btoa(`${admin?.username}:${admin?.password}`)}` };
    const started = await fetch(`${endpoint}/v2/app/blobs/uploads/`, { method: "POST", headers });
    const digest = digestOf(Buffer.from("fresh"));
    const finish = `${endpoint}${started.headers.get("location")}&digest=${digest}`;
    expect((await fetch(finish, { method: "PUT", headers, body: "fresh" })).status).toBe(201);
    expect(await emulator.collectGarbage()).toMatchObject({ unlinkedCount: 0 });
    expect(emulator.store.blobs.size("app", digest)).toBe(5);
  });

  it("writes no secrets into a folder that another one has", async () => {
    const store = await openStore(dataFolder, { durable: false });
    await expect(startEmulator({ tls: false, dataFolder })).rejects.toMatchObject({ code: "DATA_FOLDER_IN_USE" });
    expect(await readdir(join(dataFolder, "secrets"))).toEqual([]);
    store.close();
  });

  it("that is started twice at once serves, once, the identity that is kept", async () => {
    const starts = [0, 1].map(() => startEmulator({ tls: false, dataFolder }));
    const [first, ...others] = (await Promise.allSettled(starts)).flatMap((start) =>
      start.status === "fulfilled" ? [start.value] : [],
    );
    expect(others).toEqual([]);
    const kept = JSON.parse(await readFile(join(dataFolder, "secrets", "entra.json"), "utf8"));
    expect(kept).toMatchObject({ tenantId: first?.entra.tenantId });
    await first?.close();
  });
});
