import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { DigestMismatchError, digestOf, InvalidInputError } from "@acrkit/oci";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { ContentWriteError, RegistryError, TransferTimeoutError, TransportError } from "../../errors/registry-error.ts";
import { abortOf, failureOf } from "../../testing/client.ts";
import { patterned } from "../../testing/content.ts";
import { clientAt, type RawServer, serve, until } from "../../testing/raw-server.ts";
import { failOnUnhandled } from "../../testing/unhandled.ts";
import type { TransferProgress } from "../progress.ts";

failOnUnhandled();

const MEBIBYTE = 1024 * 1024;
const SEGMENT = 8 * MEBIBYTE;
/** Five segments, the last one small. */
const BYTES = patterned(4 * SEGMENT + 1_234_567);
const SIZE = BYTES.byteLength;
const DIGEST = digestOf(BYTES);

let folder: string;
let target: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "acrkit-to-file-"));
  target = join(folder, "target");
});
afterEach(() => rm(folder, { recursive: true }));

/** The bytes that a request asks for; undefined for all of them. */
function rangeOf(request: IncomingMessage): { from: number; end: number } | undefined {
  const found = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  if (found === null) return undefined;
  return { from: Number(found[1]), end: found[2] === "" ? SIZE : Number(found[2]) + 1 };
}

/** Announces what was asked for, and gives it. */
function announce(request: IncomingMessage, response: ServerResponse, bytes = BYTES): Uint8Array {
  const range = rangeOf(request);
  const { from, end } = range ?? { from: 0, end: SIZE };
  response.writeHead(range === undefined ? 200 : 206, {
    "content-length": String(end - from),
    etag: '"1"',
    ...(range === undefined ? {} : { "content-range": `bytes ${from}-${end - 1}/${SIZE}` }),
  });
  return bytes.subarray(from, end);
}

interface RangeServer extends RawServer {
  /** The ranges that were asked for, in order, the whole blob being none. */
  readonly ranges: string[];
}

type Misbehave = (request: IncomingMessage, response: ServerResponse, index: number) => boolean;

/** A registry that knows ranges; what `misbehave` says to have answered is not answered again. */
async function serveRanges(misbehave: Misbehave = () => false): Promise<RangeServer> {
  const ranges: string[] = [];
  const server = await serve((request, response, index) => {
    if (request.headers.range !== undefined) ranges.push(request.headers.range);
    if (misbehave(request, response, index)) return;
    response.end(announce(request, response));
  });
  return { ...server, ranges };
}

const download = (server: RawServer, options = {}) => clientAt(server).downloadBlob("app", DIGEST, options);
const expectWhole = async () => {
  expect((await readFile(target)).equals(BYTES)).toBe(true);
  expect(await readdir(folder)).toEqual(["target"]);
};
/** Waits until the first segment, and nothing else, is in the file: the first answer goes no further then. */
const firstSegment = async () => {
  const log = async () => {
    const name = (await readdir(folder)).find((file) => file.endsWith(".log"));
    return name === undefined ? "" : readFile(join(folder, name), "utf8");
  };
  while (!(await log()).endsWith("}\n0\n")) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise(setImmediate);
};
const expectNothing = async (server: RawServer) => {
  expect(await readdir(folder)).toEqual([]);
  await until(() => server.sockets.size === 0);
};

