import type { Readable } from "node:stream";
import { type ByteSource, OPERATIONS } from "@acrkit/oci";
import { describe, expect, it } from "vitest";
import { emptyAnswer, textAnswer } from "../protocol/answers.ts";
import { type EmulatorRequest, type EmulatorResponse, type Handler, headerOf } from "../protocol/message.ts";
import type { Fault, FaultRule } from "./fault.ts";
import { Faults, type FaultTiming } from "./faults.ts";
import { ConnectionCut } from "./interceptors.ts";

type Sent = Partial<Omit<EmulatorRequest, "body">> & { readonly body?: string };

const request = ({ body = "", ...given }: Sent = {}): EmulatorRequest => ({
  origin: "registry",
  method: "GET",
  path: "/v2/",
  query: new URLSearchParams(),
  headers: body === "" ? {} : { "content-length": String(body.length) },
  body: pieces(body),
  ...given,
});

async function* pieces(text: string): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < text.length; at += 4) yield Buffer.from(text.slice(at, at + 4));
}

const textOf = async (body: EmulatorResponse["body"]) => {
  const parts: Uint8Array[] = [];
  if (body instanceof Uint8Array) parts.push(body);
  else if (body !== undefined) for await (const part of body) parts.push(part);
  return Buffer.concat(parts).toString();
};

/** Answers with what it was sent. */
const echo: Handler = async (received) => textAnswer(200, "text/plain", await textOf(received.body as ByteSource));

/** Time that passes only by sleeping. */
const simulated = () => {
  const sleeps: number[] = [];
  const timing: FaultTiming = {
    now: () => sleeps.reduce((sum, ms) => sum + ms, 0),
    async sleep(ms) {
      sleeps.push(ms);
    },
  };
  return { timing, sleeps };
};

const statusOf = async (answer: Promise<EmulatorResponse>) => {
  try {
    return (await answer).status;
  } catch (error) {
    if (error instanceof ConnectionCut) return 0;
    throw error;
  }
};

