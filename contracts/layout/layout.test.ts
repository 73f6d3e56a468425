import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Emulator, startEmulator } from "@acrkit/emulator";
import { parseLayoutIndex, refNameOf } from "@acrkit/oci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeLayout } from "../peers/oci-layout.ts";
import { missingProgram } from "../registries/installed.ts";

const run = promisify(execFile);

/** Prints why, once. */
function isMissing(program: string): boolean {
  const missing = missingProgram(program);
  if (missing !== undefined) console.log(`SKIPPED: OCI layouts of ${program}: ${missing}`);
  return missing !== undefined;
}

describe("OCI layouts of other tools", () => {
  let emulator: Emulator;
  let folder: string;
  beforeAll(async () => {
    emulator = await startEmulator({ tls: false });
    folder = await mkdtemp(join(tmpdir(), "acrkit-layouts-"));
  });
  afterAll(async () => {
    await emulator.close();
    await rm(folder, { recursive: true, force: true });
  });
  const entriesOf = async (layout: string) => parseLayoutIndex(await readFile(join(layout, "index.json")));

  describe.skipIf(isMissing("skopeo"))("skopeo", () => {
    const skopeo = (...args: string[]) => run("skopeo", ["--insecure-policy", ...args]);

    it("writes what is imported, under a tag or a whole reference", async () => {
      const { digest } = await writeLayout(join(folder, "origin"), "v1", 2);
      for (const [name, tag] of [
        ["v2", "v2"],
        ["registry.example:5000/team/app:v3", "v3"],
      ] as const) {
        const layout = join(folder, `skopeo-${tag}`);
        await skopeo("copy", `oci:${join(folder, "origin")}:v1`, `oci:${layout}:${name}`);
        const imported = await emulator.importLayout(layout, { repository: "skopeo/app" });
        expect(imported.tags).toEqual({ [tag]: digest });
      }
    });

    it("reads what is exported, and copies it out unchanged", async () => {
      const { digest } = await writeLayout(join(folder, "plain"), "v1", 3);
      await emulator.importLayout(join(folder, "plain"), { repository: "skopeo/read" });
      const exported = join(folder, "exported");
      await emulator.exportLayout(exported, { repository: "skopeo/read" });
      const { stdout } = await skopeo("inspect", "--raw", `oci:${exported}:v1`);
      expect(JSON.parse(stdout).layers).toHaveLength(3);
      await skopeo("copy", `oci:${exported}:v1`, `oci:${join(folder, "copied")}:v1`);
      expect((await entriesOf(join(folder, "copied"))).map((entry) => entry.digest)).toEqual([digest]);
    });
  });

  describe.skipIf(isMissing("umoci"))("umoci", () => {
    const umoci = (...args: string[]) => run("umoci", args);

    it("writes what is imported: a layout with several tags, one image on top of another", async () => {
      const layout = join(folder, "umoci");
      await umoci("init", "--layout", layout);
      await umoci("new", "--image", `${layout}:base`);
      await umoci("config", "--image", `${layout}:base`, "--tag", "labelled", "--config.label", "a=b");
      await umoci("tag", "--image", `${layout}:base`, "again");
      const imported = await emulator.importLayout(layout, { repository: "umoci/app" });
      expect(Object.keys(imported.tags).sort()).toEqual(["again", "base", "labelled"]);
      expect(imported.tags.again).toBe(imported.tags.base);

      const exported = join(folder, "umoci-exported");
      await emulator.exportLayout(exported, { repository: "umoci/app" });
      const { stdout } = await umoci("list", "--layout", exported);
      expect(stdout.trim().split("\n").sort()).toEqual(["again", "base", "labelled"]);
      const named = new Map((await entriesOf(exported)).map((entry) => [refNameOf(entry), entry.digest]));
      expect(Object.fromEntries(named)).toEqual(imported.tags);
      // umoci goes on with it.
      await umoci("config", "--image", `${exported}:base`, "--tag", "new", "--config.label", "c=d");
      expect((await emulator.importLayout(exported, { repository: "umoci/second" })).tags).toHaveProperty("new");
    });
  });
});
