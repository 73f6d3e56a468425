// The emulator in Vitest: one for the file, emptied before each test.
import { ContainerRegistryClient, ResourceNotFoundError } from "@acrkit/client";
import { type Emulator, startEmulator } from "@acrkit/emulator";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { publish, read } from "./publish.ts";

let emulator: Emulator;
let client: ContainerRegistryClient;

beforeAll(async () => {
  emulator = await startEmulator();
  client = new ContainerRegistryClient(emulator.endpoint, emulator.credential, {
    tlsOptions: { ca: emulator.certificate },
  });
});
beforeEach(() => emulator.reset());
afterAll(() => emulator.close());

test("what was published can be read", async () => {
  await publish(client, "team/app", "v1", "hello");
  expect(await read(client, "team/app", "v1")).toBe("hello");
});

test("nothing is left of the test before", async () => {
  await expect(read(client, "team/app", "v1")).rejects.toThrow(ResourceNotFoundError);
});

test("once there is a token, publishing takes five requests", async () => {
  await publish(client, "team/app", "v1", "hello");
  emulator.requests.clear();

  await publish(client, "team/app", "v2", "hello again");

  emulator.requests.expectSequence(
    { operation: "startUpload", status: 202 },
    { operation: "finishUpload", status: 201 },
    { operation: "startUpload" },
    { operation: "finishUpload" },
    { operation: "putManifest", path: "/v2/team/app/manifests/v2" },
  );
});

test("the registry's token does not go to the storage that downloads come from", async () => {
  await publish(client, "team/app", "v1", "hello");
  await read(client, "team/app", "v1");

  const downloads = emulator.requests.of({ origin: "storage" });
  downloads.expectCount();
  downloads.expectNoCredentials();
});

test("a day later all tokens have expired, and it works all the same", async () => {
  await publish(client, "team/app", "v1", "hello");
  emulator.clock.advance(24 * 60 * 60 * 1000);
  expect(await read(client, "team/app", "v1")).toBe("hello");
});

test("an identity that may only pull cannot publish", async () => {
  const reader = new ContainerRegistryClient(emulator.endpoint, emulator.credentialFor({ actions: ["pull"] }), {
    tlsOptions: { ca: emulator.certificate },
  });
  await expect(publish(reader, "team/app", "v1", "hello")).rejects.toMatchObject({ statusCode: 401 });
});
