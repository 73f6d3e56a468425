import { readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { digestOf, InvalidInputError } from "@acrkit/oci";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { RegistryError } from "../../errors/registry-error.ts";
import { abortOf, clientOf, failureOf } from "../../testing/client.ts";
import { patterned } from "../../testing/content.ts";
import { refusal } from "../../testing/scripted-registry.ts";
import { failOnUnhandled } from "../../testing/unhandled.ts";
import { type UploadBehaviour, type UploadRegistry, uploadRegistry } from "../../testing/upload-registry.ts";
import type { TransferProgress } from "../progress.ts";
import type { BlobContent } from "./content.ts";
import type { UploadBlobOptions } from "./upload.ts";

failOnUnhandled();

const MEBIBYTE = 1024 * 1024;
const bytes = patterned(6 * MEBIBYTE);
/** No process has it: the kernel's limit is below. */
const NO_PID = 2 ** 30;

let folder: string;
let journal: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "acrkit-journal-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  journal = join(folder, "journal");
  path = join(folder, "content");
  await writeFile(path, bytes);
});

const upload = ({ registry }: UploadRegistry, content: BlobContent, options: UploadBlobOptions = {}) =>
  clientOf(registry).uploadBlob("app", content, { journal, ...options });
const methods = ({ registry }: UploadRegistry) => registry.calls.map(({ method }) => method);
const entryPath = async () => join(journal, (await readdir(journal))[0] ?? "missing");

/** Leaves what a process leaves that is killed when the registry has got `arrived` bytes: a session, and an entry. */
async function killed(
  arrived: number,
  {
    content = { path },
    behaviour = { reportsOffset: true },
    options = {},
  }: Partial<{
    content: BlobContent;
    behaviour: UploadBehaviour;
    options: UploadBlobOptions;
  }> = {},
) {
  let entry: { name: string; text: string } | undefined;
  let isKilled = false;
  const to: UploadRegistry = uploadRegistry((request, nth) => {
    if (isKilled) return undefined;
    if (request.method === "DELETE") return { status: 204 };
    if (request.method !== "PATCH" || nth > 0) return undefined;
    return readdir(journal).then(([name = ""]) => {
      entry = { name, text: readFileSync(join(journal, name), "utf8") };
      try {
        to.cutAfter(arrived, request);
      } catch {
        // What the process that is no more would have been told does not matter.
      }
      return { status: 400 };
    });
  }, behaviour);
  await failureOf(upload(to, content, options), RegistryError);
  isKilled = true;
  if (entry === undefined) throw new Error("there was no entry");
  const { name, text } = entry;
  const leave = (changes: object = {}) => {
    const parsed = JSON.parse(text) as { owner: string };
    const owner = JSON.stringify({ ...(JSON.parse(parsed.owner) as object), pid: NO_PID });
    return writeFile(join(journal, name), JSON.stringify({ ...parsed, owner, ...changes }));
  };
  await leave();
  const before = to.registry.calls.length;
  return { to, name, leave, callsSince: () => to.registry.calls.slice(before) };
}

describe("what a killed process has left", () => {
  test.each([
    ["a file", () => ({ path }), {}],
    ["bytes", () => bytes, {}],
    ["a stream with its digest", () => Readable.from([bytes]), { digest: digestOf(bytes) }],
  ] as [string, () => BlobContent, UploadBlobOptions][])(
    "is gone on with, when the registry still knows it: %s",
    async (_, make, options) => {
      const events: TransferProgress[] = [];
      const { to, callsSince } = await killed(12_345, { content: make(), options });
      const onProgress = (event: TransferProgress) => void events.push(event);
      expect(await upload(to, make(), { ...options, onProgress })).toEqual({
        digest: digestOf(bytes),
        sizeInBytes: bytes.byteLength,
      });
      const calls = callsSince().filter(({ method }) => method !== "HEAD");
      expect(calls.map(({ method }) => method)).toEqual(["GET", "PATCH", "PUT"]);
      expect(calls[1]?.body.byteLength).toBe(bytes.byteLength - 12_345);
      expect(Buffer.from(to.committed[0] ?? []).equals(bytes)).toBe(true);
      expect(events.slice(0, 2).map(({ kind, loadedBytes }) => [kind, loadedBytes])).toEqual([
        ["started", 0],
        ["retrying", 12_345],
      ]);
      expect(await readdir(journal)).toEqual([]);
    },
  );

  test("is begun anew when the registry does not know it", async () => {
    const { to, callsSince } = await killed(12_345, { behaviour: {} });
    await upload(to, { path });
    expect(callsSince().map(({ method }) => method)).toEqual(["GET", "POST", "PATCH", "PUT"]);
    expect(Buffer.from(to.committed[0] ?? []).equals(bytes)).toBe(true);
  });

  test("is not mistaken for an upload of the file as it is now", async () => {
    const { to, callsSince } = await killed(12_345);
    await utimes(path, 1, 1);
    await upload(to, { path });
    expect(callsSince().map(({ method }) => method)).toEqual(["POST", "PATCH", "PUT"]);
  });

  test("is left alone while its process lives, and the upload goes without", async () => {
    const { to, leave, name, callsSince } = await killed(12_345);
    await leave({
      owner: JSON.parse(await readFile(join(journal, name), "utf8")).owner.replace(
        String(NO_PID),
        String(process.ppid),
      ),
    });
    const text = await readFile(join(journal, name), "utf8");
    await upload(to, { path });
    expect(callsSince().map(({ method }) => method)).toEqual(["POST", "PATCH", "PUT"]);
    expect(await readFile(join(journal, name), "utf8")).toBe(text);
  });

  test("leads nowhere but to the registry", async () => {
    for (const location of ["https://evil.example/v2/app/blobs/uploads/uuid", "nonsense", ""]) {
      const { to, leave, callsSince } = await killed(12_345);
      await leave({ location });
      await upload(to, { path });
      expect(callsSince().map(({ method }) => method)).toEqual(["POST", "PATCH", "PUT"]);
    }
  });

  test.each([
    ["is no JSON", "{"],
    ["is of another version", JSON.stringify({ version: 2 })],
    ["lacks what it should have", JSON.stringify({ version: 1, location: 5 })],
    ["is huge", " ".repeat(1024 * 1024)],
    ["is empty", ""],
  ])("and %s, is replaced", async (_, text) => {
    const { to, name, callsSince } = await killed(12_345);
    await writeFile(join(journal, name), text);
    await upload(to, { path });
    expect(callsSince().map(({ method }) => method)).toEqual(["POST", "PATCH", "PUT"]);
    expect(await readdir(journal)).toEqual([]);
  });

  test("and is a link, or a folder, is not followed", async () => {
    const { to, name, callsSince } = await killed(12_345);
    const target = join(folder, "target");
    await writeFile(target, await readFile(join(journal, name)));
    await rm(join(journal, name));
    await symlink(target, join(journal, name));
    await upload(to, { path });
    expect(callsSince().map(({ method }) => method)).toEqual(["POST", "PATCH", "PUT"]);
    expect(await readFile(target, "utf8")).toContain("location");
  });
});

