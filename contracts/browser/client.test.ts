import { type Emulator, startEmulator } from "@acrkit/emulator";
import { digestOf } from "@acrkit/oci";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { patternOf } from "./cases.ts";
import { chromium } from "./chromium.ts";
import { registryBackend } from "./gateway.ts";
import { type Backend, type PageServer, servePage } from "./page-server.ts";

if (chromium === undefined)
  console.log("SKIPPED: the client in a browser: no Chromium in /usr/bin; set CHROMIUM to one");

describe.skipIf(chromium === undefined)("@acrkit/client in a browser", () => {
  let emulator: Emulator;
  let page: PageServer;
  beforeAll(async () => {
    emulator = await startEmulator({ tls: false, adminUser: { username: "admin", password: "in a browser" } });
    // One origin for the page, the registry and its store: which origins may call a registry is the registry's setting.
    page = await servePage("client-page.ts", { backend: orCorrupt(registryBackend(emulator)) });
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

function orCorrupt(registry: Backend): Backend {
  return (request, response) => {
    if (request.url?.startsWith("/v2/corrupt/app/blobs/") !== true) return registry(request, response);
    response.end("something else");
    return true;
  };
}
