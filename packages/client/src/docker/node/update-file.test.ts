import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, readlink, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { failureOf } from "../../testing/client.ts";
import { dockerHome } from "../../testing/docker-home.ts";
import { DockerConfigError } from "../errors.ts";
import { updateFile } from "./update-file.ts";

const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

it("makes a file, and its folders, for its owner alone", async () => {
  const home = await dockerHome();
  const path = join(home.folder, "new", "folder", "config.json");
  await updateFile(path, (text) => `was ${text}`);
  expect(await readFile(path, "utf8")).toBe("was undefined");
  expect(await modeOf(path)).toBe(0o600);
  expect(await modeOf(join(home.folder, "new", "folder"))).toBe(0o700);
  expect(await readdir(join(home.folder, "new", "folder"))).toEqual(["config.json"]);
});

it.each([
  [0o644, 0o600],
  [0o600, 0o600],
  [0o400, 0o400],
])("a file of mode %o has %o afterwards", async (before, after) => {
  const home = await dockerHome();
  const path = await home.write("config.json", "old");
  await chmod(path, before);
  await updateFile(path, () => "new");
  expect(await modeOf(path)).toBe(after);
});

it("leaves a file alone when there is nothing to change", async () => {
  const home = await dockerHome();
  const path = await home.write("config.json", "same");
  const { ino } = await stat(path);
  await updateFile(path, () => undefined);
  await updateFile(path, (text) => text);
  expect((await stat(path)).ino).toBe(ino);
});

it("follows links to the file, which may not be there yet, and leaves them", async () => {
  const home = await dockerHome();
  await mkdir(join(home.folder, "dotfiles"));
  await symlink("dotfiles/second", join(home.folder, "first"));
  await symlink("third", join(home.folder, "dotfiles", "second"));
  await updateFile(join(home.folder, "first"), () => "one");
  await updateFile(join(home.folder, "first"), (text) => `${text} two`);
  expect(await readFile(join(home.folder, "dotfiles", "third"), "utf8")).toBe("one two");
  expect(await readlink(join(home.folder, "first"))).toBe("dotfiles/second");
  expect((await readdir(join(home.folder, "dotfiles"))).sort()).toEqual(["second", "third"]);
});

it("refuses a link that leads to itself, and what is no file", async () => {
  const home = await dockerHome();
  await symlink("loop", join(home.folder, "loop"));
  await mkdir(join(home.folder, "folder"));
  for (const name of ["loop", "folder"]) {
    const error = await failureOf(
      updateFile(join(home.folder, name), () => "x"),
      DockerConfigError,
    );
    expect(error.message).toContain(join(home.folder, name));
  }
});

it("a change that fails leaves the file, and nothing beside it", async () => {
  const home = await dockerHome();
  const path = await home.write("d/config.json", "old");
  const change = () => {
    throw new DockerConfigError("no", { code: "DOCKER_CONFIG_INVALID", file: path });
  };
  await failureOf(updateFile(path, change), DockerConfigError);
  expect(await readFile(path, "utf8")).toBe("old");
  expect(await readdir(join(home.folder, "d"))).toEqual(["config.json"]);
});

it("a secret that a killed process has left is removed", async () => {
  const home = await dockerHome();
  const path = join(home.folder, "d", "config.json");
  const script = `
    import { updateFile } from ${JSON.stringify(join(import.meta.dirname, "update-file.ts"))};
    import fs from "node:fs";
    import { syncBuiltinESMExports } from "node:module";
    await updateFile(process.argv[1], () => "first");
    // Killed right before the rename.
    fs.promises.rename = () => process.kill(process.pid, "SIGKILL");
    syncBuiltinESMExports();
    await updateFile(process.argv[1], () => "hunter2");`;
  const killed = promisify(execFile)(process.execPath, [
    "--conditions=@acrkit/source",
    "--input-type=module",
    "-e",
    script,
    path,
  ]);
  await expect(killed).rejects.toMatchObject({ signal: "SIGKILL" });
  expect((await readdir(join(home.folder, "d"))).length).toBeGreaterThan(2);
  expect(await readFile(path, "utf8")).toBe("first");
  await updateFile(path, (text) => `${text} and second`);
  expect(await readFile(path, "utf8")).toBe("first and second");
  expect(await readdir(join(home.folder, "d"))).toEqual(["config.json"]);
});

it("a folder that cannot be had is an error that names the file", async () => {
  const home = await dockerHome();
  await home.write("file", "");
  const path = join(home.folder, "file", "config.json");
  const error = await failureOf(
    updateFile(path, () => "x"),
    DockerConfigError,
  );
  expect(error).toMatchObject({ code: "DOCKER_CONFIG_NOT_WRITTEN", file: path, cause: { code: "EEXIST" } });
});

it("makes a change again upon what somebody without our lock has written meanwhile", async () => {
  const home = await dockerHome();
  const path = await home.write("config.json", "old");
  let calls = 0;
  await updateFile(path, (text) => {
    if (calls++ === 0) writeFileSync(path, "docker's");
    return `${text} and ours`;
  });
  expect([await readFile(path, "utf8"), calls]).toEqual(["docker's and ours", 2]);
});

it("gives up when somebody writes all the time", async () => {
  const home = await dockerHome();
  const path = await home.write("d/config.json", "old");
  let calls = 0;
  const update = updateFile(path, () => {
    writeFileSync(path, `${++calls}`);
    return "ours";
  });
  expect((await failureOf(update, DockerConfigError)).message).toContain("all the time");
  expect(await readdir(join(home.folder, "d"))).toEqual(["config.json"]);
});

const append = (line: string) => (text: string | undefined) => `${text ?? ""}${line}\n`;

it("loses nothing of many who write at the same time, in one process", async () => {
  const home = await dockerHome();
  const path = join(home.folder, "d", "list");
  const lines = Array.from({ length: 20 }, (_, index) => `line ${index}`);
  await Promise.all(lines.map((line) => updateFile(path, append(line))));
  expect((await readFile(path, "utf8")).trim().split("\n").sort()).toEqual([...lines].sort());
  expect(await readdir(join(home.folder, "d"))).toEqual(["list"]);
});

it("loses nothing of several processes", async () => {
  const home = await dockerHome();
  const path = join(home.folder, "d", "list");
  const script = `
    import { updateFile } from ${JSON.stringify(join(import.meta.dirname, "update-file.ts"))};
    for (let i = 0; i < 10; i++) await updateFile(process.argv[1], (text = "") => text + process.argv[2] + i + "\\n");`;
  const run = promisify(execFile);
  const start = (name: string) =>
    run(process.execPath, ["--conditions=@acrkit/source", "--input-type=module", "-e", script, path, name]);
  await Promise.all(["a", "b", "c"].map(start));
  const expected = ["a", "b", "c"].flatMap((name) => Array.from({ length: 10 }, (_, index) => `${name}${index}`));
  expect((await readFile(path, "utf8")).trim().split("\n").sort()).toEqual(expected);
  expect(await readdir(join(home.folder, "d"))).toEqual(["list"]);
});
