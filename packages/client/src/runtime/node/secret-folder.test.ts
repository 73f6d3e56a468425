import { chmod, link, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { openSecretFolder } from "./secret-folder.ts";

const NAME = "a".repeat(64);
const FILE = `${NAME}.token`;

let root: string;
let folder: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "acrkit-secrets-"));
  folder = join(root, "acrkit");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(root, { recursive: true, force: true });
});

const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

test("what was written is read, by another process too, and is gone when it is removed", async () => {
  const secrets = await openSecretFolder(folder);
  expect(await secrets.read(NAME)).toBeUndefined();
  await secrets.write(NAME, "one");
  await secrets.write(NAME, "two");
  expect(await (await openSecretFolder(folder)).read(NAME)).toBe("two");
  await secrets.remove(NAME);
  await secrets.remove(NAME);
  expect(await secrets.read(NAME)).toBeUndefined();
});

test.skipIf(process.platform === "win32")("folder and files are their owner's alone, whatever the mask", async () => {
  const mask = process.umask(0);
  try {
    await (await openSecretFolder(folder)).write(NAME, "secret");
  } finally {
    process.umask(mask);
  }
  expect(await modeOf(folder)).toBe(0o700);
  expect(await modeOf(join(folder, FILE))).toBe(0o600);
});

test("nothing half-written is left, nor ever has the file's name", async () => {
  const secrets = await openSecretFolder(folder);
  const texts = Array.from({ length: 20 }, (_, index) => `${index}`.repeat(20_000));
  const seen: (string | undefined)[] = [];
  await Promise.all(
    texts.map(async (text) => {
      await secrets.write(NAME, text);
      seen.push(await secrets.read(NAME));
    }),
  );
  for (const text of seen) expect(texts.includes(text ?? "") || text === undefined).toBe(true);
  expect(await readdir(folder)).toEqual([FILE]);
});

describe.skipIf(process.platform === "win32")("nothing is read from", () => {
  test.each<[string, (path: string) => Promise<unknown>]>([
    [
      "a link",
      async (path) => {
        await writeFile(join(root, "elsewhere"), "planted", { mode: 0o600 });
        await symlink(join(root, "elsewhere"), path);
      },
    ],
    ["a link to nowhere", (path) => symlink(join(root, "nowhere"), path)],
    ["a folder", (path) => mkdir(path)],
    ["a file that is too large", (path) => writeFile(path, "x".repeat(64 * 1024 + 1))],
  ])("%s", async (_, plant) => {
    const secrets = await openSecretFolder(folder);
    await plant(join(folder, FILE));
    expect(await secrets.read(NAME)).toBeUndefined();
  });

  test("another user's file", async () => {
    const secrets = await openSecretFolder(folder);
    await secrets.write(NAME, "planted");
    const getuid = vi.spyOn(process, "getuid").mockReturnValue(4_242);
    expect(await secrets.read(NAME)).toBeUndefined();
    getuid.mockRestore();
    expect(await secrets.read(NAME)).toBe("planted");
  });
});

test.skipIf(process.platform === "win32")("a write replaces a link and not what it points to", async () => {
  const secrets = await openSecretFolder(folder);
  await writeFile(join(root, "victim"), "precious");
  await symlink(join(root, "victim"), join(folder, FILE));
  await secrets.write(NAME, "secret");
  expect(await readFile(join(root, "victim"), "utf8")).toBe("precious");
  expect(await secrets.read(NAME)).toBe("secret");
});

test.skipIf(process.platform === "win32")("a write does not go through another name of the file either", async () => {
  const secrets = await openSecretFolder(folder);
  await writeFile(join(root, "victim"), "precious");
  await link(join(root, "victim"), join(folder, FILE));
  await secrets.write(NAME, "secret");
  expect(await readFile(join(root, "victim"), "utf8")).toBe("precious");
});

