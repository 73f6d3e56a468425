import { execFileSync } from "node:child_process";
import { chmod, mkdir, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { failureOf } from "../../testing/client.ts";
import { dockerHome } from "../../testing/docker-home.ts";
import { DockerConfigError } from "../errors.ts";
import { readFile } from "./read-file.ts";

it("reads a file, and says whether others may", async () => {
  const home = await dockerHome();
  const path = await home.write("config.json", "{}");
  expect(await readFile(path)).toEqual({ text: "{}", isExposed: false });
  await chmod(path, 0o644);
  expect(await readFile(path)).toEqual({ text: "{}", isExposed: true });
});

it("follows a link, as docker does", async () => {
  const home = await dockerHome();
  await home.write("elsewhere/secrets.json", "{}");
  await symlink("elsewhere/secrets.json", join(home.folder, "config.json"));
  expect((await readFile(join(home.folder, "config.json")))?.text).toBe("{}");
});

it("has nothing where there is nothing, or a link that leads nowhere", async () => {
  const home = await dockerHome();
  const file = await home.write("file", "");
  await symlink("nowhere", join(home.folder, "link"));
  for (const path of [join(home.folder, "none"), join(file, "config.json"), join(home.folder, "link")]) {
    expect(await readFile(path)).toBeUndefined();
  }
});

async function refusal(path: string): Promise<DockerConfigError> {
  const error = await failureOf(readFile(path), DockerConfigError);
  expect(error.file).toBe(path);
  expect(error.message).toContain(path);
  return error;
}

it("refuses a folder, a pipe, a device, and a link to one, without waiting for anybody", async () => {
  const home = await dockerHome();
  await mkdir(join(home.folder, "folder"));
  execFileSync("mkfifo", [join(home.folder, "pipe")]);
  await symlink("/dev/zero", join(home.folder, "link"));
  for (const name of ["folder", "pipe", "link"]) {
    expect((await refusal(join(home.folder, name))).message).toContain("it is not a file");
  }
});

it("refuses a link that leads to itself", async () => {
  const home = await dockerHome();
  await symlink("link", join(home.folder, "link"));
  expect((await refusal(join(home.folder, "link"))).message).toContain("ELOOP");
});

it("refuses what is far too large, without reading it", async () => {
  const home = await dockerHome();
  const path = await home.write("config.json", "");
  await truncate(path, 2 ** 40);
  expect((await refusal(path)).message).toContain("more than 10 MiB");
  await truncate(path, 10 * 1024 * 1024);
  expect((await readFile(path))?.text.length).toBe(10 * 1024 * 1024);
});

it("refuses what is not UTF-8", async () => {
  const home = await dockerHome();
  const path = await home.write("config.json", "");
  await writeFile(path, Buffer.from([0x7b, 0xff, 0x7d]));
  expect((await refusal(path)).message).toContain("UTF-8");
});

// The superuser may read everything.
it.skipIf(process.getuid?.() === 0)("refuses what this user may not read", async () => {
  const home = await dockerHome();
  const path = await home.write("config.json", "{}");
  await chmod(path, 0);
  expect(await refusal(path)).toMatchObject({ code: "DOCKER_CONFIG_UNREADABLE", cause: { code: "EACCES" } });
  expect((await refusal(path)).message).toContain("this user may not read it");
});
