import { type EmulatorResponse, type Interceptor, startEmulator } from "@acrkit/emulator";
import { describe, expect, it } from "vitest";
import { loadRecordings, RECORDED_HOST, recordingsFolder } from "../recordings/recording.ts";
import { compareExchange } from "./compare.ts";
import { replay } from "./replay.ts";
import { seed } from "./seed.ts";

const recordings = loadRecordings(recordingsFolder());

/** Spoils what the emulator answers, so that the comparison has something to find. */
function spoil(change: (response: EmulatorResponse) => EmulatorResponse): Interceptor {
  return async (request, next) => change(await next(request));
}

const CASES: readonly (readonly [string, string, Interceptor, RegExp])[] = [
  ["a status", "blob-head", spoil((response) => ({ ...response, status: 203 })), /status 203, recorded 200/],
  [
    "a header that is missing",
    "blob-head",
    spoil((response) => without(response, "Docker-Content-Digest")),
    /docker-content-digest is missing/,
  ],
  [
    "a header too many",
    "blob-head",
    spoil((response) => ({ ...response, headers: [...response.headers, ["Accept-Ranges", "bytes"]] })),
    /accept-ranges is extra/,
  ],
  [
    "a header sent once instead of twice",
    "blob-head",
    spoil((response) => without(response, "Strict-Transport-Security", 1)),
    /strict-transport-security is/,
  ],
  [
    "a challenge with another scope",
    "tag-delete",
    spoil((response) => replaced(response, ':delete"', ':pull"')),
    /www-authenticate is/,
  ],
  [
    "another Link",
    "catalog-paged",
    spoil((response) => replaced(response, "orderby=", "api-version=1")),
    /header link is/,
  ],
  [
    "another error message",
    "tag-properties-not-found",
    spoil((response) => body(response, (text) => text.replace("does not exist", "is not here"))),
    /body.errors\[0\].message is/,
  ],
  [
    "an upload that is further than it says",
    "blob-upload-small",
    spoil((response) => replaced(response, "0-27", "0-28")),
    /header range is/,
  ],
];

describe.skipIf(recordings === undefined)("the comparison notices", () => {
  it.for(CASES)("%s", async ([, id, interceptor, difference]) => {
    const recording = recordings?.find((one) => one.id === id);
    if (recording === undefined) throw new Error(`there is no recording ${id}`);
    await using emulator = await startEmulator({ loginServer: RECORDED_HOST });
    await seed(emulator, recording);
    emulator.intercept(interceptor);
    const replayed = await replay(emulator, recording);
    const differences = replayed.flatMap((one) => compareExchange(recording, one));
    expect(differences).toEqual(expect.arrayContaining([expect.stringMatching(difference)]));
  });
});

/** Without the lines of this name, but the first `kept`. */
function without(response: EmulatorResponse, name: string, kept = 0): EmulatorResponse {
  let seen = 0;
  return { ...response, headers: response.headers.filter(([line]) => line !== name || seen++ < kept) };
}

function replaced(response: EmulatorResponse, old: string, by: string): EmulatorResponse {
  return { ...response, headers: response.headers.map(([name, value]) => [name, value.replace(old, by)]) };
}

function body(response: EmulatorResponse, change: (text: string) => string): EmulatorResponse {
  if (!(response.body instanceof Uint8Array)) return response;
  const changed = Buffer.from(change(Buffer.from(response.body).toString()));
  const headers = response.headers.map(([name, value]): [string, string] =>
    name === "Content-Length" ? [name, String(changed.byteLength)] : [name, value],
  );
  return { ...response, headers, body: changed };
}
