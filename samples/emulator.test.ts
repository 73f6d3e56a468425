import { ContainerRegistryClient } from "@acrkit/client";
import { type Emulator, startEmulator } from "@acrkit/emulator";
import { afterAll, beforeAll, expect, test } from "vitest";

let emulator: Emulator;
let client: ContainerRegistryClient;

beforeAll(async () => {
  emulator = await startEmulator();
  client = new ContainerRegistryClient(emulator.endpoint, emulator.credential, {
    tlsOptions: { ca: emulator.certificate },
  });
});

afterAll(() => emulator.close());

test("what was uploaded can be downloaded", async () => {
  const { digest } = await client.uploadBlob("team/app", "hello");
  const download = await client.downloadBlob("team/app", digest);
  expect(new TextDecoder().decode(await download.bytes())).toBe("hello");
});

test("a registry that is busy is asked again", async () => {
  let refusals = 1;
  const restore = emulator.intercept((request, next) =>
    refusals-- > 0 ? { status: 429, headers: [["Retry-After", "0"]] } : next(request),
  );
  const { digest } = await client.uploadBlob("team/app", "hello again");
  restore();

  expect(await client.blobExists("team/app", digest)).toBe(true);
  expect(emulator.requests.entries.map(({ status }) => status)).toContain(429);
});
