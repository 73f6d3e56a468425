import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chown,
  link,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { PartFile, PartFilePlan } from "../port.ts";
import { openPartFile } from "./part-file.ts";
import { thisProcess } from "./process-owner.ts";

const CONTENT = Buffer.from("0123456789abcdefghijKLMNOPQRSTuvwxy");

let folder: string;
let plan: PartFilePlan;
let partPath: string;
let logPath: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "acrkit-part-"));
  plan = { path: join(folder, "target"), key: "sha256:1", sizeInBytes: 35, segmentBytes: 10 };
  partPath = `${plan.path}.${createHash("sha256").update(plan.key).digest("hex").slice(0, 12)}.part`;
  logPath = `${partPath}.log`;
});
afterEach(() => rm(folder, { recursive: true }));

const files = async () => (await readdir(folder)).sort();
const writeSegment = async (file: PartFile, index: number) => {
  const at = index * plan.segmentBytes;
  await file.write(at, CONTENT.subarray(at, at + 3));
  await file.write(at + 3, CONTENT.subarray(at + 3, at + 10));
  await file.finishSegment(index);
};
const finish = async (file: PartFile) => {
  for (const index of [0, 1, 2, 3]) if (!file.finishedSegments.includes(index)) await writeSegment(file, index);
  await file.commit();
  expect(await readFile(plan.path)).toEqual(CONTENT);
};

/** A process that has been there, and is not any more. */
const deadProcess = () => spawnSync(process.execPath, ["--version"]).pid;
const header = (owner: object = {}) =>
  JSON.stringify({
    acrkitPartFile: 1,
    key: plan.key,
    sizeInBytes: plan.sizeInBytes,
    segmentBytes: plan.segmentBytes,
    pid: deadProcess(),
    host: hostname(),
    bornAt: 1,
    ...owner,
  });
const leave = async (log: string, part: Uint8Array = CONTENT) => {
  await writeFile(partPath, part);
  await writeFile(logPath, log);
};

test("a file gets its name once it is whole, with nothing beside it", async () => {
  const file = await openPartFile(plan);
  expect(file.finishedSegments).toEqual([]);
  await writeSegment(file, 3);
  await writeSegment(file, 0);
  expect(await files()).toEqual([partPath, logPath].map((path) => path.slice(folder.length + 1)));
  await finish(file);
  expect(await files()).toEqual(["target"]);
  await file.discard();
  expect(await files()).toEqual(["target"]);
});

test("one that is given up leaves nothing", async () => {
  const file = await openPartFile(plan);
  await writeSegment(file, 1);
  await file.discard();
  await file.discard();
  expect(await files()).toEqual([]);
});

test("what was written can be read back", async () => {
  const file = await openPartFile(plan);
  await writeSegment(file, 2);
  const into = Buffer.alloc(10);
  expect(await file.read(20, into)).toBe(10);
  expect(into).toEqual(CONTENT.subarray(20, 30));
  await expect(file.read(1_000, into)).rejects.toMatchObject({ code: "EIO" });
  await file.discard();
});

