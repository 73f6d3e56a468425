import { lstat, readdir, readFile, symlink, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { thisProcess } from "../../runtime/node/part-owner.ts";
import { dockerHome } from "../../testing/docker-home.ts";
import { withFileLock } from "./file-lock.ts";

it("lets one work at a time", async () => {
  const home = await dockerHome();
  const lock = join(home.folder, "lock");
  let atWork = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++atWork);
    await new Promise(setImmediate);
    atWork--;
  };
  await Promise.all(Array.from({ length: 10 }, () => withFileLock(lock, work)));
  expect(most).toBe(1);
});

it("leaves nothing behind, when the work fails neither", async () => {
  const home = await dockerHome();
  const path = join(await home.write("d/x", "").then(() => join(home.folder, "d")), "lock");
  expect(await withFileLock(path, async () => "result")).toBe("result");
  await expect(
    withFileLock(path, async () => {
      throw new Error("no luck");
    }),
  ).rejects.toThrow("no luck");
  expect(await readdir(join(home.folder, "d"))).toEqual(["x"]);
});

it.each([
  ["of a process that has died", JSON.stringify({ pid: 2 ** 22 + 1, host: hostname(), bornAt: 1 })],
  ["of an earlier process with the same number", JSON.stringify({ ...thisProcess(), bornAt: 1 })],
  ["of another machine, a long time ago", JSON.stringify({ pid: 1, host: "elsewhere.example", bornAt: 1 })],
  ["that is empty", ""],
  ["that is torn", "{"],
  ["that is something else", "null"],
])("takes away a lock %s", async (_, content) => {
  const home = await dockerHome();
  const lock = join(home.folder, "lock");
  await writeFile(lock, content);
  await utimes(lock, new Date(0), new Date(0));
  expect(await withFileLock(lock, async () => "done")).toBe("done");
  expect(await readdir(home.folder)).toEqual(["bin"]);
});

it.each([
  ["of a process that lives", JSON.stringify(thisProcess())],
  ["of another machine, not long ago", JSON.stringify({ pid: 1, host: "elsewhere.example", bornAt: 1 })],
  ["that is just being made", ""],
])("respects a lock %s", async (_, content) => {
  const home = await dockerHome();
  const lock = join(home.folder, "lock");
  await writeFile(lock, content);
  const busy = withFileLock(lock, async () => "done", 200);
  await expect(busy).rejects.toThrow(`${lock} is held by another process`);
  expect(await readFile(lock, "utf8")).toBe(content);
  expect((await readdir(home.folder)).sort()).toEqual(["bin", "lock"]);
});

it("does not touch what a link has put in the lock's place", async () => {
  const home = await dockerHome();
  const precious = await home.write("precious", "");
  await utimes(precious, new Date(0), new Date(0));
  const lock = join(home.folder, "lock");
  await symlink(precious, lock);
  await expect(withFileLock(lock, async () => "done", 200)).rejects.toThrow("held by another process");
  expect(await readFile(precious, "utf8")).toBe("");
  expect((await lstat(lock)).isSymbolicLink()).toBe(true);
});
