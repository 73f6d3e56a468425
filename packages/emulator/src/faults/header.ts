import { InvalidInputError } from "@acrkit/oci";
import type { FaultRule } from "./fault.ts";
import { readRule } from "./read-rules.ts";

/** The request header by which a client asks for faults, where that is switched on. */
export const FAULT_HEADER = "x-acrkit-fault";

/** What stands beside the fault in a rule; `id` means nothing but makes a text another one. */
const RULE_PARAMETERS = new Set(["skip", "times", "probability"]);

/**
 * Reads the header's value. The names are those of a rule and its fault, in any order:
 *
 *     x-acrkit-fault = fault *( "," fault )
 *     fault          = kind *( ";" name "=" value )
 *     value          = number | number ".." number | word
 *
 * for example `cut-response; after=1000` or `delay; ms=10..50, error; status=503; times=1; id=a`.
 *
 * @throws {InvalidInputError} it does not follow this, or the fault is none
 */
export function readFaultHeader(text: string): readonly FaultRule[] {
  if (text.trim() === "") return [];
  return text.split(",").map((part, index) => {
    const [kind = "", ...parameters] = part.split(";").map((piece) => piece.trim());
    const rule: Record<string, unknown> = {};
    const fault: Record<string, unknown> = { kind };
    for (const parameter of parameters) {
      const [, name = "", value = ""] = /^(\w+)\s*=\s*(\S+)$/.exec(parameter) ?? [];
      if (name === "") throw new InvalidInputError(FAULT_HEADER, parameter, "expected name=value");
      if (name === "id") continue;
      (RULE_PARAMETERS.has(name) ? rule : fault)[name] = readValue(value);
    }
    return readRule({ ...rule, fault }, `${FAULT_HEADER}[${index}]`);
  });
}

function readValue(text: string): unknown {
  const range = /^(-?\d+)\.\.(-?\d+)$/.exec(text);
  if (range !== null) return { from: Number(range[1]), to: Number(range[2]) };
  return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
}
