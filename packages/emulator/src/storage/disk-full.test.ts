import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { open, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf, MediaType } from "@acrkit/oci";
import { afterAll, describe, expect, it } from "vitest";
import { type TestRegistry, testRegistry } from "../testing/in-process.ts";
import { DiskFullError } from "./errors.ts";

const SCOPE = "repository:app:pull,push,delete,metadata_read,metadata_write";
const MIB = 1024 * 1024;

/** A small disk of its own, or why there can be none. */
function mountSmallDisk(): { readonly folder: string } | { readonly reason: string } {
  const folder = mkdtempSync(join(tmpdir(), "acrkit-disk-test-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], { stdio: "pipe" });
    return { folder };
  } catch (error) {
    rmSync(folder, { recursive: true });
    return { reason: `mount -t tmpfs: ${error instanceof Error ? error.message.trim() : error}` };
  }
}

const disk = mountSmallDisk();
if ("reason" in disk) console.log(`SKIPPED: a full disk: ${disk.reason}`);

describe.skipIf("reason" in disk)("on a full disk", () => {
  const folder = "folder" in disk ? disk.folder : "";
  afterAll(() => {
    if (folder === "") return;
    // Lazily: a registry that a failed test has left open must not keep the disk there.
    execFileSync("umount", ["-l", folder]);
    rmSync(folder, { recursive: true });
  });
  const freeBytes = () => {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  };
  const fill = async () => {
    const file = await open(join(folder, "filler"), "a");
    // Ever smaller pieces, down to the last page.
    for (const bytes of [MIB, 64 * 1024, 4096]) {
      while (
        await file.write(Buffer.alloc(bytes)).then(
          ({ bytesWritten }) => bytesWritten === bytes,
          () => false,
        )
      );
    }
    await file.close();
    expect(freeBytes()).toBe(0);
  };
  const makeRoom = () => rm(join(folder, "filler"));
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) yield Buffer.alloc(256 * 1024, "x");
  }
  const pull = async (test: TestRegistry, tag: string) => {
    const manifest = await test.send("GET", `/v2/app/manifests/${tag}`, {
      scope: SCOPE,
      headers: { accept: MediaType.ociManifest },
    });
    const [layer] = manifest.json.layers;
    const blob = await test.send("GET", `/v2/app/blobs/${layer.digest}`, { scope: SCOPE });
    return [
      manifest.header("Docker-Content-Digest"),
      digestOf((await test.download(blob.header("Location") ?? "")).bytes),
    ];
  };
  const started = async (test: TestRegistry) =>
    (await test.send("POST", "/v2/app/blobs/uploads/", { scope: SCOPE })).header("Location") ?? "";
  const expectRefused = (answer: Awaited<ReturnType<TestRegistry["send"]>>) => {
    expect(answer.status).toBe(500);
    expect(answer.json).toEqual({ errors: [{ code: "UNKNOWN", message: "unknown error" }] });
    expect(answer.failure).toBeInstanceOf(DiskFullError);
    expect(String(answer.failure)).toContain(`the disk is full: nothing more can be written to ${folder}`);
  };

  it("an upload ends with an error, its space is free again, and nothing else has changed", async () => {
    await using test = await testRegistry({ dataFolder: folder, maxPutBytes: 1024 * MIB });
    const image = await test.pushImage("app", "v1", { layer: "layer".repeat(100_000) });
    const before = freeBytes();
    const usage = test.registry.context.store.usage();
    for (const end of ["PATCH", "PUT"] as const) {
      const location = await started(test);
      const digest = digestOf(Buffer.from("never"));
      const target = end === "PATCH" ? location : `${location}&digest=${digest}`;
      expectRefused(await test.send(end, target, { scope: SCOPE, body: endless() }));
      expect((await test.send("GET", location, { scope: SCOPE })).status).toBe(404);
    }
    expect(await readdir(join(folder, "uploads"))).toEqual([]);
    expect(before - freeBytes()).toBeLessThan(MIB);
    expect(test.registry.context.store.usage()).toEqual(usage);
    expect(await pull(test, "v1")).toEqual([image, digestOf(Buffer.from("layer".repeat(100_000)))]);
    // And the next one, which has room, succeeds.
    await test.pushImage("app", "v2", { layer: "small" });
  });

  it("pushes are refused without moving a tag half-way, pulls go on, and all is well when there is room again", async () => {
    const test = await testRegistry({ dataFolder: folder, maxPutBytes: 1024 * MIB });
    const image = await test.pushImage("app", "v1", { layer: "the first" });
    await fill();
    let pushed = 0;
    const push = (serial: number) =>
      test.send("PUT", "/v2/app/manifests/v1", {
        scope: SCOPE,
        headers: { "content-type": MediaType.ociManifest },
        body: manifest(serial),
      });
    const layer = { mediaType: MediaType.ociLayer, digest: digestOf(Buffer.from("the first")), size: 9 };
    const manifest = (serial: number) =>
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MediaType.ociManifest,
        config: layer,
        layers: [layer],
        annotations: { serial: String(serial), padding: "x".repeat(100_000) },
      });
    // The log's file has some room left inside it.
    let answer = await push(0);
    while (answer.status === 201) answer = await push(++pushed);
    expectRefused(answer);
    expect(pushed).toBeLessThan(100);
    const last = pushed === 0 ? image : digestOf(Buffer.from(manifest(pushed - 1)));
    expect((await pull(test, "v1"))[0]).toBe(last);
    expect(
      (await test.send("GET", `/v2/app/manifests/${digestOf(Buffer.from(manifest(pushed)))}`, { scope: SCOPE })).status,
    ).toBe(404);
    const location = await test.send("POST", "/v2/app/blobs/uploads/", { scope: SCOPE });
    if (location.status !== 202) expectRefused(location);

    await makeRoom();
    expect((await push(pushed)).status).toBe(201);
    const after = await test.pushImage("app", "v3", { layer: "afterwards" });
    const usage = test.registry.context.store.usage();
    await test[Symbol.asyncDispose]();
    await using again = await testRegistry({ dataFolder: folder });
    expect(again.registry.context.store.usage()).toEqual(usage);
    expect((await pull(again, "v1"))[0]).toBe(digestOf(Buffer.from(manifest(pushed))));
    expect(await pull(again, "v3")).toEqual([after, digestOf(Buffer.from("afterwards"))]);
    expect(again.registry.context.store.manifests.get("app", image as never)).toBeDefined();
  });

  it("an emulator that starts says what is wrong, and starts when there is room", async () => {
    await fill();
    const starting = testRegistry({ dataFolder: join(folder, "another") });
    await expect(starting).rejects.toMatchObject({ code: "DISK_FULL", folder: join(folder, "another") });
    await makeRoom();
    await using test = await testRegistry({ dataFolder: join(folder, "another") });
    await test.pushImage("app", "v1");
  });
});