describe("what a dead process has left", () => {
  test.each([
    ["its segments", (text: string) => `${text}\n2\n0\n`, [0, 2]],
    ["its segments, the last line being torn", (text: string) => `${text}\n0\n2`, [0]],
    ["a segment that is noted twice", (text: string) => `${text}\n1\n1\n`, [1]],
  ])("is taken up: %s", async (_, log, finished) => {
    await leave(log(header()));
    const file = await openPartFile(plan);
    expect(file.finishedSegments).toEqual(finished);
    await finish(file);
    expect(await files()).toEqual(["target"]);
  });

  test("is taken up, and left again, and taken up again", async () => {
    await leave(`${header()}\n0\n`);
    const crashed = await openPartFile(plan);
    await writeSegment(crashed, 2);
    // As after another crash.
    await writeFile(logPath, (await readFile(logPath, "utf8")).replace(/^.*\n/, `${header()}\n`));
    const file = await openPartFile(plan);
    expect(file.finishedSegments).toEqual([0, 2]);
    await finish(file);
    await crashed.discard();
  });

  test.each([
    ["of a process of the same number before this one", () => header({ pid: process.pid })],
    ["of a process before the machine was started again", () => header({ pid: process.ppid, bornAt: 1e9 })],
    ["of another machine, long ago", () => header({ host: "elsewhere" })],
  ])("is taken up: %s", async (_, text) => {
    await leave(`${text()}\n0\n`);
    await utimes(logPath, 1_000, 1_000);
    const file = await openPartFile(plan);
    expect(file.finishedSegments).toEqual([0]);
    await finish(file);
  });

  test.runIf(process.platform === "linux")("is taken up when its number has gone to a younger process", async () => {
    await leave(`${header({ pid: process.ppid, bornAt: 1 })}\n0\n`);
    const file = await openPartFile(plan);
    expect(file.finishedSegments).toEqual([0]);
    await finish(file);
  });

  test.each([
    ["no log of ours", () => "not a log\n0\n"],
    ["a log of another blob", () => `${header({ key: "sha256:2" })}\n0\n`],
    ["a log of another size", () => `${header({ sizeInBytes: 36 })}\n0\n`],
    ["a log of other segments", () => `${header({ segmentBytes: 9 })}\n0\n`],
    ["a log of another version", () => `${header({ acrkitPartFile: 2 })}\n0\n`],
    ["a log without an owner", () => `${header({ pid: undefined })}\n0\n`],
    ["a segment outside the file", () => `${header()}\n0\n4\n`],
    ["a negative segment", () => `${header()}\n-1\n`],
    ["garbage between the lines", () => `${header()}\n0\nx\n1\n`],
    ["a log that is huge", () => `${header()}\n${"0\n".repeat(100_000)}`],
    ["a torn header", () => header().slice(0, 50)],
  ])("is thrown away: %s", async (_, log) => {
    await leave(log());
    const file = await openPartFile(plan);
    expect(file.finishedSegments).toEqual([]);
    await finish(file);
    expect(await files()).toEqual(["target"]);
  });

  test.skipIf(process.geteuid?.() !== 0)(
    "is thrown away when it is another user's, who could change it later",
    async () => {
      await leave(`${header()}\n0\n`);
      await chown(partPath, 12_345, 12_345);
      const file = await openPartFile(plan);
      expect(file.finishedSegments).toEqual([]);
      await finish(file);
      expect((await stat(plan.path)).uid).toBe(0);
    },
  );

  test.each([
    ["missing", () => rm(partPath)],
    ["too long", () => truncate(partPath, 36)],
    ["too short for what is finished", () => truncate(partPath, 29)],
  ])("is thrown away when the part file is %s", async (_, change) => {
    await leave(`${header()}\n2\n`);
    await change();
    const file = await openPartFile(plan);
    expect(file.finishedSegments).toEqual([]);
    await finish(file);
    expect(await files()).toEqual(["target"]);
  });
});

