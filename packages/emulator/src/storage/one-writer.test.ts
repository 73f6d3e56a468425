import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { digestOf, MediaType } from "@acrkit/oci";
import { beforeEach, describe, expect, it } from "vitest";
import { openStore } from "./open-store.ts";

const options = { durable: false };

describe("a data folder", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "acrkit-folder-test-"));
    return () => rm(folder, { recursive: true });
  });

  const holdIn = async (kind: string) => {
    const source = `
      import { openStore } from ${JSON.stringify(new URL("./open-store.ts", import.meta.url).href)};
      const store = await openStore(${JSON.stringify(folder)}, { durable: false });
      console.log("open");
      setInterval(() => store, 1000);
    `;
    const args = ["--conditions=@acrkit/source", "--input-type=module", "-e", source];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    await Promise.race([once(child.stdout, "data"), once(child, "exit").then(() => Promise.reject(new Error(kind)))]);
    return child;
  };

  it("that another process uses is refused, with its id and what to do", async () => {
    const child = await holdIn("the other process did not open the store");
    await expect(openStore(folder, options)).rejects.toMatchObject({
      code: "DATA_FOLDER_IN_USE",
      folder,
      message: `the data folder ${folder} is in use by another emulator (process ${child.pid}): stop that one, or use another folder`,
    });
    child.kill("SIGKILL");
    await once(child, "exit");
    // The file that names the dead process is still there, and means nothing.
    expect(readFileSync(join(folder, "emulator.pid"), "utf8")).toContain(String(child.pid));
    (await openStore(folder, options)).close();
  });

  it("that this process uses is refused, and what has it goes on", async () => {
    const store = await openStore(folder, options);
    await expect(openStore(folder, options)).rejects.toThrow(`in this same process, ${process.pid}`);
    await store.blobs.put("app", Buffer.from("still here"));
    await expect(openStore(folder, options)).rejects.toMatchObject({ code: "DATA_FOLDER_IN_USE" });
    store.close();
    const again = await openStore(folder, options);
    expect(again.usage().blobCount).toBe(1);
    again.close();
    expect(await readdir(folder)).not.toContain("emulator.pid");
  });

  it("of a newer format is refused and left alone", async () => {
    (await openStore(folder, options)).close();
    const database = new DatabaseSync(join(folder, "metadata.sqlite"));
    database.exec("PRAGMA user_version = 99");
    database.close();
    await expect(openStore(folder, options)).rejects.toMatchObject({
      code: "DATA_FOLDER_TOO_NEW",
      message: expect.stringMatching(/format 99, this one knows \d+\): update the emulator, or use another folder/),
    });
    await expect(openStore(folder, options)).rejects.toMatchObject({ code: "DATA_FOLDER_TOO_NEW" });
  });

  it("that is a file, or below one, is refused", async () => {
    const file = join(folder, "file");
    await writeFile(file, "");
    for (const path of [file, join(file, "below")]) {
      await expect(openStore(path, options)).rejects.toMatchObject({
        code: "DATA_FOLDER_UNUSABLE",
        message: expect.stringContaining(`${path} cannot be used: there is a file in its place`),
      });
    }
  });

  it("whose database is something else is refused, and the file is kept", async () => {
    const file = join(folder, "metadata.sqlite");
    await writeFile(file, "the notes of someone who likes this name, long enough to be looked at".repeat(20));
    await expect(openStore(folder, options)).rejects.toMatchObject({
      code: "DATA_FOLDER_UNUSABLE",
      message: expect.stringContaining("is not a database of the emulator"),
    });
    expect(readFileSync(file, "utf8")).toContain("the notes");
  });

  it("with a folder where the database should be is refused", async () => {
    await mkdir(join(folder, "metadata.sqlite"));
    await expect(openStore(folder, options)).rejects.toThrow();
  });
});

