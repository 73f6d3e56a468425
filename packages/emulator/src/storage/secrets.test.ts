import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { createFileSecrets, type Secrets } from "./secrets.ts";

describe("secrets", () => {
  let folder = "";
  let secrets: Secrets;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "acrkit-secrets-test-"));
    secrets = createFileSecrets(folder, { durable: true });
    return () => rm(folder, { recursive: true, force: true });
  });

  it("are made once, and read from then on", async () => {
    expect(await secrets.getOrCreate("key", () => "first")).toBe("first");
    expect(await secrets.getOrCreate("key", () => "second")).toBe("first");
    expect(await readdir(folder)).toEqual(["key"]);
  });

  it("that are made at once are those of the first who is done", async () => {
    const made = { first: Promise.withResolvers<string>(), second: Promise.withResolvers<string>() };
    let begun = 0;
    const make = (one: keyof typeof made) =>
      secrets.getOrCreate("key", () => {
        begun++;
        return made[one].promise;
      });
    const [first, second] = [make("first"), make("second")];
    await expect.poll(() => begun).toBe(2);
    made.first.resolve("first");
    expect(await first).toBe("first");
    made.second.resolve("second");
    expect(await second).toBe("first");
    expect([await readFile(secrets.path("key"), "utf8"), await readdir(folder)]).toEqual(["first", ["key"]]);
  });

  it("that are still being made do not bring back a folder that was removed", async () => {
    const making = secrets.getOrCreate("key", async () => {
      await rm(folder, { recursive: true });
      return "late";
    });
    await expect(making).rejects.toMatchObject({ code: "ENOENT" });
    expect(existsSync(folder)).toBe(false);
  });
});
