import { createHash } from "node:crypto";
import fs, { lstat, readdir, readFile, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it, onTestFinished, vi } from "vitest";
import { thisProcess } from "../../runtime/node/process-owner.ts";
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

const dead = (token: string) => JSON.stringify({ pid: 2 ** 22 + 1, host: hostname(), bornAt: 1, token });

it("does not touch the lock of somebody who took a dead one away faster", async () => {
  const home = await dockerHome();
  const lock = join(home.folder, "lock");
  await writeFile(lock, dead("first"));
  // The slow one has read the dead lock, and pauses; `opened` tells how often the lock was looked at.
  let opened = 0;
  let goOn = () => {};
  const paused = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const { open } = fs;
  const spy = vi.spyOn(fs, "open").mockImplementation(async (...parameters) => {
    const file = await open(...parameters);
    if (parameters[0] === lock && opened++ === 0) {
      const close = file.close.bind(file);
      file.close = () => paused.then(close);
    }
    return file;
  });
  syncBuiltinESMExports();
  onTestFinished(() => {
    spy.mockRestore();
    syncBuiltinESMExports();
  });
  const slow = withFileLock(lock, async () => "slow");
  while (opened === 0) await sleep(1);
  await withFileLock(lock, async () => {
    const before = await stat(lock, { bigint: true });
    const looks = opened + 3;
    goOn();
    while (opened < looks) await sleep(1);
    const { ino, ctimeNs } = await stat(lock, { bigint: true });
    expect([ino, ctimeNs]).toEqual([before.ino, before.ctimeNs]);
  });
  expect(await slow).toBe("slow");
  expect(await readdir(home.folder)).toEqual(["bin"]);
});

it("takes away a dead lock although somebody died while taking it away", async () => {
  const home = await dockerHome();
  const lock = join(home.folder, "lock");
  await writeFile(lock, dead("first"));
  const right = createHash("sha256").update(dead("first")).digest("hex").slice(0, 12);
  await writeFile(`${lock}.${right}`, dead("second"));
  expect(await withFileLock(lock, async () => "done")).toBe("done");
  expect(await readdir(home.folder)).toEqual(["bin"]);
});

it("leaves nothing behind when the lock cannot be made", async () => {
  const home = await dockerHome();
  // As on a full disk: the name is there, and nothing under it.
  const { writeFile: write } = fs;
  const spy = vi.spyOn(fs, "writeFile").mockImplementation(async (path) => {
    await write(path, "");
    throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
  });
  syncBuiltinESMExports();
  onTestFinished(() => {
    spy.mockRestore();
    syncBuiltinESMExports();
  });
  await expect(withFileLock(join(home.folder, "lock"), async () => "done")).rejects.toMatchObject({ code: "ENOSPC" });
  expect(await readdir(home.folder)).toEqual(["bin"]);
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