describe("a large blob", () => {
  test("comes in ranges, of which none is asked for twice", async () => {
    const server = await serveRanges();
    await (await download(server)).toFile(target);
    await expectWhole();
    const ranges = server.ranges.map((range) => Number(/\d+/.exec(range)));
    expect(ranges).toEqual([...new Set(ranges)]);
    expect(ranges.every((from) => from % SEGMENT === 0 && from > 0)).toBe(true);
    expect(ranges.length).toBeGreaterThanOrEqual(3);
  });

  test("comes in one stream when it is asked for that", async () => {
    const server = await serveRanges();
    await (await download(server)).toFile(target, { parallel: 1 });
    await expectWhole();
    expect(server.lines).toHaveLength(1);
  });

  test.each([0, 65, 1.5, Number.NaN, "4"])("is not fetched in %j ranges", async (parallel) => {
    const server = await serveRanges();
    const started = await download(server);
    await failureOf(started.toFile(target, { parallel: parallel as number }), InvalidInputError);
    await expectNothing(server);
  });

  test("gives back the memory of each piece that the connection has read", async () => {
    const server = await serveRanges();
    const freed = vi.spyOn(ArrayBuffer.prototype, "transfer");
    onTestFinished(() => freed.mockRestore());
    await (await download(server)).toFile(target);
    await expectWhole();
    // Of at the most 64 KiB each.
    expect(freed.mock.calls.length).toBeGreaterThan(SIZE / 65_536 / 2);
  });

  test("tells of its progress in sum, and once that it is there", async () => {
    const events: TransferProgress[] = [];
    const server = await serveRanges();
    await (await download(server, { onProgress: (event: TransferProgress) => events.push(event) })).toFile(target);
    const loaded = events.map(({ loadedBytes }) => loadedBytes);
    expect(loaded).toEqual([...loaded].sort((a, b) => a - b));
    expect(events[0]).toEqual({ kind: "started", loadedBytes: 0, totalBytes: SIZE });
    expect(events.slice(1, -1).every(({ kind }) => kind === "progress")).toBe(true);
    expect(events.at(-1)).toEqual({ kind: "verified", loadedBytes: SIZE, totalBytes: SIZE });
  });
});

describe("a server that does not honour ranges", () => {
  test.each<[string, Misbehave]>([
    [
      "sends everything",
      (request, response) => {
        if (request.headers.range === undefined) return false;
        response.writeHead(200, { "content-length": String(SIZE) }).end(BYTES);
        return true;
      },
    ],
    [
      "answers 416",
      (request, response) => {
        if (request.headers.range === undefined) return false;
        response.writeHead(416).end();
        return true;
      },
    ],
    [
      "sends another range",
      (request, response) => {
        if (request.headers.range === undefined) return false;
        response.writeHead(206, { "content-length": "10", "content-range": `bytes 0-9/${SIZE}` });
        response.end(BYTES.subarray(0, 10));
        return true;
      },
    ],
    [
      "has something else there",
      (request, response) => {
        const range = rangeOf(request);
        if (range === undefined) return false;
        const { from, end } = range;
        const headers = { "content-length": end - from, "content-range": `bytes ${from}-${end - 1}/${SIZE}` };
        response.writeHead(206, { ...headers, etag: '"2"' }).end(new Uint8Array(end - from));
        return true;
      },
    ],
  ])("but %s is read in one stream, which is the first", async (_, misbehave) => {
    const server = await serveRanges(misbehave);
    await (await download(server)).toFile(target);
    await expectWhole();
    // All that were sent before the first was answered.
    expect(server.ranges.length).toBeLessThanOrEqual(3);
    expect(server.lines.length - server.ranges.length).toBe(1);
  });

  test.each([200, 416])("but answers %i only once the first answer waits is read in one stream", async (status) => {
    const server = await serveRanges((request, response) => {
      const range = rangeOf(request);
      if (range === undefined) return false;
      const refuse = () =>
        status === 200
          ? response.writeHead(status, { "content-length": String(SIZE) }).end(BYTES)
          : response.writeHead(status).end();
      // First of all the range that the first answer waits for.
      void firstSegment().then(() => (range.from === SEGMENT ? refuse() : setTimeout(refuse, 100)));
      return true;
    });
    await (await download(server)).toFile(target);
    await expectWhole();
  });

  test.each<[string, Misbehave]>([
    [
      "has no second connection for it",
      (request) => {
        if (request.headers.range === undefined) return false;
        request.socket.destroy();
        return true;
      },
    ],
    [
      "finds it too much",
      (request, response) => {
        if (request.headers.range === undefined) return false;
        response.writeHead(503).end();
        return true;
      },
    ],
  ])("but %s is read in one stream, once it was asked again", async (_, misbehave) => {
    const server = await serveRanges(misbehave);
    await (await download(server)).toFile(target);
    await expectWhole();
    expect(server.lines.length - server.ranges.length).toBe(1);
  });

  test("any more, after it has, and then breaks the last range that it gave, ends in an error", async () => {
    const first = Promise.withResolvers<ServerResponse>();
    const broken = Promise.withResolvers<ServerResponse>();
    const server = await serveRanges((request, response) => {
      const range = rangeOf(request);
      if (range === undefined) {
        // Goes on once it is alone.
        response.write(announce(request, response).subarray(0, 1_000));
        first.resolve(response);
      } else if (range.from === SEGMENT) {
        response.write(announce(request, response).subarray(0, 1_000));
        broken.resolve(response);
      } else if (range.from > SEGMENT && range.from < 2 * SEGMENT) response.writeHead(403).end();
      else {
        // Once both are on their way, and the range has shown that there are ranges.
        void Promise.all([first.promise, broken.promise]).then(() =>
          setTimeout(
            () => response.writeHead(200, { "content-length": String(SIZE) }).write(BYTES.subarray(0, 1_000)),
            50,
          ),
        );
      }
      return true;
    });
    const saving = failureOf(
      download(server).then((started) => started.toFile(target)),
      RegistryError,
    );
    const response = await first.promise;
    // The ranges that were ignored have been closed by then.
    await until(() => server.ranges.length >= 3);
    await new Promise((resolve) => setTimeout(resolve, 200));
    response.write(BYTES.subarray(1_000, SEGMENT + 1_000));
    // The first answer stands before what the range has, and waits for it.
    await firstSegment();
    (await broken.promise).destroy();
    await saving;
    expect(await readdir(folder)).toEqual([]);
  });

  test("any more, after it has, is read in one stream as well", async () => {
    let ranges = 0;
    const server = await serveRanges((request, response) => {
      if (request.headers.range === undefined || ++ranges < 4) return false;
      response.writeHead(200, { "content-length": String(SIZE) }).end(BYTES);
      return true;
    });
    await (await download(server)).toFile(target);
    await expectWhole();
  });
});

