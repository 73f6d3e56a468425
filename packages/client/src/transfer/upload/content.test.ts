import { createReadStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { collectBytes, InvalidInputError } from "@acrkit/oci";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { failureOf } from "../../testing/client.ts";
import { failOnUnhandled } from "../../testing/unhandled.ts";
import { type BlobContent, toOpenable } from "./content.ts";

failOnUnhandled();

const TEXT = "héllo wörld";
const BYTES = new TextEncoder().encode(TEXT);

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "acrkit-content-"));
  path = join(folder, "content");
  await writeFile(path, BYTES);
});
afterAll(() => rm(folder, { recursive: true }));

async function* generate(): AsyncGenerator<Uint8Array | string> {
  yield "héllo";
  yield new TextEncoder().encode(" wörld");
}

const read = async (content: BlobContent) => {
  const openable = await toOpenable(content);
  return new TextDecoder().decode(await collectBytes(await openable.open(0), 1_000, "content"));
};

const REOPENABLE: [string, () => BlobContent, number | undefined][] = [
  ["bytes", () => BYTES, BYTES.byteLength],
  ["a view of a part of a buffer", () => Buffer.concat([Buffer.from("x"), BYTES]).subarray(1), BYTES.byteLength],
  ["an ArrayBuffer", () => BYTES.buffer.slice(0) as ArrayBuffer, BYTES.byteLength],
  ["a text", () => TEXT, BYTES.byteLength],
  ["a Blob", () => new Blob(["héllo", " wörld"]), BYTES.byteLength],
  ["a File", () => new File([BYTES], "name"), BYTES.byteLength],
  ["a path", () => ({ path }), BYTES.byteLength],
  ["a function that opens a web stream", () => () => new Blob([BYTES]).stream(), undefined],
  ["a function that opens a Node stream", () => () => createReadStream(path), undefined],
  ["a function that opens a Node stream later", () => async () => createReadStream(path), undefined],
  ["a generator function", () => generate, undefined],
];

test.each(REOPENABLE)("%s can be read again and again", async (_, make, sizeInBytes) => {
  const openable = await toOpenable(make());
  expect(openable).toMatchObject({ reopenable: true, sizeInBytes });
  for (let times = 0; times < 2; times++) {
    const bytes = await collectBytes(await openable.open(0), 1_000, "content");
    expect(new TextDecoder().decode(bytes)).toBe(TEXT);
  }
});

const ONE_SHOT: [string, () => BlobContent][] = [
  ["a web stream of bytes", () => new Blob([BYTES]).stream()],
  ["a web stream of text", () => ReadableStream.from(["héllo", " wörld"]) as ReadableStream<string>],
  ["a Node stream", () => createReadStream(path)],
  ["a Node stream of text", () => Readable.from(["héllo", " wörld"])],
  ["a Node stream that decodes", () => createReadStream(path, { encoding: "utf8", highWaterMark: 1 })],
  ["a generator", () => generate()],
];

test.each(ONE_SHOT)("%s can be read once", async (_, make) => {
  expect(await toOpenable(make())).toMatchObject({ reopenable: false, sizeInBytes: undefined });
  expect(await read(make())).toBe(TEXT);
});

test.each([
  ["bytes", new Uint8Array()],
  ["a text", ""],
  ["a Blob", new Blob([])],
  ["a stream", Readable.from([])],
  ["a generator", (async function* () {})()],
] as [string, BlobContent][])("%s may be empty", async (_, content) => {
  expect(await read(content)).toBe("");
});

test("a large buffer comes in slices", async () => {
  const bytes = new Uint8Array(2.5 * 1024 * 1024);
  const openable = await toOpenable(bytes);
  const sizes: number[] = [];
  for await (const part of await openable.open(0)) sizes.push(part.byteLength);
  expect(sizes).toEqual([1024 * 1024, 1024 * 1024, 512 * 1024]);
});

describe("what is no body is refused by name", () => {
  test.each([
    [undefined, "undefined"],
    [null, "null"],
    [5, "number"],
    [true, "boolean"],
    [{}, "Object"],
    [{ path: 5 }, "Object"],
    [[1, 2], "Array"],
    [["a"], "Array"],
    [new Date(0), "Date"],
    [new URL("file:///a"), "URL"],
    [new DataView(new ArrayBuffer(1)), "DataView"],
    [new Uint16Array(1), "Uint16Array"],
    [new Map(), "Map"],
    [Promise.resolve("x"), "Promise"],
    [Object.create(null), "object"],
  ])("%o", async (value, name) => {
    const error = await failureOf(toOpenable(value as never), InvalidInputError);
    expect(error.what).toBe("content");
    expect(error.message).toContain(name);
  });

  test.each([undefined, "text", new Uint8Array(1), {}])("a function that gives %o", async (value) => {
    const openable = await toOpenable((() => value) as never);
    await failureOf(async () => openable.open(0), InvalidInputError);
  });

  test.each([5, null, {}, new Uint16Array(1)])("a stream that yields %o", async (value) => {
    const content = (async function* () {
      yield value as never;
    })();
    await failureOf(read(content), InvalidInputError);
  });
});

describe("a stream that somebody else has read is refused", () => {
  test("a web stream that is locked", async () => {
    const stream = new Blob(["x"]).stream();
    stream.getReader();
    expect((await failureOf(toOpenable(stream), InvalidInputError)).message).toContain("locked");
  });

  test("a web stream that was read to its end", async () => {
    const stream = new Blob(["x"]).stream();
    for await (const _ of stream);
    await failureOf(toOpenable(stream), InvalidInputError);
  });

  test("a web stream that was read in part", async () => {
    const stream = ReadableStream.from([BYTES, BYTES]);
    const reader = stream.getReader();
    await reader.read();
    reader.releaseLock();
    await failureOf(toOpenable(stream), InvalidInputError);
  });

  test("a web stream that was cancelled", async () => {
    const stream = new Blob(["x"]).stream();
    await stream.cancel();
    await failureOf(toOpenable(stream), InvalidInputError);
  });

  test("a Node stream that has ended", async () => {
    const stream = Readable.from([BYTES]);
    for await (const _ of stream);
    await failureOf(toOpenable(stream), InvalidInputError);
  });

  test("a Node stream that was destroyed", async () => {
    const stream = Readable.from([BYTES]);
    stream.destroy();
    await failureOf(toOpenable(stream), InvalidInputError);
  });

  test("a function that opens the same stream twice", async () => {
    const stream = Readable.from([BYTES]);
    const openable = await toOpenable(() => stream);
    await collectBytes(await openable.open(0), 1_000, "content");
    await failureOf(async () => openable.open(0), InvalidInputError);
  });
});

test("a file that is not there fails with the system's error", async () => {
  await expect(toOpenable({ path: join(folder, "missing") })).rejects.toMatchObject({ code: "ENOENT" });
});

test("a folder is no file", async () => {
  expect((await failureOf(toOpenable({ path: folder }), InvalidInputError)).message).toContain("not a file");
});
