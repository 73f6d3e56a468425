import { ContainerRegistryClient, type TransferProgress } from "@acrkit/client";
import { type Emulator, startEmulator } from "@acrkit/emulator";
import type { OperationName } from "@acrkit/oci";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { chromium } from "./chromium.ts";
import { type CrossOriginGateway, openCrossOriginGateway, registryBackend } from "./gateway.ts";
import { type PageServer, servePage } from "./page-server.ts";
import { type TransferName, transferOf } from "./transfers.ts";

if (chromium === undefined)
  console.log("SKIPPED: transfers in a browser: no Chromium in /usr/bin; set CHROMIUM to one");

const CREDENTIAL = { username: "admin", password: "in a browser" };
const MIB = 1024 * 1024;

interface Findings {
  readonly abortedUpload: string;
  readonly upload: Uploaded;
  readonly cutUpload: Uploaded;
  readonly cutDownload: string;
  readonly corruptDownload: string;
  readonly abortedDownload: string;
  readonly files: readonly string[];
}

interface Uploaded {
  readonly digest: string;
  readonly sizeInBytes: number;
  readonly events: readonly TransferProgress[];
}

// A page of the registry's own origin, and one of another: there the browser hides every header that is not exposed. The one
// registry forgets an upload that was cut, as ACR does; the other tells how far it has come.
const PAGES = [
  { which: "the registry's own", isCrossOrigin: false, resumableUploads: false },
  { which: "another", isCrossOrigin: true, resumableUploads: true },
];

describe.skipIf(chromium === undefined).each(PAGES)("in a page of $which origin", (where) => {
  let emulator: Emulator;
  let gateway: CrossOriginGateway | undefined;
  let page: PageServer;
  let found: Findings;

  beforeAll(async () => {
    emulator = await startEmulator({
      tls: false,
      adminUser: CREDENTIAL,
      resumableUploads: where.resumableUploads,
    });
    const client = new ContainerRegistryClient(emulator.endpoint, CREDENTIAL);
    for (const name of ["cutDownload", "corruptDownload", "abortedDownload"] as const) {
      await client.uploadBlob(transferOf(name).repository, transferOf(name).content);
    }
    emulator.requests.clear();
    emulator.faults.add([
      {
        operation: "patchUpload",
        repository: transferOf("cutUpload").repository,
        skip: 2,
        times: 1,
        fault: { kind: "cut-request", after: MIB },
      },
      { path: storedAt("cutDownload"), times: 1, fault: { kind: "cut-response", after: 2 * MIB } },
      { path: storedAt("corruptDownload"), fault: { kind: "corrupt-response", at: 3 * MIB } },
      { path: storedAt("abortedDownload"), fault: { kind: "slow-response", bytesPerSecond: 4 * MIB } },
    ]);
    if (where.isCrossOrigin) gateway = await openCrossOriginGateway(emulator);
    page = await servePage("transfer-page.ts", { backend: registryBackend(emulator) });
    found = (await page.findings(gateway && `?registry=${gateway.origin}`)) as Findings;
  });
  afterAll(async () => {
    await page?.close();
    await gateway?.close();
    await emulator?.close();
  });

  test("a file goes up in chunks of 4 MiB, and tells how far it is", () => {
    const { digest, content } = transferOf("upload");
    expect(found.upload).toMatchObject({ digest, sizeInBytes: content.length });
    const { events } = found.upload;
    const loaded = events.map(({ loadedBytes }) => loadedBytes);
    expect(loaded).toEqual(loaded.toSorted((a, b) => a - b));
    expect(loaded).toEqual(expect.arrayContaining([4 * MIB, 8 * MIB, 12 * MIB, 16 * MIB, 20 * MIB]));
    expect(events.at(-1)).toMatchObject({ loadedBytes: content.length, totalBytes: content.length });
    // The last byte rides the commit.
    requestsOf("upload", "patchUpload").expectCount(5);
  });

  test("an upload that is aborted leaves no session and no blob", async () => {
    expect(found.abortedUpload).toBe("AbortError");
    await vi.waitFor(() => requestsOf("abortedUpload", "cancelUpload").expectCount(1));
    requestsOf("abortedUpload", "finishUpload").expectNone();
  });

  test("an upload whose connection breaks recovers", async () => {
    const { repository, digest, content } = transferOf("cutUpload");
    expect(found.cutUpload).toMatchObject({ digest, sizeInBytes: content.length });
    expect(firedFor("cut-request")).toBe(1);
    requestsOf("cutUpload", "startUpload").expectCount(where.resumableUploads ? 1 : 2);
    const client = new ContainerRegistryClient(emulator.endpoint, CREDENTIAL);
    const stored = await (await client.downloadBlob(repository, digest)).bytes({ maxBytes: content.length });
    expect(Buffer.compare(stored, content)).toBe(0);
  });

  test("a stream whose connection breaks goes on from where it was", () => {
    expect(found.cutDownload).toBe("the same bytes");
    expect(firedFor("cut-response")).toBe(1);
    const { digest } = transferOf("cutDownload");
    const ranges = emulator.requests
      .of({ origin: "storage" })
      .entries.filter(({ path }) => path.includes(digest.slice("sha256:".length)))
      .map(({ headers }) => headers.range);
    expect(ranges).toEqual([undefined, expect.stringMatching(/^bytes=[1-9]\d*-/)]);
  });

  test("what is not what its digest says fails, and an abort ends a stream", () => {
    expect(found.corruptDownload).toBe("DigestMismatchError true");
    expect(firedFor("corrupt-response")).toBe(1);
    expect(found.abortedDownload).toBe("AbortError");
  });

  test("there are no files, which is said by name", () => {
    expect(found.files).toEqual(["UnsupportedError", "UnsupportedError"]);
  });

  const requestsOf = (name: TransferName, operation: OperationName) =>
    emulator.requests.of({ operation, repository: transferOf(name).repository });
  const firedFor = (kind: string) => emulator.faults.fired.filter(({ fault }) => fault.kind === kind).length;
});

function storedAt(name: TransferName): string {
  return `/**/${transferOf(name).digest.slice("sha256:".length)}/data`;
}