describe("ranges that go wrong", () => {
  test("by a drop are resumed where they broke off", async () => {
    const dropped = new Set<number>();
    const server = await serveRanges((request, response) => {
      const { from } = rangeOf(request) ?? { from: 0 };
      if (from % SEGMENT !== 0 || dropped.has(from)) return false;
      dropped.add(from);
      // The first answer as well, in the middle of its second segment, should it come that far.
      const part = announce(request, response).subarray(0, from === 0 ? SEGMENT / 2 : 1_000_000);
      response.write(part, () => setImmediate(() => response.destroy()));
      return true;
    });
    const events: TransferProgress[] = [];
    await (await download(server, { onProgress: (event: TransferProgress) => events.push(event) })).toFile(target);
    await expectWhole();
    expect(events.filter(({ kind }) => kind === "retrying")).toHaveLength(dropped.size);
    const resumed = server.ranges.map((range) => Number(/\d+/.exec(range))).filter((from) => from % SEGMENT !== 0);
    expect(resumed).toHaveLength(dropped.size);
    // Where they broke off, and not where they began.
    for (const from of resumed) expect(from % SEGMENT).toBeGreaterThan(SEGMENT / 100);
  });

  test("by a bit are refused, and leave nothing", async () => {
    const corrupt = BYTES.slice();
    corrupt[3 * SEGMENT + 5] = (corrupt[3 * SEGMENT + 5] ?? 0) ^ 1;
    const server = await serveRanges((request, response) => {
      response.end(announce(request, response, corrupt));
      return true;
    });
    const error = await failureOf((await download(server)).toFile(target), DigestMismatchError);
    expect(error.expected).toBe(DIGEST);
    expect(await readdir(folder)).toEqual([]);
  });

  test("for good end the download, and every connection of it", async () => {
    const server = await serveRanges((request, response) => {
      const { from } = rangeOf(request) ?? { from: 0 };
      if (from < SEGMENT * 3) return false;
      response.writeHead(500).end();
      return true;
    });
    await failureOf((await download(server)).toFile(target), RegistryError);
    expect(await readdir(folder)).toEqual([]);
  });

  test("for good by drops end the download", async () => {
    const server = await serveRanges((request, response) => {
      if (request.headers.range === undefined) {
        response.write(announce(request, response).subarray(0, 100_000));
        return true;
      }
      announce(request, response);
      response.flushHeaders();
      setImmediate(() => response.destroy());
      return true;
    });
    await failureOf((await download(server)).toFile(target), TransportError);
    await expectNothing(server);
  });
});

