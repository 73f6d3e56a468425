import { execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildImage } from "./build-image.ts";

const run = promisify(execFile);
const repository = resolve(import.meta.dirname, "../../..");

const isLinux = process.platform === "linux";
if (!isLinux) console.log("SKIPPED: the emulator's image: it is built on Linux only");

describe.skipIf(!isLinux)("the emulator's image", () => {
  let folder = "";
  let layout = "";
  let digest = "";
  let tag = "";
  beforeAll(async () => {
    await run(process.execPath, [join(repository, "node_modules/typescript/bin/tsc"), "-b"], { cwd: repository });
    folder = await mkdtemp(join(tmpdir(), "acrkit-image-test-"));
    layout = join(folder, "layout");
    ({ digest, tag } = await buildImage(layout));
  }, 240_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const json = async (of: string) => JSON.parse(await readFile(join(layout, "blobs", of.replace(":", "/")), "utf8"));

  it("is a layout whose blobs are all there, and no others", async () => {
    const index = JSON.parse(await readFile(join(layout, "index.json"), "utf8"));
    expect(index.manifests.map((manifest: { digest: string }) => manifest.digest)).toEqual([digest]);
    const manifest = await json(digest);
    const digests = [
      digest,
      manifest.config.digest,
      ...manifest.layers.map((layer: { digest: string }) => layer.digest),
    ];
    expect((await readdir(join(layout, "blobs/sha256"))).toSorted()).toEqual(
      digests.map((text) => text.slice("sha256:".length)).toSorted(),
    );
    expect(await readdir(join(layout, "blobs"))).toEqual(["sha256"]);
  });

  it("has the same digest when it is built again", { timeout: 240_000 }, async () => {
    expect((await buildImage(join(folder, "again"))).digest).toBe(digest);
  });

  it("does not run as root, and names what it offers", async () => {
    const { config } = await json((await json(digest)).config.digest);
    expect(config).toMatchObject({
      User: "65532:65532",
      ExposedPorts: { "5001/tcp": {}, "5002/tcp": {}, "5003/tcp": {} },
      Volumes: { "/data": {} },
      StopSignal: "SIGTERM",
      Labels: { "acrkit.healthcheck": expect.stringContaining("/healthz") },
    });
  });

  it.for([
    ["skopeo", (path: string) => ["inspect", "--raw", `oci:${path}`]],
    ["umoci", (path: string) => ["stat", "--image", path]],
  ] as const)("is understood by %s", async ([program, args]) => {
    try {
      await run(program, args(`${layout}:${tag}`));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      console.log(`SKIPPED: ${program} and the emulator's image: it is not installed`);
    }
  });

  const cannotRun = process.getuid?.() === 0 ? undefined : "needs root, for chroot";
  if (isLinux && cannotRun !== undefined) console.log(`SKIPPED: the emulator's image runs: ${cannotRun}`);

  it.skipIf(cannotRun !== undefined)("runs, with nothing else in its file system", { timeout: 120_000 }, async () => {
    const manifest = await json(digest);
    const root = join(folder, "root");
    await mkdir(root);
    for (const layer of manifest.layers) {
      const file = join(layout, "blobs", layer.digest.replace(":", "/"));
      await run("tar", ["--numeric-owner", "-xpzf", file, "-C", root]);
    }
    const { config } = await json(manifest.config.digest);
    // Ports of the test's own, and loopback, since others may run tests here too; later options win.
    const options = ["--host", "127.0.0.1", "--port", "0", "--storage-port", "0", "--entra-port", "0"];
    // The image's PATH leads nowhere out here.
    const chroot = (await run("sh", ["-c", "command -v chroot"])).stdout.trim();
    const child = spawn(
      chroot,
      [`--userspec=${config.User}`, root, ...config.Entrypoint, ...options, "--log", "json"],
      {
        env: Object.fromEntries(config.Env.map((line: string) => line.split("="))),
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    const exit = new Promise((resolve) => child.on("close", resolve));
    let said = "";
    child.stderr.on("data", (part) => {
      said += part;
    });
    let out = "";
    for await (const part of child.stdout) {
      out += part;
      if (out.includes("\n")) break;
    }
    expect(out, said).toContain("\n");
    const { endpoint, certificate } = JSON.parse(out.split("\n")[0] ?? "");
    expect(certificate).toBe("/data/certificate/ca.crt");
    const ca = await readFile(join(root, certificate), "utf8");
    const text = await new Promise((resolve, reject) => {
      request(`${endpoint}/healthz`, { ca }, async (answer) => {
        let body = "";
        for await (const part of answer) body += part;
        resolve(`${answer.statusCode} ${body}`);
      })
        .on("error", reject)
        .end();
    });
    expect(text).toBe("200 ok\n");
    child.kill("SIGTERM");
    expect(await exit).toBe(0);
  });
});
