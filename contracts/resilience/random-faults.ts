import type { Fault, FaultMatcher, FaultRule } from "@acrkit/emulator";
import type { Chance } from "./chance.ts";

/** What a random fault may happen to, and how it is made; amounts are ranges, so that the faults' own seed decides too. */
const KINDS: readonly { readonly on: readonly FaultMatcher[]; fault(chance: Chance): Fault }[] = [
  { on: anywhere(), fault: () => ({ kind: "delay", ms: { from: 0, to: 30 } }) },
  { on: anywhere(), fault: () => ({ kind: "delay", ms: { from: 0, to: 30 }, when: "after" }) },
  { on: uploads(), fault: () => ({ kind: "slow-request", bytesPerSecond: { from: 1_000_000, to: 9_000_000 } }) },
  { on: downloads(), fault: () => ({ kind: "slow-response", bytesPerSecond: { from: 1_000_000, to: 9_000_000 } }) },
  { on: anywhere(), fault: () => ({ kind: "cut-request" }) },
  { on: uploads(), fault: () => ({ kind: "cut-request", after: { from: 0, to: 120_000 } }) },
  { on: anywhere(), fault: () => ({ kind: "cut-response", after: { from: 0, to: 2_000 } }) },
  { on: downloads(), fault: () => ({ kind: "cut-response", after: { from: 0, to: 120_000 } }) },
  { on: anywhere(), fault: () => ({ kind: "lose-response" }) },
  {
    on: anywhere(),
    fault: (chance) => ({
      kind: "error",
      status: chance.pick([429, 500, 502, 503, 504] as const),
      retryAfter: 0,
      when: chance.pick(["before", "after"] as const),
    }),
  },
  { on: anywhere(), fault: () => ({ kind: "expire-token" }) },
  { on: downloads(), fault: () => ({ kind: "expire-url" }) },
  // Only where a digest watches over what comes: nothing protects the text of a list.
  { on: uploads(), fault: () => ({ kind: "corrupt-request" }) },
  { on: guarded(), fault: () => ({ kind: "corrupt-response" }) },
  { on: anywhere(), fault: () => ({ kind: "truncate-response", after: { from: 0, to: 2_000 } }) },
  {
    on: guarded(),
    fault: () => ({ kind: "truncate-response", after: { from: 0, to: 120_000 }, contentLength: "adjusted" }),
  },
  { on: anywhere(), fault: () => ({ kind: "skew-clock", ms: { from: -3_600_000, to: 1_800_000 } }) },
];

/** One to four rules: where, what, and to how many. */
export function randomRules(chance: Chance): readonly FaultRule[] {
  return Array.from({ length: 1 + chance.below(4) }, () => {
    const { on, fault } = chance.pick(KINDS);
    return {
      ...chance.pick(on),
      skip: chance.below(3),
      times: 1 + chance.below(3),
      probability: chance.pick([0.5, 1]),
      fault: fault(chance),
    };
  });
}

function anywhere(): readonly FaultMatcher[] {
  return [{}, { origin: "registry" }, ...uploads(), ...guarded(), { operation: ["listTags", "deleteTag"] }];
}

function uploads(): readonly FaultMatcher[] {
  return [
    { operation: ["startUpload", "patchUpload", "finishUpload"] },
    { operation: "patchUpload" },
    { operation: "finishUpload" },
    { operation: "putManifest" },
  ];
}

function downloads(): readonly FaultMatcher[] {
  return [{ origin: "storage" }];
}

function guarded(): readonly FaultMatcher[] {
  return [...downloads(), { operation: "getManifest" }, { path: "/oauth2/*" }];
}