describe("what somebody has put in the way", () => {
  test("a link in place of the part file is not written through", async () => {
    await writeFile(join(folder, "precious"), "precious");
    await writeFile(logPath, `${header()}\n0\n`);
    await symlink(join(folder, "precious"), partPath);
    await finish(await openPartFile(plan));
    expect(await readFile(join(folder, "precious"), "utf8")).toBe("precious");
    expect(await files()).toEqual(["precious", "target"]);
  });

  test("a second name of a file in place of the part file is not written through", async () => {
    await writeFile(join(folder, "precious"), CONTENT);
    await writeFile(logPath, `${header()}\n0\n`);
    await link(join(folder, "precious"), partPath);
    const file = await openPartFile(plan);
    await file.write(0, Buffer.from("overwritten"));
    await file.discard();
    expect(await readFile(join(folder, "precious"))).toEqual(CONTENT);
  });

  test("a link in place of the log is neither read nor written through", async () => {
    await writeFile(join(folder, "precious"), `${header()}\n0\n`);
    await writeFile(partPath, CONTENT);
    await symlink(join(folder, "precious"), logPath);
    const file = await openPartFile(plan);
    expect(file.finishedSegments).toEqual([]);
    await finish(file);
    expect(await readFile(join(folder, "precious"), "utf8")).toMatch(/\n0\n$/);
  });

  test.each(["part", "log"])("a folder in place of the %s is left alone", async (what) => {
    const path = what === "part" ? partPath : logPath;
    await mkdir(join(path, "inside"), { recursive: true });
    await finish(await openPartFile(plan));
    expect(await readdir(path)).toEqual(["inside"]);
    expect(await files()).toHaveLength(2);
  });

  test("the target being a folder is said before anything is written", async () => {
    await mkdir(plan.path);
    await expect(openPartFile(plan)).rejects.toMatchObject({ code: "EISDIR" });
    expect(await files()).toEqual(["target"]);
  });

  test.skipIf(process.platform === "win32").each(["pipe", "link to a pipe"])(
    "a %s in place of the target is refused, and stays",
    async (what) => {
      const pipe = what === "pipe" ? plan.path : join(folder, "pipe");
      spawnSync("mkfifo", [pipe]);
      if (pipe !== plan.path) await symlink(pipe, plan.path);
      await expect(openPartFile(plan)).rejects.toMatchObject({ code: "ENXIO" });
      expect((await stat(plan.path)).isFIFO()).toBe(true);
    },
  );

  test("a link to a file in place of the target is replaced, and not written through", async () => {
    await writeFile(join(folder, "precious"), "precious");
    await symlink(join(folder, "precious"), plan.path);
    await finish(await openPartFile(plan));
    expect(await readFile(join(folder, "precious"), "utf8")).toBe("precious");
    expect((await lstat(plan.path)).isFile()).toBe(true);
  });

  test("what another process has put under the names is left to it", async () => {
    const file = await openPartFile(plan);
    for (const path of [partPath, logPath]) {
      await rm(path);
      await writeFile(path, "another's");
    }
    await file.discard();
    expect(await files()).toHaveLength(2);
  });

  test("the part file's name going to another file keeps that from getting the target's name", async () => {
    const file = await openPartFile(plan);
    for (const index of [0, 1, 2, 3]) await writeSegment(file, index);
    await rm(partPath);
    await writeFile(partPath, "something else");
    await expect(file.commit()).rejects.toMatchObject({ code: "EBUSY" });
    await file.discard();
    // What is not its own stays.
    expect(await readFile(partPath, "utf8")).toBe("something else");
    expect(await files()).toHaveLength(1);
  });
});

test("a relative path means the folder of the beginning", async () => {
  const before = process.cwd();
  process.chdir(folder);
  onTestFinished(() => process.chdir(before));
  const file = await openPartFile({ ...plan, path: "target" });
  process.chdir(before);
  await finish(file);
  expect(await files()).toEqual(["target"]);
});

describe("what a living process writes is left to it", () => {
  test.each([
    ["this one", () => undefined],
    ["another one", () => leave(`${header({ pid: process.ppid, bornAt: thisProcess().bornAt })}\n0\n`)],
    ["one of another machine, a moment ago", () => leave(`${header({ host: "elsewhere" })}\n0\n`)],
    ["one that has just begun", () => leave("")],
  ])("%s", async (_, prepare) => {
    const first = (await prepare()) === undefined ? await openPartFile(plan) : undefined;
    const before = await readFile(logPath, "utf8");
    const second = await openPartFile(plan);
    expect(second.finishedSegments).toEqual([]);
    await finish(second);
    expect(await readFile(logPath, "utf8")).toBe(before);
    await first?.discard();
  });

  test("both may end, in whatever order", async () => {
    const [first, second] = [await openPartFile(plan), await openPartFile(plan)];
    await finish(first);
    await finish(second);
    expect(await files()).toEqual(["target"]);
  });

  test("many at once share what is left, and get in nobody's way", async () => {
    await leave(`${header()}\n0\n`);
    const all = await Promise.all(Array.from({ length: 8 }, () => openPartFile(plan)));
    // Never two of them: the one that is first.
    expect(all.filter((file) => file.finishedSegments.length > 0).length).toBeLessThanOrEqual(1);
    for (const file of all) await finish(file);
    expect(await files()).toEqual(["target"]);
  });
});

test("a file of one segment has no log: it is as quickly fetched again", async () => {
  plan = { ...plan, sizeInBytes: 10 };
  const file = await openPartFile(plan);
  expect((await files()).filter((name) => name.endsWith(".log"))).toEqual([]);
  await writeSegment(file, 0);
  await file.commit();
  expect(await files()).toEqual(["target"]);
});