describe("faults", () => {
  it("of a request that is cut off happen no more, and pauses end", async () => {
    const cutting = new AbortController();
    const faults = new Faults();
    faults.add([{ fault: { kind: "delay", ms: 1e9 } }, { fault: { kind: "delay", ms: 0 } }]);
    const held = statusOf(faults.around(echo, cutting.signal)(request()));
    await expect.poll(() => faults.fired.length).toBe(1);
    cutting.abort();
    expect(await held).toBe(0);
    expect(await statusOf(faults.around(echo, cutting.signal)(request()))).toBe(0);
    expect(faults.fired).toHaveLength(1);
  });

  it("that come late do not count for what was cut off before", async () => {
    const cutting = new AbortController();
    const faults = new Faults();
    faults.add({ fault: { kind: "lose-response" } });
    const late = faults.around(async () => {
      cutting.abort();
      return emptyAnswer(200);
    }, cutting.signal);
    expect(await statusOf(late(request()))).toBe(0);
    expect(faults.fired).toEqual([]);
  });

  it("with long paths are remembered for less long", async () => {
    const faults = new Faults();
    faults.add({ fault: { kind: "delay", ms: 0 } });
    const path = `/${"x".repeat(1024 * 1024)}`;
    for (let count = 0; count < 20; count++) await faults.around(echo)(request({ path }));
    expect(faults.fired.length).toBeGreaterThan(2);
    expect(faults.fired.length).toBeLessThan(8);
  });

  it("leave everything alone as long as there are none", async () => {
    const response = emptyAnswer(200);
    expect(await new Faults().around(async () => response)(request())).toBe(response);
  });

  describe("meet the requests that match", () => {
    const path = "/v2/team%2Fapp/manifests/v1";
    it.for<[Omit<FaultRule, "fault">, boolean]>([
      [{}, true],
      [{ operation: "getManifest" }, true],
      [{ operation: ["headBlob", "getManifest"] }, true],
      [{ operation: "getBlob" }, false],
      [{ origin: "registry" }, true],
      [{ origin: ["storage", "entra"] }, false],
      [{ method: "get" }, true],
      [{ method: ["PUT", "POST"] }, false],
      [{ repository: "team/app" }, true],
      [{ repository: "team/*" }, true],
      [{ repository: "*" }, false],
      [{ repository: "**" }, true],
      [{ repository: "team/ap" }, false],
      [{ repository: "team.app" }, false],
      [{ path: "/v2/team/app/manifests/v1" }, true],
      [{ path: "/v2/**/manifests/*" }, true],
      [{ path: "/v2/*" }, false],
      [{ operation: "getManifest", repository: "other" }, false],
    ])("%j", async ([matcher, isHit]) => {
      const faults = new Faults();
      faults.add({ ...matcher, fault: { kind: "error", status: 500 } });
      expect((await faults.around(echo)(request({ path }))).status).toBe(isHit ? 500 : 200);
      expect(faults.fired).toHaveLength(isHit ? 1 : 0);
    });

    it("by operation and repository only on the registry's own origin", async () => {
      const faults = new Faults();
      faults.add(
        Object.keys(OPERATIONS).map((name) => ({ operation: name as "getBlob", fault: { kind: "lose-response" } })),
      );
      faults.add({ repository: "**", fault: { kind: "lose-response" } });
      expect(await statusOf(faults.around(echo)(request({ origin: "storage", path })))).toBe(200);
    });

    it("and can meet the fault at all", async () => {
      const faults = new Faults();
      const only = (fault: Fault): FaultRule => ({ times: 1, fault });
      faults.add([
        only({ kind: "cut-request", after: 1 }),
        only({ kind: "corrupt-request" }),
        only({ kind: "slow-request", bytesPerSecond: 1 }),
        only({ kind: "expire-url" }),
        only({ kind: "expire-token" }),
      ]);
      await faults.around(echo)(request());
      await faults.around(echo)(request({ headers: { authorization: "Basic eDp5" } }));
      faults.add([
        only({ kind: "cut-response" }),
        only({ kind: "truncate-response" }),
        only({ kind: "corrupt-response" }),
      ]);
      await faults.around(echo)(request({ method: "HEAD" }));
      expect(faults.fired).toEqual([]);
    });
  });

  describe("are counted", () => {
    const statuses = async (faults: Faults, count: number, sent: Sent = {}) => {
      const seen: number[] = [];
      for (let index = 0; index < count; index++) seen.push(await statusOf(faults.around(echo)(request(sent))));
      return seen;
    };

    it("some are passed, and some are hit", async () => {
      const faults = new Faults();
      faults.add({ skip: 1, times: 2, fault: { kind: "error", status: 503 } });
      expect(await statuses(faults, 5)).toEqual([200, 503, 503, 200, 200]);
      expect(faults.fired.map(({ match }) => match)).toEqual([2, 3]);
    });

    it("some are hit by chance, the same ones for the same seed", async () => {
      const run = async (seed: number, probability: number) => {
        const faults = new Faults({ seed });
        faults.add({ probability, times: 30, fault: { kind: "error", status: 503 } });
        return statuses(faults, 100);
      };
      expect(await run(1, 0.5)).toEqual(await run(1, 0.5));
      expect(await run(1, 0.5)).not.toEqual(await run(2, 0.5));
      expect((await run(1, 0.5)).filter((status) => status === 503)).toHaveLength(30);
      expect(await run(1, 0)).not.toContain(503);
      expect((await run(1, 1)).slice(0, 31)).toEqual([...Array.from({ length: 30 }, () => 503), 200]);
    });

    it("without regard to other rules, and to how requests are mixed", async () => {
      const rule = (operation: FaultRule["operation"]): FaultRule => ({
        ...(operation === undefined ? {} : { operation }),
        probability: 0.5,
        fault: { kind: "error", status: 429, retryAfter: { from: 0, to: 1000 } },
      });
      const run = async (rules: readonly FaultRule[], paths: readonly string[]) => {
        const faults = new Faults({ seed: 9 });
        faults.add(rules);
        for (const path of paths) await faults.around(echo)(request({ path }));
        return faults.fired
          .filter(({ operation }) => operation === "checkApi")
          .map(({ fault, match }) => [fault, match]);
      };
      const [api, other] = ["/v2/", "/v2/_catalog"];
      const alone = await run(
        [rule("checkApi")],
        Array.from({ length: 12 }, () => api),
      );
      expect(alone.length).toBeGreaterThan(2);
      const mixed = Array.from({ length: 12 }, () => [other, api, other]).flat();
      expect(await run([rule("listRepositoriesV2"), rule("checkApi")], mixed)).toEqual(alone);
    });

    it("by each of two equal rules for itself", async () => {
      const rule: FaultRule = { fault: { kind: "delay", ms: { from: 0, to: 1_000_000 } } };
      const { timing, sleeps } = simulated();
      const twice = new Faults({ seed: 2 }, timing);
      twice.add([rule, rule]);
      await twice.around(echo)(request());
      expect(sleeps).toHaveLength(2);
      expect(sleeps[0]).not.toBe(sleeps[1]);
    });
  });

  it("are removed, cleared, and replaced by a script", async () => {
    const faults = new Faults({ seed: 5 });
    const seen = async () => (await faults.around(echo)(request())).status;
    const remove = faults.add([{ fault: { kind: "error", status: 500 } }, { fault: { kind: "error", status: 502 } }]);
    expect(await seen()).toBe(500);
    remove();
    remove();
    expect(await seen()).toBe(200);
    faults.add({ fault: { kind: "error", status: 503 } });
    faults.load({ seed: 6, faults: [{ times: 1, fault: { kind: "error", status: 504 } }] });
    expect([faults.seed, await seen(), await seen()]).toEqual([6, 504, 200]);
    expect(() => faults.load('{"faults":[{"fault":{"kind":"nothing"}}]}')).toThrow(/faults\[0\].fault.kind/);
    expect([faults.seed, faults.fired.length]).toEqual([6, 1]);
    faults.add({ fault: { kind: "error", status: 503 } });
    faults.clear();
    expect([await seen(), faults.fired.length, faults.seed]).toEqual([200, 0, 6]);
  });

  it("are all refused when one of them is none", async () => {
    const faults = new Faults();
    const rules = [{ fault: { kind: "error", status: 500 } }, { fault: { kind: "error", status: 200 } }];
    expect(() => faults.add(rules as never)).toThrow(/^rules\[1\].fault.status 200/);
    expect(() => faults.add({ fault: { kind: "delay", ms: -1 } })).toThrow(/^rule.fault.ms -1/);
    expect(() => new Faults({ seed: 0.5 })).toThrow(/^seed 0.5/);
    expect((await faults.around(echo)(request())).status).toBe(200);
  });

  it("are noted when they happen, with what was drawn", async () => {
    const faults = new Faults();
    const rule: FaultRule = { operation: "getManifest", fault: { kind: "cut-response", after: { from: 3, to: 3 } } };
    faults.add(rule);
    const response = await faults.around(async () => textAnswer(200, "text/plain", "abcdef"))(
      request({ path: "/v2/a/manifests/v1" }),
    );
    expect(faults.fired).toEqual([]);
    await expect(textOf(response.body)).rejects.toThrow(ConnectionCut);
    expect(faults.fired).toEqual([
      {
        rule,
        fault: { kind: "cut-response", after: 3 },
        match: 1,
        origin: "registry",
        method: "GET",
        path: "/v2/a/manifests/v1",
        operation: "getManifest",
      },
    ]);
    expect(faults.fired[0]?.rule).toBe(rule);
  });

  it("meet a request in the order in which they were added", async () => {
    const { timing, sleeps } = simulated();
    const faults = new Faults({}, timing);
    faults.add([{ fault: { kind: "delay", ms: 1 } }, { fault: { kind: "error", status: 500 } }]);
    faults.add({ fault: { kind: "delay", ms: 2 } });
    expect((await faults.around(echo)(request())).status).toBe(500);
    expect([sleeps, faults.fired.map(({ fault }) => fault.kind)]).toEqual([[1], ["delay", "error"]]);
  });

  describe("by header", () => {
    const headers = (text: string) => ({ headers: { "x-acrkit-fault": text } });

    it("mean nothing unless switched on", async () => {
      const faults = new Faults();
      expect(await statusOf(faults.around(echo)(request(headers("error; status=503"))))).toBe(200);
      expect(await statusOf(faults.around(echo)(request(headers("nonsense"))))).toBe(200);
    });

    it("are done to the request that asks, behind the rules", async () => {
      const faults = new Faults({ allowHeader: true });
      const ask = (text: string) => statusOf(faults.around(echo)(request(headers(text))));
      expect(await ask("error; status=503")).toBe(503);
      expect(await ask("delay; ms=0, lose-response")).toBe(0);
      expect(await statusOf(faults.around(echo)(request()))).toBe(200);
      faults.add({ fault: { kind: "error", status: 429 } });
      expect(await ask("error; status=503")).toBe(429);
    });

    it("are counted by their text, so that a retry gets through", async () => {
      const faults = new Faults({ allowHeader: true });
      const ask = (text: string) => statusOf(faults.around(echo)(request(headers(text))));
      expect([await ask("error;status=503;times=1"), await ask("error;status=503;times=1")]).toEqual([503, 200]);
      expect(await ask("error;status=503;times=1;id=2")).toBe(503);
      faults.clear();
      expect(await ask("error;status=503;times=1")).toBe(503);
    });

    it("that cannot be read are answered by what is wrong with them", async () => {
      const faults = new Faults({ allowHeader: true });
      const response = await faults.around(echo)(request(headers("explode")));
      expect(response.status).toBe(400);
      expect(await textOf(response.body)).toContain('x-acrkit-fault[0].fault.kind \\"explode\\" is not valid');
    });
  });

  describe("of each kind", () => {
    const around = (fault: Fault, timing?: FaultTiming) => {
      const faults = new Faults({ now: () => Date.UTC(2030, 0, 1) }, timing);
      faults.add({ fault });
      return faults;
    };

    it.for(["before", "after"] as const)("delay, %s the act", async (when) => {
      const log: unknown[] = [];
      const timing = { now: () => 0, sleep: async (ms: number) => void log.push(ms) };
      await around({ kind: "delay", ms: 70, when }, timing).around(async () => {
        log.push("act");
        return emptyAnswer(200);
      })(request());
      expect(log).toEqual(when === "before" ? [70, "act"] : ["act", 70]);
    });

    it.for(["slow-request", "slow-response"] as const)("%s", async (kind) => {
      const { timing, sleeps } = simulated();
      const body = "a".repeat(400);
      const response = await around({ kind, bytesPerSecond: 100 }, timing).around(echo)(request({ body }));
      expect(await textOf(response.body)).toBe(body);
      expect(sleeps.reduce((sum, ms) => sum + ms)).toBeCloseTo(4000, 6);
    });

    it("cut-request: the registry gets a part, and its answer to that is lost", async () => {
      const faults = around({ kind: "cut-request", after: 6 });
      let seen = "";
      const registry: Handler = async ({ body }) => {
        try {
          for await (const part of body) seen += Buffer.from(part).toString();
          return emptyAnswer(200);
        } catch {
          return emptyAnswer(500);
        }
      };
      expect(await statusOf(faults.around(registry)(request({ body: "abcdefgh" })))).toBe(0);
      expect([seen, faults.fired.length]).toEqual(["abcdef", 1]);
      for (const body of ["abcdef", "abc"]) {
        expect(await statusOf(faults.around(registry)(request({ body })))).toBe(200);
      }
      expect(await statusOf(faults.around(async () => emptyAnswer(401))(request({ body: "abcdefgh" })))).toBe(401);
      expect(faults.fired).toHaveLength(1);
    });

    it("cut-request at once: the registry sees nothing", async () => {
      let calls = 0;
      const faults = around({ kind: "cut-request" });
      const registry: Handler = async () => {
        calls++;
        return emptyAnswer(200);
      };
      expect([await statusOf(faults.around(registry)(request())), calls]).toEqual([0, 0]);
    });

    it("cut-response of an answer that nobody waits for any more ends nothing else", async () => {
      const { body } = await around({ kind: "cut-response", after: 3 }).around(echo)(request({ body: "hello" }));
      const stream = body as Readable;
      // As a pipeline leaves it whose other end has closed: still moving, and without a listener for errors.
      stream.resume();
      await new Promise((resolve) => stream.once("close", resolve));
      expect(stream.errored).toBeInstanceOf(ConnectionCut);
    });

    it("cut-response beyond the end, or of an answer without a body, does nothing", async () => {
      const faults = around({ kind: "cut-response", after: 3 });
      expect(await textOf((await faults.around(echo)(request({ body: "abc" }))).body)).toBe("abc");
      const none = await around({ kind: "cut-response" }).around(async () => emptyAnswer(204))(request());
      expect([none.status, none.body]).toEqual([204, undefined]);
      expect(faults.fired).toEqual([]);
    });

    it("lose-response: the act is done, its answer let go", async () => {
      let closed = false;
      async function* body() {
        try {
          yield Buffer.from("a");
        } finally {
          closed = true;
        }
      }
      const opened = body();
      await opened.next();
      const faults = around({ kind: "lose-response" });
      expect(await statusOf(faults.around(async () => ({ ...emptyAnswer(200), body: opened }))(request()))).toBe(0);
      expect(closed).toBe(true);
    });

    describe("error", () => {
      const answer = (fault: Omit<Extract<Fault, { kind: "error" }>, "kind">, sent: Sent = {}) =>
        around({ kind: "error", ...fault }).around(echo)(request(sent));

      it.for<[429 | 500 | 503, string]>([
        [429, "TOOMANYREQUESTS"],
        [500, "UNKNOWN"],
        [503, "UNAVAILABLE"],
      ])("%i of the registry has its headers and envelope (1.2, 1.3, 8)", async ([status, code]) => {
        const response = await answer({ status });
        expect(response.status).toBe(status);
        expect(JSON.parse(await textOf(response.body))).toMatchObject({ errors: [{ code }] });
        expect(headerOf(response, "X-Ms-Correlation-Request-Id")).toBeDefined();
        expect(headerOf(response, "Retry-After")).toBeUndefined();
      });

      it.for([502, 504] as const)("%i is a gateway's page", async (status) => {
        const response = await answer({ status });
        expect(headerOf(response, "Content-Type")).toBe("text/html");
        expect(headerOf(response, "X-Ms-Correlation-Request-Id")).toBeUndefined();
        expect(await textOf(response.body)).toContain(`<title>${status} `);
      });

      it("says when to come back, in seconds or as a date by the registry's clock", async () => {
        const retryAfter = async (fault: { retryAfter: number; retryAfterAs?: "seconds" | "date" }) =>
          headerOf(await answer({ status: 429, ...fault }), "Retry-After");
        expect(await retryAfter({ retryAfter: 0 })).toBe("0");
        expect(await retryAfter({ retryAfter: 7, retryAfterAs: "seconds" })).toBe("7");
        expect(await retryAfter({ retryAfter: 7, retryAfterAs: "date" })).toBe("Tue, 01 Jan 2030 00:00:07 GMT");
      });

      it("of the token service has its form (1.3)", async () => {
        const response = await answer({ status: 429 }, { method: "POST", path: "/oauth2/token" });
        expect(headerOf(response, "Content-Type")).toBe("application/json");
        expect(await textOf(response.body)).toMatch(/^\{"errors":.*\}$/);
      });

      it("of the storage is XML, of Entra ID an OAuth error", async () => {
        const storage = await answer({ status: 503 }, { origin: "storage" });
        expect(await textOf(storage.body)).toContain("<Code>ServerBusy</Code>");
        const entra = await answer({ status: 429 }, { origin: "entra" });
        expect(JSON.parse(await textOf(entra.body))).toMatchObject({ error: "temporarily_unavailable" });
      });

      it("comes instead of the act, or after it", async () => {
        let calls = 0;
        const registry: Handler = async () => {
          calls++;
          return emptyAnswer(200);
        };
        await around({ kind: "error", status: 500 }).around(registry)(request());
        expect(calls).toBe(0);
        const response = await around({ kind: "error", status: 504, when: "after" }).around(registry)(request());
        expect([calls, response.status]).toEqual([1, 504]);
      });
    });

    it("expire-token: what was sent is no token any more, in the header or a form", async () => {
      const faults = around({ kind: "expire-token" });
      const seen: (string | undefined)[] = [];
      const registry: Handler = async ({ headers, body }) => {
        seen.push(headers.authorization, headers["content-length"], await textOf(body));
        return emptyAnswer(200);
      };
      await faults.around(registry)(request({ headers: { authorization: "bearer abc" } }));
      const post = { method: "POST", path: "/oauth2/token" };
      await faults.around(registry)(request({ ...post, body: "grant_type=refresh_token&refresh_token=abc&scope=x" }));
      await faults.around(registry)(request({ ...post, body: "grant_type=password&refresh_token=" }));
      const form = "grant_type=refresh_token&refresh_token=expired&scope=x";
      expect(seen).toEqual([
        "Bearer expired",
        undefined,
        "",
        undefined,
        String(form.length),
        form,
        undefined,
        "34",
        "grant_type=password&refresh_token=",
      ]);
      expect(faults.fired).toHaveLength(2);
    });

    it("expire-url: the signature is for another time", async () => {
      const seen: unknown[] = [];
      const query = new URLSearchParams({ se: "2030-01-01T00:00:00Z", sig: "abc" });
      await around({ kind: "expire-url" }).around(async (received) => {
        seen.push(Object.fromEntries(received.query));
        return emptyAnswer(200);
      })(request({ origin: "storage", query }));
      expect(seen).toEqual([{ se: "1970-01-01T00:00:00Z", sig: "abc" }]);
      expect(query.get("se")).toBe("2030-01-01T00:00:00Z");
    });

    it.for(["corrupt-request", "corrupt-response"] as const)(
      "%s: one bit, anywhere or in a given byte",
      async (kind) => {
        const body = "a".repeat(64);
        const differing = async (fault: Fault) => {
          const faults = around(fault);
          const places: number[] = [];
          for (let count = 0; count < 20; count++) {
            const text = await textOf((await faults.around(echo)(request({ body }))).body);
            expect(text).toHaveLength(64);
            for (const [at, character] of [...text].entries()) if (character !== "a") places.push(at);
          }
          return [places, faults.fired.length] as const;
        };
        const [anywhere, count] = await differing({ kind });
        expect([anywhere.length, count]).toEqual([20, 20]);
        expect(new Set(anywhere).size).toBeGreaterThan(8);
        expect(await differing({ kind, at: 63 })).toEqual([Array.from({ length: 20 }, () => 63), 20]);
        expect(await differing({ kind, at: 64 })).toEqual([[], 0]);
      },
    );

    it("truncate-response: the length goes on promising, or not", async () => {
      const truncated = async (fault: Omit<Extract<Fault, { kind: "truncate-response" }>, "kind">) => {
        const response = await around({ kind: "truncate-response", ...fault }).around(echo)(
          request({ body: "abcdef" }),
        );
        return [await textOf(response.body), headerOf(response, "Content-Length"), headerOf(response, "Connection")];
      };
      expect(await truncated({ after: 5 })).toEqual(["abcde", "6", "close"]);
      expect(await truncated({ contentLength: "kept" })).toEqual(["", "6", "close"]);
      expect(await truncated({ after: 5, contentLength: "adjusted" })).toEqual(["abcde", "5", undefined]);
      expect(await truncated({ after: 6, contentLength: "adjusted" })).toEqual(["abcdef", "6", undefined]);
    });

    it("skew-clock: for this request only, whatever else is being answered", async () => {
      const faults: Faults = new Faults({ now: () => Date.UTC(2030, 0, 1) + faults.skewMs });
      faults.add({ operation: "checkApi", fault: { kind: "skew-clock", ms: 3_600_000 } });
      const registry: Handler = async () => {
        await new Promise(setImmediate);
        return textAnswer(200, "text/plain", String(faults.skewMs));
      };
      const [skewed, other] = await Promise.all(
        ["/v2/", "/v2/_catalog"].map((path) => faults.around(registry)(request({ path }))),
      );
      expect(await textOf(skewed?.body)).toBe("3600000");
      expect(skewed && headerOf(skewed, "Date")).toBe("Tue, 01 Jan 2030 01:00:00 GMT");
      expect(await textOf(other?.body)).toBe("0");
      expect(other && headerOf(other, "Date")).toBeUndefined();
      expect(faults.skewMs).toBe(0);
    });
  });

  it("do not outlive the registry", async () => {
    const faults = new Faults();
    faults.add({ fault: { kind: "delay", ms: 2 ** 31 - 1 } });
    const answers = [statusOf(faults.around(echo)(request())), statusOf(faults.around(echo)(request()))];
    faults.close();
    expect(await Promise.all(answers)).toEqual([0, 0]);
    expect(await statusOf(faults.around(echo)(request()))).toBe(0);
  });
});