describe("an end before the end", () => {
  /** Sends of everything a part, and then nothing more. */
  const hanging = () =>
    serveRanges((request, response) => {
      response.write(announce(request, response).subarray(0, 2 * MEBIBYTE));
      return true;
    });

  test.each([0, 1, 4, 9, 16])("by an abort after %i events leaves no connection, and no file", async (count) => {
    const controller = new AbortController();
    const server = await hanging();
    let events = 0;
    const onProgress = () => {
      if (events++ === count) controller.abort();
    };
    const started = await download(server, { abortSignal: controller.signal, onProgress });
    await abortOf(started.toFile(target));
    await expectNothing(server);
  });

  test("by its time being over says so, and leaves nothing", async () => {
    const server = await hanging();
    const started = await download(server, { timeoutInMs: 300 });
    const error = await failureOf(started.toFile(target), TransferTimeoutError);
    expect(error.message).toContain("300 ms");
    await expectNothing(server);
  });

  test("by what the caller's function throws is that, and leaves nothing", async () => {
    const own = new Error("the caller's own");
    const server = await hanging();
    const onProgress = ({ kind }: TransferProgress) => {
      if (kind === "progress") throw own;
    };
    const started = await download(server, { onProgress });
    expect(await failureOf(started.toFile(target), Error)).toBe(own);
    await expectNothing(server);
  });
});

describe("what a crash has left", () => {
  const partPath = () => `${target}.${createHash("sha256").update(DIGEST).digest("hex").slice(0, 12)}.part`;
  const leave = async (part: Uint8Array, finished: readonly number[]) => {
    const header = {
      acrkitPartFile: 1,
      key: DIGEST,
      sizeInBytes: SIZE,
      segmentBytes: SEGMENT,
      pid: spawnSync(process.execPath, ["--version"]).pid,
      host: hostname(),
      bornAt: 1,
    };
    await writeFile(partPath(), part);
    await writeFile(`${partPath()}.log`, [JSON.stringify(header), ...finished, ""].join("\n"));
  };

  test.each([{ parallel: 4 }, { parallel: 1 }])("is not fetched again (%j)", async (options) => {
    await leave(BYTES, [0, 2, 3]);
    const events: TransferProgress[] = [];
    const server = await serveRanges();
    const started = await download(server, { onProgress: (event: TransferProgress) => events.push(event) });
    await started.toFile(target, options);
    await expectWhole();
    expect(server.ranges.map((range) => Number(/\d+/.exec(range)) / SEGMENT).sort()).toEqual([1, 4]);
    expect(events[1]).toMatchObject({ kind: "progress", loadedBytes: 3 * SEGMENT });
  });

  test("and is all of it needs no range", async () => {
    await leave(BYTES, [0, 1, 2, 3, 4]);
    const server = await serveRanges();
    await (await download(server)).toFile(target);
    await expectWhole();
    expect(server.ranges).toEqual([]);
  });

  test("is passed over in the one stream of a server without ranges", async () => {
    await leave(BYTES, [0, 3]);
    const server = await serveRanges((_, response) => {
      response.writeHead(200, { "content-length": String(SIZE) }).end(BYTES);
      return true;
    });
    await (await download(server)).toFile(target);
    await expectWhole();
  });

  test("and is not what its log says is fetched afresh, once", async () => {
    const corrupt = BYTES.slice();
    corrupt[7] = (corrupt[7] ?? 0) ^ 1;
    await leave(corrupt, [0, 1]);
    const events: TransferProgress[] = [];
    const server = await serveRanges();
    const started = await download(server, { onProgress: (event: TransferProgress) => events.push(event) });
    await started.toFile(target);
    await expectWhole();
    expect(events.filter(({ kind }) => kind === "retrying")).toEqual([
      { kind: "retrying", loadedBytes: 0, totalBytes: SIZE },
    ]);
  });

  test("and is not what its log says, nor what the server sends, is told", async () => {
    const corrupt = BYTES.slice();
    corrupt[7] = (corrupt[7] ?? 0) ^ 1;
    await leave(corrupt, [0, 1]);
    const server = await serveRanges((request, response) => {
      response.end(announce(request, response, corrupt));
      return true;
    });
    await failureOf((await download(server)).toFile(target), DigestMismatchError);
    expect(await readdir(folder)).toEqual([]);
  });

  test("is gone after an error", async () => {
    await leave(BYTES, [0]);
    const server = await serveRanges((request, response) => {
      if (request.headers.range === undefined) return false;
      response.writeHead(403).end();
      return true;
    });
    await failureOf((await download(server)).toFile(target), RegistryError);
    expect(await readdir(folder)).toEqual([]);
  });

  test("a process that is killed leaves what the next one takes up", async () => {
    // Each range hangs after its first half until the process that asks for it is gone; the first answer ends.
    let isCalm = false;
    const finished = Promise.withResolvers<void>();
    const server = await serveRanges((request, response) => {
      const range = rangeOf(request);
      if (isCalm || range === undefined || range.from < 3 * SEGMENT) return false;
      const bytes = announce(request, response);
      response.write(bytes.subarray(0, bytes.byteLength / 2), () => finished.resolve());
      return true;
    });
    const child = spawnDownload(server.origin, target);
    await finished.promise;
    const log = `${partPath()}.log`;
    // The three segments before those that hang.
    while ((await readFile(log, "utf8").catch(() => "")).split("\n").length < 5) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
    expect((await readdir(folder)).every((name) => name.includes(".part"))).toBe(true);

    isCalm = true;
    server.ranges.length = 0;
    await (await download(server)).toFile(target);
    await expectWhole();
    expect(server.ranges.map((range) => Number(/\d+/.exec(range)) / SEGMENT).sort()).toEqual([3, 4]);
  }, 30_000);
});

