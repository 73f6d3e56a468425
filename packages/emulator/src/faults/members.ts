import type { Fault, FaultKind } from "./fault.ts";

/** What a member of a fault may be. Amounts are whole numbers. */
export type FaultMember =
  | { readonly type: "amount"; readonly min: number; readonly max: number; readonly required?: true }
  | { readonly type: "choice"; readonly values: readonly (string | number)[]; readonly required?: true };

type MembersOf<K extends FaultKind> = Readonly<
  Record<Exclude<keyof Extract<Fault, { readonly kind: K }>, "kind">, FaultMember>
>;

/** Node's timers go no further, and would fire at once. */
const MAX_MS = 2 ** 31 - 1;

const BYTES: FaultMember = { type: "amount", min: 0, max: Number.MAX_SAFE_INTEGER };
const RATE: FaultMember = { type: "amount", min: 1, max: Number.MAX_SAFE_INTEGER, required: true };
const MOMENT: FaultMember = { type: "choice", values: ["before", "after"] };

/**
 * The kinds of faults and their members. Scripts and headers are read by this table, and ranges drawn in its order: a kind
 * or member that is added to the types does not compile until it stands here.
 */
export const FAULT_MEMBERS: { readonly [K in FaultKind]: MembersOf<K> } = {
  delay: { ms: { type: "amount", min: 0, max: MAX_MS, required: true }, when: MOMENT },
  "slow-request": { bytesPerSecond: RATE },
  "slow-response": { bytesPerSecond: RATE },
  "cut-request": { after: BYTES },
  "cut-response": { after: BYTES },
  "lose-response": {},
  error: {
    status: { type: "choice", values: [429, 500, 502, 503, 504], required: true },
    retryAfter: { type: "amount", min: 0, max: MAX_MS },
    retryAfterAs: { type: "choice", values: ["seconds", "date"] },
    when: MOMENT,
  },
  "expire-token": {},
  "expire-url": {},
  "corrupt-request": { at: BYTES },
  "corrupt-response": { at: BYTES },
  "truncate-response": { after: BYTES, contentLength: { type: "choice", values: ["kept", "adjusted"] } },
  // A century each way: beyond, dates are no longer what others can read.
  "skew-clock": { ms: { type: "amount", min: -3_155_760_000_000, max: 3_155_760_000_000, required: true } },
};

/** The members of one kind, by name. */
export function membersOf(kind: FaultKind): Readonly<Record<string, FaultMember>> {
  return FAULT_MEMBERS[kind];
}
