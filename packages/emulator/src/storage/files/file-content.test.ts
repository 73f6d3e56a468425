import { randomBytes } from "node:crypto";
import { fstatSync, openSync } from "node:fs";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fileContent } from "./file-content.ts";

const MIB = 1024 * 1024;

describe("a file's content", () => {
  let folder = "";
  const path = () => join(folder, "file");
  const bytes = randomBytes(5 * MIB + 123);
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "acrkit-content-test-"));
    await writeFile(path(), bytes);
  });
  afterAll(() => rm(folder, { recursive: true }));

  const isOpen = (fd: number) => {
    try {
      fstatSync(fd);
      return true;
    } catch {
      return false;
    }
  };

  it.for([
    ["everything", undefined, bytes],
    ["a small part", { start: 10, end: 20 }, bytes.subarray(10, 21)],
    ["one byte", { start: MIB, end: MIB }, bytes.subarray(MIB, MIB + 1)],
    ["parts of several buffers", { start: 1, end: 5 * MIB }, bytes.subarray(1, 5 * MIB + 1)],
  ] as const)("is lent and read alike: %s", async ([, range, expected]) => {
    const lent: Buffer[] = [];
    const fd = openSync(path(), "r");
    // What is lent is taken back when the promise ends: who keeps it must copy it. They come in order, several at a time.
    await fileContent(fd, range).lend(async (part) => {
      lent.push(Buffer.from(part));
      await sleep(1);
    });
    expect(Buffer.concat(lent).equals(expected)).toBe(true);
    await expect.poll(() => isOpen(fd)).toBe(false);

    const read: Buffer[] = [];
    for await (const part of fileContent(openSync(path(), "r"), range)) read.push(part);
    expect(Buffer.concat(read).equals(expected)).toBe(true);
  });

  it("of nothing is nothing", async () => {
    const empty = join(folder, "empty");
    await writeFile(empty, "");
    for await (const part of fileContent(openSync(empty, "r"))) expect(part).toHaveLength(0);
    await fileContent(openSync(empty, "r")).lend(async (part) => expect(part).toHaveLength(0));
  });

  it("is not touched while it is lent", async () => {
    const fd = openSync(path(), "r");
    await fileContent(fd).lend(async (part) => {
      const before = Buffer.from(part);
      await sleep(5);
      expect(before.equals(part)).toBe(true);
    });
  });

  it("closes its file when who uses it fails, or who owns it gives it up", async () => {
    const fd = openSync(path(), "r");
    const failing = fileContent(fd).lend(async () => {
      throw new Error("the client is gone");
    });
    await expect(failing).rejects.toThrow("the client is gone");
    await expect.poll(() => isOpen(fd)).toBe(false);
    const other = openSync(path(), "r");
    fileContent(other).destroy();
    await expect.poll(() => isOpen(other)).toBe(false);
  });

  it("that became shorter meanwhile fails instead of being filled up", async () => {
    const shrinking = join(folder, "shrinking");
    await writeFile(shrinking, bytes);
    const content = fileContent(openSync(shrinking, "r"));
    await truncate(shrinking, MIB);
    await expect(content.lend(async () => {})).rejects.toThrow(/only \d+ of \d+ bytes could be read/);
  });
});