/** The same download in a process of its own. */
function spawnDownload(origin: string, path: string): ChildProcess {
  const client = new URL("../../index.ts", import.meta.url);
  const source = `
    import { ContainerRegistryClient } from ${JSON.stringify(client.href)};
    const client = new ContainerRegistryClient(${JSON.stringify(origin)});
    await (await client.downloadBlob("app", "${DIGEST}")).toFile(${JSON.stringify(path)});`;
  const args = ["--conditions=@acrkit/source", "--input-type=module", "-e", source];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

describe("a disk that is full", () => {
  const mount = join(tmpdir(), `acrkit-small-disk-${process.pid}`);
  let isMounted = false;
  beforeAll(() => {
    spawnSync("mkdir", ["-p", mount]);
    const command = ["-t", "tmpfs", "-o", "size=40m", "tmpfs", mount];
    isMounted = process.platform === "linux" && spawnSync("mount", command).status === 0;
    if (!isMounted) console.log("SKIPPED: downloads to a full disk: mounting a small one is not permitted here");
  });
  afterAll(() => {
    if (isMounted) spawnSync("umount", [mount]);
    spawnSync("rmdir", [mount]);
  });
  beforeEach(({ skip }) => skip(!isMounted, "mounting a small disk is not permitted here"));
  const fill = async (sizeInBytes: number) => {
    const file = await open(join(mount, "other"), "w");
    await file.write(new Uint8Array(sizeInBytes));
    await file.close();
  };
  afterEach(() => rm(join(mount, "other"), { force: true }));

  test("beforehand is told before anything is downloaded", async () => {
    await fill(20 * MEBIBYTE);
    const server = await serveRanges();
    const error = await failureOf((await download(server)).toFile(join(mount, "target")), ContentWriteError);
    expect(error).toMatchObject({ code: "CONTENT_WRITE_FAILED", cause: { code: "ENOSPC" } });
    expect(error.message).toContain(`after 0 of ${SIZE} bytes`);
    expect(await readdir(mount)).toEqual(["other"]);
    expect(server.ranges).toEqual([]);
  });

  test.each([1, 4])("in the middle ends it, and leaves no part of it (%i ranges)", async (parallel) => {
    const server = await serveRanges();
    let filling: Promise<void> | undefined;
    const started = await download(server, {
      // Somebody else takes what is left.
      onProgress: ({ kind }: TransferProgress) => {
        if (kind === "progress") filling ??= fill(30 * MEBIBYTE);
      },
    });
    const error = await failureOf(started.toFile(join(mount, "target"), { parallel }), ContentWriteError);
    await filling?.catch(() => {});
    expect(error.cause).toMatchObject({ code: "ENOSPC" });
    expect(error.message).toMatch(new RegExp(`cannot write ${mount}/target after \\d+ of ${SIZE} bytes: ENOSPC`));
    expect(error.message).toContain("Nothing was put under that name. Make room on the disk");
    expect(await readdir(mount)).toEqual(["other"]);
  });
});
