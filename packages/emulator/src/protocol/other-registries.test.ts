import { digestOf } from "@acrkit/oci";
import { describe, expect, it } from "vitest";
import { type ReceivedAnswer, type TestRegistry, testRegistry } from "../testing/in-process.ts";

const scope = "repository:team/app:pull,push";
const PATH = "/v2/team/app/blobs/uploads/";
const of = (text: string) => digestOf(Buffer.from(text));
const next = (answer: ReceivedAnswer) => answer.header("location") ?? "";
const refusal = ({ status, json }: ReceivedAnswer) => [status, json.errors[0].code];

function uploadsAt(registry: TestRegistry) {
  return {
    start: async () => next(await registry.send("POST", PATH, { scope })),
    ask: (target: string) => registry.send("GET", target, { scope }),
    patch: (target: string, body: string | AsyncIterable<Uint8Array>, headers: Record<string, string> = {}) =>
      registry.send("PATCH", target, { scope, body, headers }),
    /** With its length announced. */
    chunk: (target: string, body: string, headers: Record<string, string> = {}) =>
      registry.send("PATCH", target, { scope, body, headers: { "content-length": String(body.length), ...headers } }),
    finish: (target: string, digest: string, body: string | AsyncIterable<Uint8Array> = "") =>
      registry.send("PUT", `${target}&digest=${digest}`, {
        scope,
        body,
        headers: body === "" ? { "content-length": "0" } : {},
      }),
  };
}

async function* breakingOff(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
  throw new Error("the connection is gone");
}

describe("with resumableUploads", () => {
  it.for(["PATCH", "PUT"])(
    "an upload whose %s broke off tells what has arrived, and goes on from there",
    async (way) => {
      await using registry = await testRegistry({ resumableUploads: true });
      const { start, ask, patch, chunk, finish } = uploadsAt(registry);
      const location = await start();
      if (way === "PATCH") await patch(location, breakingOff("hello "));
      else await finish(location, of("hello world"), breakingOff("hello "));
      // By the Location from before the break.
      const status = await ask(location);
      expect([status.status, status.header("range"), status.text]).toEqual([204, "0-5", ""]);
      expect(next(status)).not.toBe(location);
      const rest = await chunk(next(status), "world", { "content-range": "6-10" });
      expect([rest.status, rest.header("range")]).toEqual([202, "0-10"]);
      expect((await finish(next(rest), of("hello world"))).status).toBe(201);
      expect((await ask(location)).status).toBe(404);
    },
  );

  it("a chunk that begins elsewhere is 416, one that does not say where is appended", async () => {
    await using registry = await testRegistry({ resumableUploads: true });
    const { start, ask, patch, chunk, finish } = uploadsAt(registry);
    const location = await start();
    await patch(location, "hello");
    for (const range of ["0-4", "4-8", "6-10"]) {
      expect(refusal(await chunk(location, "again", { "content-range": range }))).toEqual([416, "RANGE_INVALID"]);
    }
    expect((await ask(location)).header("range")).toBe("0-4");
    await patch(location, "hello");
    expect((await finish(location, of("hellohello"))).status).toBe(201);
  });

  it("an upload that another request still writes to tells what is kept so far, and takes nothing", async () => {
    await using registry = await testRegistry({ resumableUploads: true });
    const { start, ask, patch } = uploadsAt(registry);
    const location = await start();
    let writing: Promise<ReceivedAnswer> | undefined;
    const during = await new Promise<ReceivedAnswer[]>((resolve, reject) => {
      async function* slow() {
        yield Buffer.from("slow");
        resolve([await ask(location), await patch(location, "fast")]);
      }
      writing = patch(location, slow());
      writing.catch(reject);
    });
    expect(during.map(({ status }) => status)).toEqual([204, 404]);
    expect((await writing)?.header("range")).toBe("0-3");
  });

  it("a state that this registry has not signed is refused as ever", async () => {
    await using registry = await testRegistry({ resumableUploads: true });
    const { start, ask } = uploadsAt(registry);
    const location = await start();
    expect((await ask(location.replace("team/app", "team/other"))).status).not.toBe(204);
    expect(refusal(await ask(location.replace(/_state=.*/, "_state=AAAA")))).toEqual([404, "BLOB_UPLOAD_INVALID"]);
  });
});

describe("with maxPatchBytes", () => {
  it("a larger chunk is refused at once where it says its length, and nothing of it is kept", async () => {
    await using registry = await testRegistry({ maxPatchBytes: 10 });
    const { start, chunk, ask, finish } = uploadsAt(registry);
    const location = await start();
    const unread = (async function* (): AsyncGenerator<Uint8Array> {
      yield await Promise.reject(new Error("the body was read"));
    })();
    const answer = await registry.send("PATCH", location, { scope, body: unread, headers: { "content-length": "11" } });
    expect([answer.status, answer.header("content-type")]).toEqual([413, "text/html"]);
    expect((await ask(location)).status).toBe(204);
    expect((await finish(next(await chunk(location, "0123456789")), of("0123456789"))).status).toBe(201);
  });

  it("a larger one of unknown length is refused behind the limit", async () => {
    await using registry = await testRegistry({ maxPatchBytes: 10, resumableUploads: true });
    const { start, patch, ask } = uploadsAt(registry);
    const location = await start();
    async function* pieces() {
      for (let count = 0; count < 4; count++) yield Buffer.from("four");
    }
    expect((await patch(location, pieces())).status).toBe(413);
    expect((await ask(location)).header("range")).toBe("0-7");
  });
});

describe("with minChunkBytes", () => {
  it("the minimum is announced, and only the last chunk may have less", async () => {
    await using registry = await testRegistry({ minChunkBytes: 5 });
    const { start, patch, finish } = uploadsAt(registry);
    const started = await registry.send("POST", PATH, { scope });
    expect(started.header("oci-chunk-min-length")).toBe("5");
    const first = await patch(next(started), "12345");
    const second = await patch(next(first), "678");
    expect((await finish(next(second), of("12345678"))).status).toBe(201);

    const small = await patch(await start(), "123");
    expect(refusal(await patch(next(small), "45678"))).toEqual([400, "SIZE_INVALID"]);
    expect(refusal(await finish(next(small), of("12345"), "45"))).toEqual([400, "SIZE_INVALID"]);
  });

  it("a chunk in the last request may have any size", async () => {
    await using registry = await testRegistry({ minChunkBytes: 5 });
    const { start, patch, finish } = uploadsAt(registry);
    expect((await finish(next(await patch(await start(), "12345")), of("123456"), "6")).status).toBe(201);
  });
});

describe("with maxConcurrentRequests", () => {
  it("one more is told to wait, until another has ended", async () => {
    await using registry = await testRegistry({ maxConcurrentRequests: 1 });
    const { start, patch } = uploadsAt(registry);
    const location = await start();
    let writing: Promise<ReceivedAnswer> | undefined;
    const during = await new Promise<ReceivedAnswer>((resolve, reject) => {
      async function* slow() {
        yield Buffer.from("slow");
        resolve(await registry.send("POST", PATH, { scope }));
      }
      writing = patch(location, slow());
      writing.catch(reject);
    });
    expect([...refusal(during), during.header("retry-after")]).toEqual([429, "TOOMANYREQUESTS", "1"]);
    expect((await writing)?.status).toBe(202);
    expect((await registry.send("POST", PATH, { scope })).status).toBe(202);
  });

  it("without it nobody is", async () => {
    await using registry = await testRegistry();
    const answers = await Promise.all(Array.from({ length: 20 }, () => registry.send("POST", PATH, { scope })));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
  });
});
