import { Readable } from "node:stream";
import { closeBody } from "../protocol/body.ts";
import type { EmulatorRequest, EmulatorResponse, Handler, HeaderLine } from "../protocol/message.ts";
import { errorAnswer } from "./answers.ts";
import { corruptAt, endAfter, lengthOf, type Pacing, paced, withBody } from "./bodies.ts";
import type { Draws } from "./draws.ts";
import { withExpiredToken, withExpiredUrl } from "./expiry.ts";
import type { DrawnFault, FaultKind } from "./fault.ts";
import { ConnectionCut } from "./interceptors.ts";

/** What an act has at hand. */
export interface Stage {
  /** For what the rule leaves open. */
  readonly draws: Draws;
  readonly pacing: Pacing;
  /** The registry's clock, in milliseconds. */
  now(): number;
  /** Runs the work with that clock `ms` off. */
  skewed<T>(ms: number, work: () => Promise<T>): Promise<T>;
  /** Called at the moment the fault happens, which for a cut far behind the body's end it never does. */
  happens(): void;
}

type Act<K extends FaultKind> = (
  fault: Extract<DrawnFault, { readonly kind: K }>,
  request: EmulatorRequest,
  next: Handler,
  stage: Stage,
) => Promise<EmulatorResponse>;

/** Lets a request meet a fault: passes it on to `next`, changed or not, or keeps it; and so with the answer. */
export function perform(fault: DrawnFault, request: EmulatorRequest, next: Handler, stage: Stage) {
  return (ACTS[fault.kind] as Act<FaultKind>)(fault, request, next, stage);
}

const ACTS: { readonly [K in FaultKind]: Act<K> } = {
  async delay({ ms, when }, request, next, { pacing, happens }) {
    if (when !== "after") {
      happens();
      await pacing.sleep(ms);
      return next(request);
    }
    const response = await next(request);
    try {
      happens();
      await pacing.sleep(ms);
      return response;
    } catch (error) {
      await closeBody(response.body);
      throw error;
    }
  },

  "slow-request"({ bytesPerSecond }, request, next, { pacing, happens }) {
    happens();
    return next({ ...request, body: paced(request.body, bytesPerSecond, pacing) });
  },

  async "slow-response"({ bytesPerSecond }, request, next, { pacing, happens }) {
    const response = await next(request);
    happens();
    return withBody(response, (body) => paced(body, bytesPerSecond, pacing));
  },

  async "cut-request"({ after = 0 }, request, next, { happens }) {
    let isCut = false;
    const cut = () => {
      isCut = true;
      happens();
      throw new ConnectionCut();
    };
    if (after === 0) return cut();
    const response = await next({ ...request, body: endAfter(request.body, after, cut) });
    // The protocol takes a body that breaks off for a failure of its own and answers 500, which nobody can receive.
    if (!isCut) return response;
    await closeBody(response.body);
    throw new ConnectionCut();
  },

  async "cut-response"({ after = 0 }, request, next, { happens }) {
    const cut = () => {
      happens();
      throw new ConnectionCut();
    };
    // A stream that reads nothing ahead: what it holds when it breaks would be lost.
    return withBody(await next(request), (body) => {
      const cuttable = Readable.from(endAfter(body, after, cut), { objectMode: false, highWaterMark: 0 });
      // It may break when the client is gone already, and nobody listens any more: that must not end the process.
      cuttable.on("error", () => {});
      return cuttable;
    });
  },

  async "lose-response"(_fault, request, next, { happens }) {
    await closeBody((await next(request)).body);
    happens();
    throw new ConnectionCut();
  },

  async error(fault, request, next, { now, happens }) {
    if (fault.when === "after") await closeBody((await next(request)).body);
    happens();
    return errorAnswer(request, fault, now());
  },

  async "expire-token"(_fault, request, next, { happens }) {
    const expired = await withExpiredToken(request);
    if (expired.isExpired) happens();
    return next(expired.request);
  },

  "expire-url"(_fault, request, next, { happens }) {
    happens();
    return next(withExpiredUrl(request));
  },

  "corrupt-request"({ at }, request, next, { draws, happens }) {
    const length = Number(request.headers["content-length"] ?? 0);
    return next({ ...request, body: corruptAt(request.body, at ?? place(draws, length), bit(draws), happens) });
  },

  async "corrupt-response"({ at }, request, next, { draws, happens }) {
    const response = await next(request);
    const length = lengthOf(response) ?? 0;
    return withBody(response, (body) => corruptAt(body, at ?? place(draws, length), bit(draws), happens));
  },

  async "truncate-response"({ after = 0, contentLength = "kept" }, request, next, { happens }) {
    const response = await next(request);
    const length = lengthOf(response);
    if (length !== undefined && length <= after) return response;
    const changed: HeaderLine = contentLength === "kept" ? ["Connection", "close"] : ["Content-Length", String(after)];
    // A body in chunks promises nothing, and ends with its last chunk.
    const isCounted = response.headers.some(([name]) => /^content-length$/i.test(name));
    const headers = isCounted ? withHeader(response.headers, changed) : response.headers;
    return { ...withBody(response, (body) => endAfter(body, after, happens)), headers };
  },

  async "skew-clock"({ ms }, request, next, { now, skewed, happens }) {
    happens();
    return skewed(ms, async () => {
      const response = await next(request);
      return { ...response, headers: withHeader(response.headers, ["Date", new Date(now()).toUTCString()]) };
    });
  },
};

function place(draws: Draws, length: number): number {
  return length > 0 ? draws.between(0, length - 1) : 0;
}

function bit(draws: Draws): number {
  return 1 << draws.between(0, 7);
}

function withHeader(headers: readonly HeaderLine[], line: HeaderLine): readonly HeaderLine[] {
  const name = line[0].toLowerCase();
  return [...headers.filter(([other]) => other.toLowerCase() !== name), line];
}
