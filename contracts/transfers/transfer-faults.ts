import type { Fault, FaultMatcher, FaultRule } from "@acrkit/emulator";
import type { Chance } from "../resilience/chance.ts";
import { MAX_RETRIES } from "../resilience/faulty-registry.ts";

/** What a transfer may meet. */
interface Kind {
  readonly on: readonly FaultMatcher[];
  fault(chance: Chance, sizeInBytes: number): Fault;
  /** How often a client gets through by itself, wherever it happens. */
  readonly survivable: 0 | 1 | typeof MAX_RETRIES;
}

const UPLOAD_REQUESTS: readonly FaultMatcher[] = [
  { operation: ["startUpload", "patchUpload", "finishUpload"] },
  { operation: "startUpload" },
  { operation: "patchUpload" },
  { operation: "finishUpload" },
  { operation: "getUpload" },
  { operation: "headBlob" },
];
const UPLOAD_BODIES: readonly FaultMatcher[] = [
  { operation: ["patchUpload", "finishUpload"] },
  { operation: "patchUpload" },
  { operation: "finishUpload" },
];
const DOWNLOAD_REQUESTS: readonly FaultMatcher[] = [{ operation: "getBlob" }, { origin: "storage" }];
const DOWNLOAD_BODIES: readonly FaultMatcher[] = [{ origin: "storage" }];
const EVERYWHERE: readonly FaultMatcher[] = [{}, { origin: "registry" }, { path: "/oauth2/*" }];

/** Somewhere within the content, more often near its ends. */
const within = (chance: Chance, sizeInBytes: number) =>
  chance.pick([
    { from: 0, to: Math.max(1, sizeInBytes) },
    { from: 0, to: Math.max(1, sizeInBytes) },
    { from: 1, to: 1_000 },
    { from: Math.max(0, sizeInBytes - 1_000), to: Math.max(1, sizeInBytes) },
  ]);
/** A few hundredths of a second for the whole. */
const pace = (sizeInBytes: number) => ({ from: 20 * sizeInBytes + 10_000, to: 200 * sizeInBytes + 100_000 });
const errorAnswer = (chance: Chance): Fault => ({
  kind: "error",
  status: chance.pick([429, 500, 502, 503, 504] as const),
  retryAfter: 0,
  when: chance.pick(["before", "after"] as const),
});

const everywhereKinds = (requests: readonly FaultMatcher[]): readonly Kind[] => {
  const on = [...requests, ...requests, ...EVERYWHERE];
  return [
    { on, fault: () => ({ kind: "delay", ms: { from: 0, to: 20 } }), survivable: MAX_RETRIES },
    { on, fault: () => ({ kind: "delay", ms: { from: 0, to: 20 }, when: "after" }), survivable: MAX_RETRIES },
    { on, fault: () => ({ kind: "cut-request" }), survivable: MAX_RETRIES },
    { on, fault: () => ({ kind: "lose-response" }), survivable: MAX_RETRIES },
    { on, fault: errorAnswer, survivable: MAX_RETRIES },
    // A login that is refused, or a token that was new, is for the caller to see.
    { on, fault: () => ({ kind: "expire-token" }), survivable: 0 },
    { on, fault: () => ({ kind: "cut-response", after: { from: 0, to: 500 } }), survivable: 0 },
    { on, fault: () => ({ kind: "truncate-response", after: { from: 0, to: 500 } }), survivable: 0 },
    { on, fault: () => ({ kind: "skew-clock", ms: { from: -3_600_000, to: 1_800_000 } }), survivable: 0 },
  ];
};

const UPLOAD_KINDS: readonly Kind[] = [
  ...everywhereKinds(UPLOAD_REQUESTS),
  {
    on: UPLOAD_BODIES,
    fault: (_, size) => ({ kind: "slow-request", bytesPerSecond: pace(size) }),
    survivable: MAX_RETRIES,
  },
  ...Array<Kind>(4).fill({
    on: UPLOAD_BODIES,
    fault: (chance, size) => ({ kind: "cut-request", after: within(chance, size) }),
    survivable: MAX_RETRIES,
  }),
  // By then the token has been used, so that it may have expired since.
  { on: UPLOAD_BODIES, fault: () => ({ kind: "expire-token" }), survivable: 1 },
  { on: UPLOAD_BODIES, fault: () => ({ kind: "corrupt-request" }), survivable: 0 },
];

const DOWNLOAD_KINDS: readonly Kind[] = [
  ...everywhereKinds(DOWNLOAD_REQUESTS),
  {
    on: DOWNLOAD_BODIES,
    fault: (_, size) => ({ kind: "slow-response", bytesPerSecond: pace(size) }),
    survivable: MAX_RETRIES,
  },
  ...Array<Kind>(4).fill({
    on: DOWNLOAD_BODIES,
    fault: (chance, size) => ({ kind: "cut-response", after: within(chance, size) }),
    survivable: MAX_RETRIES,
  }),
  { on: DOWNLOAD_BODIES, fault: () => ({ kind: "expire-url" }), survivable: 1 },
  { on: DOWNLOAD_BODIES, fault: () => ({ kind: "corrupt-response" }), survivable: 0 },
  {
    on: DOWNLOAD_BODIES,
    fault: (chance, size) => ({ kind: "truncate-response", after: within(chance, size) }),
    survivable: 0,
  },
  {
    on: DOWNLOAD_BODIES,
    fault: (chance, size) => ({
      kind: "truncate-response",
      after: within(chance, size),
      contentLength: "adjusted",
    }),
    survivable: 0,
  },
];

/** What goes wrong in one scenario, and whether the transfer has to end well all the same. */
export interface RandomFaults {
  readonly rules: readonly FaultRule[];
  readonly survivable: boolean;
}

/** None, one, or up to four rules. */
export function randomTransferFaults(
  chance: Chance,
  direction: "upload" | "download",
  sizeInBytes: number,
): RandomFaults {
  const kinds = direction === "upload" ? UPLOAD_KINDS : DOWNLOAD_KINDS;
  const count = chance.pick([0, 1, 1, 1, 1, 2, 2, 3, 4]);
  const picked = Array.from({ length: count }, () => chance.pick(kinds));
  const rules = picked.map(({ on, fault }) => ({
    ...chance.pick(on),
    skip: chance.pick([0, 0, 1, 2, 3]),
    times: chance.pick([1, 1, 1, 2, 3]),
    probability: chance.pick([0.5, 1, 1]),
    fault: fault(chance, sizeInBytes),
  }));
  return { rules, survivable: isSurvivable(rules.map(({ times }, index) => ({ times, kind: picked[index] as Kind }))) };
}

/** What is refused anew although it was renewed is not tried a third time. */
function isSurvivable(hits: readonly { readonly times: number; readonly kind: Kind }[]): boolean {
  const timesOf = (found: typeof hits) => found.reduce((sum, { times }) => sum + times, 0);
  return (
    timesOf(hits) <= MAX_RETRIES &&
    timesOf(hits.filter(({ kind }) => kind.survivable === 1)) <= 1 &&
    hits.every(({ kind }) => kind.survivable > 0)
  );
}