describe.skipIf(process.platform === "win32")("a folder is not used that", () => {
  test("is a link", async () => {
    await mkdir(join(root, "elsewhere"), { mode: 0o700 });
    await symlink(join(root, "elsewhere"), folder);
    await expect(openSecretFolder(folder)).rejects.toThrow(/link/);
  });

  test("is a file", async () => {
    await writeFile(folder, "");
    await expect(openSecretFolder(folder)).rejects.toThrow();
  });

  test.each([0o777, 0o770, 0o702])("others may write to (%o)", async (mode) => {
    await mkdir(folder);
    await chmod(folder, mode);
    await expect(openSecretFolder(folder)).rejects.toThrow(/others may write.*chmod 700/);
  });

  test("is another user's", async () => {
    await mkdir(folder, { mode: 0o700 });
    const getuid = vi.spyOn(process, "getuid").mockReturnValue(4_242);
    await expect(openSecretFolder(folder)).rejects.toThrow(/another user's/);
    getuid.mockRestore();
  });
});

describe("in turn", () => {
  const { signal } = new AbortController();

  test("work of one name is done by one after the other, that of others meanwhile", async () => {
    const [one, two] = [await openSecretFolder(folder), await openSecretFolder(folder)];
    const done: string[] = [];
    let finish = () => {};
    const first = one.inTurn(NAME, signal, async () => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      done.push("first");
    });
    while (!(await readdir(folder)).includes(`${FILE}.turn`)) await new Promise(setImmediate);
    const second = two.inTurn(NAME, signal, async () => void done.push("second"));
    await two.inTurn("b".repeat(64), signal, async () => void done.push("other"));
    finish();
    await Promise.all([first, second]);
    expect(done).toEqual(["other", "first", "second"]);
    expect(await readdir(folder)).toEqual([]);
  });

  test.each([
    ["long ago", -11],
    ["at a time to come, by a clock that was set back since", 86_400],
  ])("the turn of a process that has died %s is taken", async (_, seconds) => {
    const secrets = await openSecretFolder(folder);
    await writeFile(join(folder, `${FILE}.turn`), "");
    const then = Date.now() / 1000 + seconds;
    await utimes(join(folder, `${FILE}.turn`), then, then);
    expect(await secrets.inTurn(NAME, signal, async () => "done")).toBe("done");
    expect(await readdir(folder)).toEqual([]);
  });

  test("an abort ends the wait, and leaves the turn to whoever has it", async () => {
    const secrets = await openSecretFolder(folder);
    await writeFile(join(folder, `${FILE}.turn`), "");
    await secrets.inTurn(NAME, AbortSignal.abort(), async () => {});
    expect(await readdir(folder)).toEqual([`${FILE}.turn`]);
  });

  test("work that fails gives the turn back", async () => {
    const secrets = await openSecretFolder(folder);
    const failing = secrets.inTurn(NAME, signal, async () => {
      throw new RangeError("no");
    });
    await expect(failing).rejects.toThrow(RangeError);
    expect(await readdir(folder)).toEqual([]);
  });

  test("where there is no folder any more, work is done all the same", async () => {
    const secrets = await openSecretFolder(folder);
    await rm(folder, { recursive: true });
    expect(await secrets.inTurn(NAME, signal, async () => "done")).toBe("done");
  });
});

describe("a write removes", () => {
  const aged = async (name: string, hours: number) => {
    await writeFile(join(folder, name), "old");
    const then = Date.now() / 1000 - hours * 3_600;
    await utimes(join(folder, name), then, then);
  };

  test("what has expired and what a dead process has left, and nothing that is not its own", async () => {
    const secrets = await openSecretFolder(folder);
    await aged(`${"b".repeat(64)}.token`, 5);
    await aged(`${"c".repeat(64)}.token.0123456789ab.part`, 5);
    await aged(`${"d".repeat(64)}.token`, 3);
    await aged("notes.txt", 5_000);
    await secrets.write(NAME, "new");
    expect((await readdir(folder)).sort()).toEqual([FILE, `${"d".repeat(64)}.token`, "notes.txt"]);
  });

  test("the oldest of more than 256", async () => {
    const secrets = await openSecretFolder(folder);
    const names = Array.from({ length: 257 }, (_, index) => `${index.toString(16).padStart(64, "0")}.token`);
    await Promise.all(names.map((name, index) => aged(name, 3 - index / 1_000)));
    await secrets.write(NAME, "new");
    const left = await readdir(folder);
    expect(left).toHaveLength(256);
    expect(left).toContain(FILE);
    expect(left).not.toContain(names[0]);
    expect(left).not.toContain(names[1]);
    expect(left).toContain(names[2]);
  });
});

test("a relative path is meant from where the process works when the folder is opened", async () => {
  const cwd = vi.spyOn(process, "cwd").mockReturnValue(root);
  const secrets = await openSecretFolder("acrkit");
  cwd.mockRestore();
  await secrets.write(NAME, "one");
  expect(await readdir(folder)).toEqual([FILE]);
});

test.skipIf(process.platform !== "linux")(
  "without a name it is the user's cache folder, by the XDG specification",
  async () => {
    vi.stubEnv("XDG_CACHE_HOME", join(root, "cache"));
    await (await openSecretFolder(undefined)).write(NAME, "one");
    expect(await readdir(join(root, "cache", "acrkit"))).toEqual([FILE]);
    vi.stubEnv("XDG_CACHE_HOME", "relative");
    vi.stubEnv("HOME", root);
    await (await openSecretFolder(undefined)).write(NAME, "two");
    expect(await readdir(join(root, ".cache", "acrkit"))).toEqual([FILE]);
  },
);
