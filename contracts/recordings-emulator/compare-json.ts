import { isDeepStrictEqual } from "node:util";

/** How a value differs from the recorded one: everything exactly, but tokens, of which only the kind can be the same. */
export function compareJson(live: unknown, recorded: unknown, path: string): string[] {
  if (typeof recorded === "string" && /^<.+>$/.test(recorded)) {
    return typeof live === "string" && live.split(".").length === 3 ? [] : [`${path} is no token`];
  }
  if (isList(recorded) && isList(live) && recorded.length === live.length) {
    return recorded.flatMap((entry, index) => compareJson(live[index], entry, `${path}[${index}]`));
  }
  if (isObject(recorded) && isObject(live)) {
    // The order of members is the order in which they are written, which clients that hash or display them see.
    const [names, expected] = [Object.keys(live), Object.keys(recorded)];
    if (!isDeepStrictEqual(names, expected))
      return [`${path} has members ${names.join()}, recorded ${expected.join()}`];
    return expected.flatMap((name) => compareJson(live[name], recorded[name], `${path}.${name}`));
  }
  return isDeepStrictEqual(live, recorded)
    ? []
    : [`${path} is ${JSON.stringify(live)}, recorded ${JSON.stringify(recorded)}`];
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isList(value: unknown): value is unknown[] {
  return Array.isArray(value);
}