describe("an entry", () => {
  test("is for its owner's eyes alone, and gone at the end", async () => {
    const modes: number[] = [];
    const to = uploadRegistry(({ method }) => {
      if (method !== "PATCH") return undefined;
      return entryPath().then(async (entry) => {
        modes.push((await stat(entry)).mode & 0o777, (await stat(journal)).mode & 0o777);
        return refusal(400, "DENIED", "no");
      });
    });
    await failureOf(upload(to, { path }), RegistryError);
    expect(modes).toEqual([0o600, 0o700]);
    expect(await readdir(journal)).toEqual([]);
  });

  test("says where a chunked upload stands", async () => {
    const seen: number[] = [];
    const to = uploadRegistry(({ method }) => {
      if (method === "PATCH" || method === "PUT") {
        const [name = ""] = readdirSync(journal);
        seen.push(JSON.parse(readFileSync(join(journal, name), "utf8")).confirmedBytes);
      }
      return undefined;
    });
    await upload(to, { path }, { chunkSizeInBytes: 2 * MEBIBYTE });
    expect(seen).toEqual([0, 2 * MEBIBYTE, 4 * MEBIBYTE]);
  });

  test("does not outlive an abort, nor does its session", async () => {
    const controller = new AbortController();
    const to = uploadRegistry(
      ({ method }) => {
        if (method === "PATCH") controller.abort();
        return undefined;
      },
      { reportsOffset: true },
    );
    await abortOf(upload(to, { path }, { abortSignal: controller.signal }));
    expect(await readdir(journal)).toEqual([]);
    expect(to.sessions.size).toBe(0);
  });

  test("that nobody came back for in a week is removed, and what is not the journal's is not", async () => {
    await mkdir(journal);
    const old = `${"a".repeat(64)}.upload`;
    const young = `${"b".repeat(64)}.upload`;
    for (const name of [old, young, "notes.txt"]) await writeFile(join(journal, name), "");
    for (const name of [old, "notes.txt"]) await utimes(join(journal, name), 1, 1);
    await upload(uploadRegistry(), { path });
    expect((await readdir(journal)).sort()).toEqual([young, "notes.txt"].sort());
  });
});

test("content that would not be known again is refused", async () => {
  const to = uploadRegistry();
  for (const content of [Readable.from([bytes]), () => Readable.from([bytes]), new Blob([bytes.slice()])]) {
    const error = await failureOf(upload(to, content), InvalidInputError);
    expect(error.message).toContain("digest");
  }
  expect(to.registry.calls).toEqual([]);
});

test("a folder that cannot be written to is told before anything is sent", async () => {
  const to = uploadRegistry();
  // A file in its place: permissions would not stop root.
  await writeFile(journal, "");
  const error = await failureOf(upload(to, { path }), RegistryError);
  expect(error).toMatchObject({ code: "JOURNAL_FAILED", operation: "uploadBlob", repository: "app" });
  expect(error.message).toMatch(/journal .* cannot be written to: .*Nothing was sent/);
  expect(methods(to)).toEqual([]);
});

test("an entry that was given another upload's name is not followed", async () => {
  const { to, leave, callsSince } = await killed(12_345);
  await leave({ name: "f".repeat(64) });
  await upload(to, { path });
  expect(callsSince().map(({ method }) => method)).toEqual(["POST", "PATCH", "PUT"]);
});

test("two uploads of one process do not take up the same session", async () => {
  const { to, callsSince } = await killed(12_345);
  await Promise.all([upload(to, { path }), upload(to, { path })]);
  expect(callsSince().filter(({ method }) => method === "GET")).toHaveLength(1);
  expect(callsSince().filter(({ method }) => method === "POST")).toHaveLength(1);
  expect(await readdir(journal)).toEqual([]);
});
