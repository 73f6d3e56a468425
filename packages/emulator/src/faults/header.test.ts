import { describe, expect, it } from "vitest";
import { readFaultHeader } from "./header.ts";

describe("the header's text", () => {
  it.for<[string, unknown]>([
    ["", []],
    [" ", []],
    ["lose-response", [{ fault: { kind: "lose-response" } }]],
    ["cut-response; after=1000", [{ fault: { kind: "cut-response", after: 1000 } }]],
    ["delay;ms=10..50;when=after", [{ fault: { kind: "delay", ms: { from: 10, to: 50 }, when: "after" } }]],
    ["skew-clock; ms=-5000..-1", [{ fault: { kind: "skew-clock", ms: { from: -5000, to: -1 } } }]],
    [
      "error; status=503 ; times = 1; skip=2; probability=0.5; id=a , delay; ms=5",
      [
        { fault: { kind: "error", status: 503 }, times: 1, skip: 2, probability: 0.5 },
        { fault: { kind: "delay", ms: 5 } },
      ],
    ],
  ])("reads %s", ([text, rules]) => {
    expect(readFaultHeader(text)).toEqual(rules);
  });

  it.for<[string, RegExp]>([
    ["explode", /^x-acrkit-fault\[0\].fault.kind "explode"/],
    ["delay; ms=1,", /^x-acrkit-fault\[1\].fault.kind ""/],
    ["delay", /^x-acrkit-fault\[0\].fault.ms undefined/],
    ["delay; ms", /^x-acrkit-fault "ms" .*expected name=value$/],
    ["delay; ms=", /expected name=value$/],
    ["delay; ms=1e3", /fault.ms "1e3"/],
    ["delay; ms=1; operation=getBlob", /fault.operation "operation"/],
    ["delay; ms=1; fault=2", /fault.fault "fault"/],
    ["cut-response; after=-1", /fault.after -1/],
  ])("refuses %s", ([text, problem]) => {
    expect(() => readFaultHeader(text)).toThrow(problem);
  });
});
