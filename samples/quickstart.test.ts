import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packImage } from "./quickstart/image.ts";

const run = promisify(execFile);
const script = fileURLToPath(new URL("./quickstart.ts", import.meta.url));

describe("the quickstart", () => {
  it("does every step against a registry of its own", async () => {
    const { CONTAINERREGISTRY_ENDPOINT: _, ...env } = process.env;
    const { stdout, stderr } = await run(process.execPath, ["--conditions=@acrkit/source", script], { env });
    expect(stdout.trimEnd().split("\n").at(-1)).toBe("Done.");
    for (const told of [
      /Registry https:\/\/localhost:\d+ \(local, TLS, token login/,
      /packed Node\.js v\d+\S+ \(\d+\.\d MB\) and the app/,
      /layer .* \d+\.\d MB/,
      /manifest .* tagged v1/,
      /repository acrkit-quickstart\/hello-\w+: 1 manifest, 1 tag/,
      /a delete is refused: ResourceLockedError, status 405, REGISTRY_DISALLOWED_OPERATION/,
      /v1 is open again/,
      /digest proven/,
      /kept .* v5\n.*kept .* v4\n.*kept .* v3\n.*deleted .* v2\n.*deleted .* v1/,
      /blob .* gone: true/,
      /repository with 2 manifests and the tags v3, v4/,
    ]) {
      expect(stdout).toMatch(told);
    }
    expect(stderr.replace(/\(node:\d+\) ExperimentalWarning.*\n?.*/g, "").trim()).toBe("");
  });
});

const cannotRun =
  process.platform === "linux" && process.getuid?.() === 0 ? undefined : "needs Linux and root, for chroot";
if (cannotRun !== undefined) console.log(`SKIPPED: the quickstart's image runs: ${cannotRun}`);

describe.skipIf(cannotRun !== undefined)("the quickstart's image", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "acrkit-image-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("runs, with nothing else in its file system", async () => {
    const { layers, config } = await packImage(folder);
    const root = join(folder, "root");
    await mkdir(root);
    for (const { file } of layers) await run("tar", ["-xf", file, "-C", root]);
    const { Entrypoint } = (JSON.parse(config) as { config: { Entrypoint: string[] } }).config;
    const { stdout } = await run("chroot", [root, ...Entrypoint]);
    expect(stdout).toContain(`Hello from a container that acrkit pushed, on Node.js ${process.version}.`);
  });

  it("has the same digests when it is packed again", async () => {
    const again = join(folder, "again");
    await mkdir(again);
    const digests = async (path: string) => (await packImage(path)).layers.map(({ digest }) => digest);
    expect(await digests(again)).toEqual(await digests(folder));
  });
});