/** As the first version wrote it: without `user_version`. */
const FORMAT_1 = `
  PRAGMA journal_mode = WAL;
  CREATE TABLE repository (
    name TEXT PRIMARY KEY, createdTime TEXT NOT NULL, lastUpdateTime TEXT NOT NULL,
    deleteEnabled INT NOT NULL, writeEnabled INT NOT NULL, readEnabled INT NOT NULL, listEnabled INT NOT NULL
  );
  CREATE TABLE manifest (
    repository TEXT NOT NULL, name TEXT NOT NULL, mediaType TEXT NOT NULL, size INT NOT NULL, imageSize INT NOT NULL,
    createdTime TEXT NOT NULL, lastUpdateTime TEXT NOT NULL, architecture TEXT, os TEXT, configMediaType TEXT,
    subject TEXT, artifactType TEXT, annotations TEXT, quarantineState TEXT, quarantineDetails TEXT,
    deleteEnabled INT NOT NULL, writeEnabled INT NOT NULL, readEnabled INT NOT NULL, listEnabled INT NOT NULL,
    content BLOB, PRIMARY KEY (repository, name)
  );
  CREATE INDEX manifest_by_time ON manifest (repository, lastUpdateTime, name);
  CREATE INDEX manifest_by_subject ON manifest (repository, subject) WHERE subject IS NOT NULL;
  CREATE TABLE tag (
    repository TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL,
    createdTime TEXT NOT NULL, lastUpdateTime TEXT NOT NULL,
    deleteEnabled INT NOT NULL, writeEnabled INT NOT NULL, readEnabled INT NOT NULL, listEnabled INT NOT NULL,
    PRIMARY KEY (repository, name)
  );
  CREATE INDEX tag_by_time ON tag (repository, lastUpdateTime, name);
  CREATE INDEX tag_by_digest ON tag (repository, digest, name);
  CREATE TABLE blob_link (
    repository TEXT NOT NULL, digest TEXT NOT NULL, size INT NOT NULL, PRIMARY KEY (repository, digest)
  ) WITHOUT ROWID;
  CREATE INDEX blob_link_by_digest ON blob_link (digest);
  CREATE TABLE departed (
    repository TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, lastUpdateTime TEXT NOT NULL,
    departedAt INT NOT NULL DEFAULT (unixepoch()), PRIMARY KEY (repository, kind, name)
  ) WITHOUT ROWID;
  CREATE TRIGGER manifest_departs AFTER DELETE ON manifest BEGIN
    INSERT OR REPLACE INTO departed (repository, kind, name, lastUpdateTime)
    VALUES (OLD.repository, 'manifest', OLD.name, OLD.lastUpdateTime);
  END;
  CREATE TRIGGER tag_departs AFTER DELETE ON tag BEGIN
    INSERT OR REPLACE INTO departed (repository, kind, name, lastUpdateTime)
    VALUES (OLD.repository, 'tag', OLD.name, OLD.lastUpdateTime);
  END;
`;

it("a folder of the first format is taken over: nothing lost, everything counted, nothing taken for garbage", async () => {
  const folder = await mkdtemp(join(tmpdir(), "acrkit-format-test-"));
  const blob = (text: string) => ({ text, digest: digestOf(Buffer.from(text)), size: text.length });
  const [config, layer, loose] = [blob("config"), blob("layer"), blob("nobody's")];
  for (const { digest, text } of [config, layer, loose]) {
    const place = join(folder, "blobs", "sha256", digest.slice(7, 9));
    await mkdir(place, { recursive: true });
    await writeFile(join(place, digest.slice(7)), text);
  }
  const descriptor = ({ digest, size }: typeof config) => ({ mediaType: "a/b", digest, size });
  const manifest = JSON.stringify({ schemaVersion: 2, config: descriptor(config), layers: [descriptor(layer)] });
  const digest = digestOf(Buffer.from(manifest));
  const times = ["2023-02-28T18:36:35.1936720Z", "2023-02-28T18:36:35.1936720Z"];
  const database = new DatabaseSync(join(folder, "metadata.sqlite"));
  database.exec(FORMAT_1);
  database.prepare("INSERT INTO repository VALUES ('app', ?, ?, 1, 1, 1, 1)").run(...times);
  database
    .prepare(`INSERT INTO manifest VALUES ('app', ?, ?, ?, 5, ?, ?, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
      1, 0, 1, 1, ?)`)
    .run(digest, MediaType.ociManifest, manifest.length, ...times, Buffer.from(manifest));
  database.prepare("INSERT INTO tag VALUES ('app', 'v1', ?, ?, ?, 1, 1, 1, 1)").run(digest, ...times);
  for (const { digest: of, size } of [config, layer, loose]) {
    for (const name of ["app", "other"]) database.prepare("INSERT INTO blob_link VALUES (?, ?, ?)").run(name, of, size);
  }
  database.close();

  let now = Date.now();
  for (let openings = 0; openings < 2; openings++) {
    const store = await openStore(folder, { durable: false, now: () => now });
    expect(store.repositories.get("app")).toMatchObject({ manifestCount: 1, tagCount: 1 });
    expect(store.manifests.get("app", digest)?.attributes.writeEnabled).toBe(false);
    const bytes = config.size + layer.size + loose.size + manifest.length;
    expect(store.usage()).toEqual({ sizeInBytes: bytes, blobCount: 3, manifestCount: 1, tagCount: 1 });
    expect((await store.collectGarbage({ olderThanMs: 1000 })).unlinkedCount).toBe(0);
    store.close();
  }
  now += 60_000;
  const store = await openStore(folder, { durable: false, now: () => now });
  // What a manifest refers to was read out of the manifests that were there.
  expect(await store.collectGarbage({ olderThanMs: 1000 })).toMatchObject({ unlinkedCount: 4, blobCount: 1 });
  expect([config, layer, loose].map((one) => store.blobs.size("app", one.digest))).toEqual([6, 5, undefined]);
  store.close();
  await rm(folder, { recursive: true });
});
