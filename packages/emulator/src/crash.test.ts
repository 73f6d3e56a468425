import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf, MediaType } from "@acrkit/oci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const authorization = `Basic ${btoa("me:secret")}`;

/** The command as a process of its own, killed without warning while clients push to it. */
describe("an emulator that is killed", () => {
  let dataFolder = "";
  beforeAll(async () => {
    dataFolder = await mkdtemp(join(tmpdir(), "acrkit-crash-test-"));
  });
  afterAll(() => rm(dataFolder, { recursive: true }));

  const start = async (): Promise<{ process: ChildProcess; endpoint: string }> => {
    const args = ["--conditions=@acrkit/source", join(import.meta.dirname, "main.ts")];
    const options = ["--http", "--data", dataFolder, "--user", "me", "--password", "secret"];
    const child = spawn(process.execPath, [...args, ...options], { stdio: ["ignore", "pipe", "inherit"] });
    let out = "";
    for await (const part of child.stdout) {
      out += part;
      const endpoint = /^endpoint +(\S+)$/m.exec(out)?.[1];
      if (endpoint !== undefined && out.includes("\ndata ")) return { process: child, endpoint };
    }
    throw new Error(`the emulator did not start: ${out}`);
  };

  it("has everything it ever answered for, and nothing torn", { timeout: 120_000 }, async () => {
    const acknowledged = new Map<string, { digest: string; content: string }>();
    let pushes = 0;
    for (let round = 0; round < 4; round++) {
      const { process: child, endpoint } = await start();
      const send = (method: string, target: string, body?: string, headers = {}) =>
        fetch(new URL(target, endpoint), { method, body: body ?? null, headers: { authorization, ...headers } });

      for (const [tag, { digest, content }] of acknowledged) {
        const manifest = await send("GET", `/v2/app/manifests/${tag}`, undefined, { accept: MediaType.ociManifest });
        expect([manifest.status, manifest.headers.get("docker-content-digest")]).toEqual([200, digest]);
        const [layer] = ((await manifest.json()) as { layers: { digest: string }[] }).layers;
        const blob = await send("GET", `/v2/app/blobs/${layer?.digest}`);
        expect(await blob.text()).toBe(content);
      }

      const pushOne = async () => {
        const tag = `t${pushes++}`;
        const content = tag.repeat(1000);
        const upload = async (text: string) => {
          const digest = digestOf(Buffer.from(text));
          const started = await send("POST", "/v2/app/blobs/uploads/");
          const patched = await send("PATCH", started.headers.get("location") ?? "", text);
          await send("PUT", `${patched.headers.get("location")}&digest=${digest}`);
          return { mediaType: MediaType.ociLayer, digest, size: text.length };
        };
        const manifest = JSON.stringify({
          schemaVersion: 2,
          config: await upload("{}"),
          layers: [await upload(content)],
        });
        const answer = await send("PUT", `/v2/app/manifests/${tag}`, manifest, {
          "content-type": MediaType.ociManifest,
        });
        if (answer.status === 201) acknowledged.set(tag, { digest: digestOf(Buffer.from(manifest)), content });
      };
      const pusher = async () => {
        for (;;) await pushOne();
      };
      const pushers = Promise.allSettled([pusher(), pusher(), pusher()]);
      const before = acknowledged.size;
      await expect.poll(() => acknowledged.size - before, { timeout: 20_000 }).toBeGreaterThan(5 + round * 3);
      child.kill("SIGKILL");
      await once(child, "close");
      await pushers;
    }
    expect(acknowledged.size).toBeGreaterThan(20);
  });

  it.for(["SIGINT", "SIGTERM"] as const)("stops cleanly on %s", async (signal) => {
    const { process: child } = await start();
    child.kill(signal);
    expect(await once(child, "close")).toEqual([0, null]);
  });
});
