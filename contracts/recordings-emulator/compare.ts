import { isDeepStrictEqual } from "node:util";
import { parseChallenges, parseScopes } from "@acrkit/oci";
import { headerText, type RecordedHeaders, type Recording } from "../recordings/recording.ts";
import { compareJson } from "./compare-json.ts";
import { compareLocation, UUID } from "./compare-location.ts";
import type { Replayed } from "./replay.ts";

/**
 * Headers that the service sends at one time and not at another, or that a recorder removed: their absence or presence
 * tells nothing. Rate limits are missing from all recordings of late 2022 (1.2); one recorder drops `x-ms-*`.
 */
function isUncertain(name: string, recording: Recording): boolean {
  if (name === "x-ms-ratelimit-remaining-calls-per-second") return true;
  return recording.recorder === "vcrpy" && name === "x-ms-correlation-request-id";
}

/** The values that are protocol (the recordings' README); others are times, ids and counters. */
const COMPARED = [
  /^content-(?:type|range)$/,
  /^(?:link|range|etag|accept-ranges)$/,
  /^docker-/,
  /^x-ms-int-/,
  /^x-ms-client-request-id$/,
  /^access-control-expose-headers$/,
  /^strict-transport-security$/,
  /^(?:connection|x-content-type-options|transfer-encoding|server)$/,
];

/** How one exchange differs from its recording, one line for each difference. */
export function compareExchange(recording: Recording, replayed: Replayed): readonly string[] {
  const { exchange, answer, number } = replayed;
  const recorded = exchange.response;
  const differences: string[] = [];
  if (answer.status !== recorded.status) differences.push(`status ${answer.status}, recorded ${recorded.status}`);
  differences.push(...compareHeaderNames(recording, replayed));
  for (const name of Object.keys(recorded.headers)) {
    const live = answer.headers[name];
    if (live !== undefined) differences.push(...compareHeader(name, recorded.headers, live, recording, replayed));
  }
  differences.push(...compareBody(replayed));
  return differences.map((difference) => `${number}: ${difference}`);
}

function compareHeaderNames(recording: Recording, { exchange, answer }: Replayed): string[] {
  const recorded = Object.keys(exchange.response.headers);
  const live = Object.keys(answer.headers);
  const missing = recorded.filter((name) => !live.includes(name) && !isUncertain(name, recording));
  // Storage answers were trimmed by the recorder, so there more is no difference.
  const extra =
    exchange.request.host === undefined
      ? live.filter((name) => !recorded.includes(name) && !isUncertain(name, recording))
      : [];
  return [...missing.map((name) => `header ${name} is missing`), ...extra.map((name) => `header ${name} is extra`)];
}

function compareHeader(
  name: string,
  headers: RecordedHeaders,
  live: readonly string[],
  recording: Recording,
  replayed: Replayed,
): string[] {
  const { exchange } = replayed;
  const lines = [headers[name] ?? []].flat();
  const text = headerText(headers, name) ?? "";
  const differs = (what = `header ${name} is '${live.join("', '")}', recorded '${lines.join("', '")}'`) => [what];
  if (name === "www-authenticate") return isSameChallenge(live[0] ?? "", text) ? [] : differs();
  if (name === "location") return compareLocation(live[0] ?? "", text, recording).flatMap((what) => differs(what));
  if (name === "content-length") return compareLength(Number(live[0]), Number(text), replayed);
  if (name === "docker-upload-uuid") return UUID.test(live[0] ?? "") ? [] : differs();
  if (name === "etag" && exchange.request.host !== undefined)
    return /^"0x[0-9A-F]{15}"$/.test(live[0] ?? "") ? [] : differs();
  if (!COMPARED.some((pattern) => pattern.test(name))) return [];
  return isDeepStrictEqual([...live], [...lines]) ? [] : differs();
}

/** Scheme and parameters, the scope as a set: its actions come in any order. */
function isSameChallenge(live: string, recorded: string): boolean {
  const normal = (header: string) =>
    parseChallenges(header).map(({ scheme, parameters }) => ({
      scheme,
      parameters: {
        ...parameters,
        ...(parameters.scope === undefined ? {} : { scope: parseScopes(parameters.scope) }),
      },
      order: Object.keys(parameters),
    }));
  return isDeepStrictEqual(normal(live), normal(recorded));
}

/** A replaced host name shifts a recorded length, as do the names in a redirect; then only our own count can be checked. */
function compareLength(live: number, recorded: number, { exchange, answer }: Replayed): string[] {
  const { request, response } = exchange;
  if (request.method !== "HEAD" && live !== answer.body.byteLength) {
    return [`content-length is ${live}, but ${answer.body.byteLength} bytes came`];
  }
  const isShifted = /registry\.example\.azurecr\.io|<a href/.test(JSON.stringify(response.body));
  return live === recorded || isShifted ? [] : [`content-length is ${live}, recorded ${recorded}`];
}

function compareBody({ exchange, answer }: Replayed): string[] {
  const { body } = exchange.response;
  const text = Buffer.from(answer.body).toString();
  if (body === null) return text === "" ? [] : [`body is '${text}', recorded none`];
  if ("base64" in body)
    return Buffer.from(answer.body).toString("base64") === body.base64 ? [] : ["body has other bytes"];
  if ("text" in body)
    return shapeOfText(text) === shapeOfText(body.text) ? [] : [`body is '${text}', recorded '${body.text}'`];
  if (!("json" in body)) return [];
  return compareJson(text === "" ? undefined : JSON.parse(text), body.json, "body");
}

/** The link inside a redirect's body is compared as the Location. */
function shapeOfText(text: string): string {
  return text.replace(/href="https:[^"]*"/, "href");
}
