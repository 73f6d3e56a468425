import { readdir } from "node:fs/promises";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { digestOf } from "@acrkit/oci";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ConnectionCut, type Emulator, type Interceptor, startEmulator } from "./index.ts";

/** Larger than all that sockets and streams hold between them. */
const content = Buffer.alloc(12_000_000, "acrkit");
const digest = digestOf(content);

type Answer = Awaited<ReturnType<Parameters<Interceptor>[1]>>;

describe("an answer that an interceptor does not send", () => {
  let emulator: Emulator;
  let opened: Readable[] = [];
  beforeAll(async () => {
    emulator = await startEmulator({ tls: false });
    await emulator.store.blobs.put("app", content);
  });
  afterEach(async () => {
    await emulator.reset();
    await emulator.store.blobs.put("app", content);
  });
  afterAll(() => emulator.close());

  const download = async (signal: AbortSignal | null = null) => {
    const authorization = `Basic ${btoa(`${emulator.admin?.username}:${emulator.admin?.password}`)}`;
    const url = new URL(`/v2/app/blobs/${digest}`, emulator.endpoint);
    return fetch(url, { headers: { authorization }, signal });
  };
  const intercept = (change: (answer: Answer) => Answer | Promise<Answer>) => {
    opened = [];
    emulator.intercept(async (request, next) => {
      const answer = await next(request);
      if (request.origin !== "storage") return answer;
      opened.push(answer.body as Readable);
      return change(answer);
    });
  };
  const around = (answer: Answer): Answer => ({
    ...answer,
    body: (async function* () {
      for await (const part of answer.body as Readable) yield part as Uint8Array;
    })(),
  });
  const expectClosed = async () => {
    await expect.poll(() => opened.map(({ closed }) => closed)).toEqual([true]);
  };

  it.for<[string, (answer: Answer) => Answer]>([
    [
      "but throws",
      () => {
        throw new ConnectionCut();
      },
    ],
    ["but another", () => ({ status: 503, headers: [["Content-Length", "0"]] })],
    ["but a body of its own", (answer) => ({ ...answer, body: content })],
    ["for a head that Node refuses", (answer) => ({ ...around(answer), headers: [["Content-Length", "1\r\n"]] })],
  ])("is closed: %s", async ([, change]) => {
    intercept(change);
    await download()
      .then((answer) => answer.arrayBuffer())
      .catch(() => {});
    await expectClosed();
  });

  it("is closed when it is ready after the request is over", async () => {
    opened = [];
    emulator.intercept(async (request, next) => {
      if (request.origin !== "storage") return next(request);
      setTimeout(async () => opened.push((await next(request)).body as Readable), 20);
      return { status: 503, headers: [["Content-Length", "0"]] };
    });
    expect((await download()).status).toBe(503);
    await expectClosed();
  });

  it("is closed when something around it is left half read", async () => {
    intercept(around);
    const leaving = new AbortController();
    const answer = await download(leaving.signal);
    await answer.body?.getReader().read();
    leaving.abort();
    await expectClosed();
  });

  it("is sent whole, and closed, when something is around it", async () => {
    intercept(around);
    expect(digestOf(Buffer.from(await (await download()).arrayBuffer()))).toBe(digest);
    await expectClosed();
  });

  it.runIf(process.platform === "linux")("keeps no file open", async () => {
    intercept(() => {
      throw new ConnectionCut();
    });
    const count = async () => (await readdir("/proc/self/fd")).length;
    await download().catch(() => {});
    const before = await count();
    for (let index = 0; index < 50; index++) await download().catch(() => {});
    await sleep(50);
    expect((await count()) - before).toBeLessThan(25);
  });
});
