import { request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { type Emulator, startEmulator } from "@acrkit/emulator";
import { digestOf } from "@acrkit/oci";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { patternOf } from "./cases.ts";
import { chromium } from "./chromium.ts";
import { type PageServer, servePage } from "./page-server.ts";

if (chromium === undefined)
  console.log("SKIPPED: the client in a browser: no Chromium in /usr/bin; set CHROMIUM to one");

describe.skipIf(chromium === undefined)("@acrkit/client in a browser", () => {
  let emulator: Emulator;
  let page: PageServer;
  beforeAll(async () => {
    emulator = await startEmulator({ tls: false, adminUser: { username: "admin", password: "in a browser" } });
    // One origin for the page, the registry and its store: which origins may call a registry is the registry's setting.
    page = await servePage("client-page.ts", (request, response) => behindOneOrigin(emulator, request, response));
  });
  afterAll(async () => {
    await page?.close();
    await emulator?.close();
  });

  test("uploads, downloads, lists, and fails as it should", async () => {
    const bytes = patternOf(9 * 1024 * 1024);
    expect(await page.findings()).toEqual({
      layer: `${bytes.byteLength} ${digestOf(bytes)}`,
      kind: "image",
      same: true,
      repositories: ["team/app"],
      tags: ["v1"],
      missing: "TAG_UNKNOWN",
      corrupt: true,
      aborted: "AbortError",
      noFiles: true,
    });
  });
});

const STORE = "/store/";

function behindOneOrigin(emulator: Emulator, request: IncomingMessage, response: ServerResponse): boolean {
  const path = request.url ?? "";
  if (path.startsWith("/v2/corrupt/app/blobs/")) {
    response.end("something else");
    return true;
  }
  if (path.startsWith(STORE)) {
    forward(new URL(decodeURIComponent(path.slice(STORE.length))), request, response);
    return true;
  }
  if (!/^\/(?:v2|acr|oauth2)\//.test(path)) return false;
  forward(new URL(path, emulator.endpoint), request, response);
  return true;
}

function forward(url: URL, request: IncomingMessage, response: ServerResponse): void {
  const { authorization, ...headers } = request.headers;
  const isStore = request.url?.startsWith(STORE) === true;
  const kept = isStore || authorization === undefined ? headers : { ...headers, authorization };
  const sent = httpRequest(url, { method: request.method ?? "GET", headers: kept }, (answer) => {
    const location = answer.headers.location;
    if (location?.startsWith("http") === true) answer.headers.location = STORE + encodeURIComponent(location);
    response.writeHead(answer.statusCode ?? 500, answer.headers);
    answer.pipe(response);
  });
  sent.on("error", () => response.destroy());
  request.pipe(sent);
}
