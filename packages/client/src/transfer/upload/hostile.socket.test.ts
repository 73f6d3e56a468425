import { getEventListeners } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { digestOf } from "@acrkit/oci";
import type { PipelinePolicy } from "@azure/core-rest-pipeline";
import { expect, onTestFinished, test } from "vitest";
import { patterned } from "../../testing/content.ts";
import { clientAt, serve, until } from "../../testing/raw-server.ts";
import { failOnUnhandled } from "../../testing/unhandled.ts";

failOnUnhandled();
const MEBIBYTE = 1024 * 1024;
const large = patterned(12 * MEBIBYTE);
const LOCATION = "/v2/app/blobs/uploads/uuid";

async function file(bytes: Uint8Array) {
  const folder = await mkdtemp(join(tmpdir(), "acrkit-hostile-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "content"), bytes);
  return { path: join(folder, "content") };
}

function accept(response: ServerResponse): void {
  response.writeHead(202, { location: LOCATION, "content-length": "0" }).end();
}

/** As a registry does that takes everything, and knows nothing of what broke off. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  request.on("end", () => {
    if (request.method === "POST" || request.method === "PATCH") accept(response);
    else response.writeHead(request.method === "PUT" ? 201 : 404, { "content-length": "0" }).end();
  });
  request.resume();
}

test.each(["a file", "chunks"])("a policy that keeps what it sees of %s finds it as it was", async (kind) => {
  const server = await serve((request, response) => {
    // Slowly, so that pieces wait.
    request.on("data", () => {
      request.pause();
      setTimeout(() => request.resume(), 1);
    });
    answer(request, response);
  });
  const kept: Uint8Array[] = [];
  const listen = (body: unknown) => (body as Readable).on("data", (piece: Uint8Array) => kept.push(piece));
  const keeping: PipelinePolicy = {
    name: "keeping",
    sendRequest(request, next) {
      const { body } = request;
      if (typeof body === "function") request.body = () => listen(body()) as Readable;
      else if (body instanceof Readable) listen(body);
      return next(request);
    },
  };
  const client = clientAt(server, { additionalPolicies: [{ policy: keeping, position: "perCall" }] });
  const content =
    kind === "a file"
      ? await file(large)
      : async function* () {
          for (let at = 0; at < large.byteLength; at += 100_000) yield large.subarray(at, at + 100_000);
        };
  await client.uploadBlob("app", content, kind === "a file" ? {} : { chunkSizeInBytes: 2 * MEBIBYTE });
  expect(digestOf(Buffer.concat(kept))).toBe(digestOf(large));
});

test("a body that is answered before it has gone out keeps no connection", async () => {
  let early: IncomingMessage | undefined;
  const server = await serve((request, response) => {
    if (request.method === "PATCH") {
      early = request;
      return void request.once("data", () => {
        request.pause();
        accept(response);
      });
    }
    answer(request, response);
  });
  // In one piece, so that all of it has been taken by then.
  await clientAt(server).uploadBlob("app", () => Readable.from([large]));
  // Whoever does not read does not notice.
  early?.resume();
  await until(() => early?.socket.destroyed === true);
});

test("nothing stays on a signal that lives on", async () => {
  const { signal } = new AbortController();
  let patches = 0;
  const server = await serve((request, response) => {
    if (request.method === "PATCH" && ++patches === 1) return void request.once("data", () => request.socket.destroy());
    answer(request, response);
  });
  const client = clientAt(server);
  for (const content of [await file(large), await file(large.subarray(0, 100)), large, () => Readable.from([large])]) {
    for (const options of [{}, { chunkSizeInBytes: 1_000_000 }, { timeoutInMs: 100_000 }]) {
      await client.uploadBlob("app", content, { ...options, abortSignal: signal, onProgress() {} });
      expect(getEventListeners(signal, "abort").length).toBe(0);
    }
  }
});
