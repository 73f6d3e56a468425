import { isInvalidInputError } from "@acrkit/oci";
import { describe, expect, it } from "vitest";
import type { FaultScript } from "./fault.ts";
import { readScript } from "./read-rules.ts";

describe("a script", () => {
  it("is taken as text and as a value", () => {
    const script: FaultScript = {
      seed: 7,
      faults: [
        { fault: { kind: "lose-response" } },
        {
          operation: ["getBlob", "getManifest"],
          origin: "registry",
          method: "get",
          repository: "team/*",
          path: "/v2/**",
          skip: 1,
          times: 2,
          probability: 0.5,
          fault: { kind: "delay", ms: { from: 0, to: 10 }, when: "after" },
        },
      ],
    };
    expect(readScript(JSON.stringify(script))).toEqual(script);
    expect(readScript(script)).toBe(script);
  });

  const problemOf = (script: unknown): string => {
    try {
      readScript((typeof script === "string" ? script : JSON.stringify(script)) as string);
    } catch (error) {
      if (isInvalidInputError(error)) return error.message;
      throw error;
    }
    return "no problem";
  };
  const rule = (members: object) => ({ faults: [{ fault: { kind: "lose-response" } }, members] });
  const fault = (members: object) => rule({ fault: members });

  it.for<[string, unknown, RegExp]>([
    ["no JSON", "{ faults: [] }", /^script .* is not valid: /],
    ["no object", "[]", /^script .*: expected an object$/],
    ["no faults", { seed: 1 }, /^faults undefined .*: expected a list of rules$/],
    ["a seed that is no whole number", { seed: 1.5, faults: [] }, /^seed 1.5 .*: expected a whole number$/],
    ["an unknown member", { faults: [], fault: 1 }, /^script.fault .*: no such member; there are seed, faults$/],
    ["a rule that is no object", { faults: [1] }, /^faults\[0\] 1 .*: expected an object$/],
    ["an unknown member of a rule", rule({ fault: { kind: "delay", ms: 1 }, time: 1 }), /^faults\[1\].time "time" /],
    ["no fault", rule({}), /^faults\[1\].fault undefined .*: expected an object$/],
    [
      "an unknown kind",
      fault({ kind: "explode" }),
      /^faults\[1\].fault.kind "explode" .*: expected one of delay, slow-/,
    ],
    ["a kind from elsewhere", fault({ kind: "toString" }), /^faults\[1\].fault.kind "toString" /],
    ["no kind", fault({}), /^faults\[1\].fault.kind undefined /],
    [
      "an unknown operation",
      rule({ operation: "pull" }),
      /^faults\[1\].operation "pull" .*: expected one of checkApi, /,
    ],
    ["one among several", rule({ operation: ["getBlob", "pull"] }), /^faults\[1\].operation\[1\] "pull" /],
    ["an empty list", rule({ operation: [] }), /^faults\[1\].operation .*: expected at least one/],
    [
      "an unknown origin",
      rule({ origin: "moon" }),
      /^faults\[1\].origin "moon" .*: expected one of registry, storage, /,
    ],
    ["a path that is no text", rule({ path: 1 }), /^faults\[1\].path 1 .*: expected a text$/],
    ["a negative skip", rule({ skip: -1 }), /^faults\[1\].skip -1 .*: expected a whole number, 0 or above$/],
    ["times of nothing", rule({ times: 0 }), /^faults\[1\].times 0 .*: expected a whole number, 1 or above$/],
    ["more than certain", rule({ probability: 2 }), /^faults\[1\].probability 2 .*: expected a number from 0 to 1$/],
    [
      "a missing member",
      fault({ kind: "delay" }),
      /^faults\[1\].fault.ms undefined .*: expected a whole number, from 0 to/,
    ],
    ["a negative number", fault({ kind: "delay", ms: -1 }), /^faults\[1\].fault.ms -1 /],
    ["a fraction", fault({ kind: "cut-response", after: 0.5 }), /^faults\[1\].fault.after 0.5 .* or \{ from, to \}$/],
    ["a text for a number", fault({ kind: "cut-response", after: "1" }), /^faults\[1\].fault.after "1" /],
    ["no rate", fault({ kind: "slow-request", bytesPerSecond: 0 }), /^faults\[1\].fault.bytesPerSecond 0 .*1 or above/],
    ["half a range", fault({ kind: "delay", ms: { from: 1 } }), /^faults\[1\].fault.ms.to undefined /],
    ["a range backwards", fault({ kind: "delay", ms: { from: 2, to: 1 } }), /^faults\[1\].fault.ms.to 1 .*at least 2/],
    [
      "another status",
      fault({ kind: "error", status: 404 }),
      /^faults\[1\].fault.status 404 .*429, 500, 502, 503, 504$/,
    ],
    ["another choice", fault({ kind: "delay", ms: 1, when: "now" }), /^faults\[1\].fault.when "now" .*before, after$/],
    [
      "another kind's member",
      fault({ kind: "delay", ms: 1, after: 1 }),
      /^faults\[1\].fault.after "after" .*kind, ms, when$/,
    ],
  ])("is refused for %s", ([, script, problem]) => {
    expect(problemOf(script)).toMatch(problem);
  });
});
