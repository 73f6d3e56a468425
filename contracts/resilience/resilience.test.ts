import {
  AccessDeniedError,
  ClientAuthenticationError,
  type ContainerRegistryClientOptions,
  DigestMismatchError,
  InvalidManifestError,
  RegistryError,
  ThrottledError,
  TransportError,
} from "@acrkit/client";
import type { Fault, FaultMatcher, FaultRule } from "@acrkit/emulator";
import { afterAll, beforeAll, describe, it } from "vitest";
import { type FaultyRegistry, startFaultyRegistry } from "./faulty-registry.ts";
import {
  deleteTag,
  downloadBytes,
  downloadFile,
  type Job,
  listTags,
  pullManifest,
  pushManifest,
  uploadBytes,
  uploadChunks,
  uploadLarge,
  uploadLongStream,
  uploadStream,
} from "./jobs.ts";

type ErrorKind = abstract new (...args: never[]) => Error;

interface Case {
  readonly job: Job;
  readonly on: FaultMatcher;
  readonly fault: Fault;
  /** How often it happens; every time when left out. */
  readonly times?: number;
  readonly skip?: number;
  /** How it must end: well, or by an error of one of these kinds, `code` being the registry's or the system's. */
  readonly ends: "well" | ErrorKind | readonly ErrorKind[];
  readonly code?: string;
  readonly client?: ContainerRegistryClientOptions;
  /** With the admin user's password instead of an Entra token. */
  readonly login?: "password";
}

const storage: FaultMatcher = { origin: "storage" };
const tokens: FaultMatcher = { path: "/oauth2/token" };
const exchange: FaultMatcher = { path: "/oauth2/exchange" };
const on = (...operation: NonNullable<Extract<FaultMatcher["operation"], readonly unknown[]>>): FaultMatcher => ({
  operation,
});

/** One bit of a manifest may make it no manifest, or another one. */
const notThisManifest: readonly ErrorKind[] = [DigestMismatchError, InvalidManifestError, RegistryError];

const CASES: Readonly<Record<string, readonly Case[]>> = {
  delay: [
    { job: downloadBytes, on: on("getBlob"), fault: { kind: "delay", ms: 50 }, ends: "well" },
    { job: uploadChunks, on: on("patchUpload"), fault: { kind: "delay", ms: 50, when: "after" }, ends: "well" },
    {
      // Longer than a connection may be silent: it counts as dead, and the next try gets through.
      job: pullManifest,
      on: on("getManifest"),
      fault: { kind: "delay", ms: 60_000 },
      times: 1,
      client: { idleTimeoutInMs: 300 },
      ends: "well",
    },
    {
      job: pullManifest,
      on: on("getManifest"),
      fault: { kind: "delay", ms: 60_000 },
      client: { idleTimeoutInMs: 100 },
      ends: TransportError,
      code: "IDLE_TIMEOUT",
    },
  ],
  "slow-request": [
    {
      // Slow is not dead: the whole takes longer than the connection may be silent.
      job: uploadChunks,
      on: on("patchUpload"),
      fault: { kind: "slow-request", bytesPerSecond: 400_000 },
      client: { idleTimeoutInMs: 500 },
      ends: "well",
    },
  ],
  "slow-response": [
    {
      job: downloadBytes,
      on: storage,
      fault: { kind: "slow-response", bytesPerSecond: 400_000 },
      client: { idleTimeoutInMs: 500 },
      ends: "well",
    },
  ],
  "cut-request": [
    { job: uploadBytes, on: on("startUpload"), fault: { kind: "cut-request" }, times: 1, ends: "well" },
    {
      job: uploadBytes,
      on: on("finishUpload"),
      fault: { kind: "cut-request", after: 100_000 },
      times: 1,
      ends: "well",
    },
    { job: uploadChunks, on: on("patchUpload"), fault: { kind: "cut-request", after: 70_000 }, times: 1, ends: "well" },
    {
      job: uploadChunks,
      on: on("patchUpload"),
      fault: { kind: "cut-request", after: 1 },
      times: 1,
      skip: 2,
      ends: "well",
    },
    { job: uploadChunks, on: on("finishUpload"), fault: { kind: "cut-request" }, times: 1, ends: "well" },
    { job: uploadChunks, on: on("patchUpload"), fault: { kind: "cut-request", after: 70_000 }, ends: TransportError },
    // A stream can be sent again as long as all of it is still there, which is little.
    {
      job: uploadStream,
      on: on("patchUpload"),
      fault: { kind: "cut-request", after: 70_000 },
      times: 1,
      ends: "well",
    },
    {
      job: uploadLarge,
      on: on("patchUpload"),
      fault: { kind: "cut-request", after: 5_000_000 },
      times: 1,
      ends: "well",
    },
    {
      job: uploadLongStream,
      on: on("patchUpload"),
      fault: { kind: "cut-request", after: 20_000_000 },
      times: 1,
      ends: TransportError,
    },
    { job: pushManifest, on: on("putManifest"), fault: { kind: "cut-request", after: 500 }, times: 1, ends: "well" },
    { job: listTags, on: on("listTags"), fault: { kind: "cut-request" }, times: 2, ends: "well" },
    { job: pullManifest, on: tokens, fault: { kind: "cut-request" }, times: 1, ends: "well" },
  ],
  "cut-response": [
    { job: downloadBytes, on: storage, fault: { kind: "cut-response", after: 123_456 }, times: 1, ends: "well" },
    { job: downloadBytes, on: storage, fault: { kind: "cut-response" }, times: 2, ends: "well" },
    // Each connection brings something, so it goes on.
    { job: downloadBytes, on: storage, fault: { kind: "cut-response", after: 70_000 }, ends: "well" },
    { job: downloadFile, on: storage, fault: { kind: "cut-response", after: 299_999 }, times: 1, ends: "well" },
    { job: downloadFile, on: storage, fault: { kind: "cut-response", after: 10 }, ends: TransportError },
    { job: downloadBytes, on: on("getBlob"), fault: { kind: "cut-response", after: 20 }, times: 2, ends: "well" },
    { job: pullManifest, on: on("getManifest"), fault: { kind: "cut-response", after: 1_000 }, times: 3, ends: "well" },
    { job: pullManifest, on: on("getManifest"), fault: { kind: "cut-response", after: 1_000 }, ends: TransportError },
    { job: listTags, on: on("listTags"), fault: { kind: "cut-response", after: 10 }, times: 1, skip: 1, ends: "well" },
    { job: pullManifest, on: tokens, fault: { kind: "cut-response", after: 30 }, times: 1, ends: "well" },
  ],
  "lose-response": [
    { job: uploadBytes, on: on("startUpload"), fault: { kind: "lose-response" }, times: 1, ends: "well" },
    { job: uploadBytes, on: on("finishUpload"), fault: { kind: "lose-response" }, times: 1, ends: "well" },
    { job: uploadChunks, on: on("patchUpload"), fault: { kind: "lose-response" }, times: 1, skip: 1, ends: "well" },
    { job: uploadChunks, on: on("finishUpload"), fault: { kind: "lose-response" }, times: 1, ends: "well" },
    // The blob is there by then, and found.
    { job: uploadStream, on: on("finishUpload"), fault: { kind: "lose-response" }, times: 1, ends: "well" },
    { job: uploadLongStream, on: on("finishUpload"), fault: { kind: "lose-response" }, times: 1, ends: "well" },
    { job: uploadLarge, on: on("patchUpload"), fault: { kind: "lose-response" }, times: 1, ends: "well" },
    { job: pushManifest, on: on("putManifest"), fault: { kind: "lose-response" }, times: 2, ends: "well" },
    { job: deleteTag, on: on("deleteTag"), fault: { kind: "lose-response" }, times: 1, ends: "well" },
    { job: downloadBytes, on: storage, fault: { kind: "lose-response" }, times: 1, ends: "well" },
    { job: pullManifest, on: exchange, fault: { kind: "lose-response" }, times: 1, ends: "well" },
  ],
  error: [
    ...([429, 500, 502, 503, 504] as const).flatMap((status): Case[] => [
      { job: downloadBytes, on: on("getBlob"), fault: { kind: "error", status }, times: 3, ends: "well" },
      { job: downloadBytes, on: storage, fault: { kind: "error", status }, times: 1, ends: "well" },
      { job: pullManifest, on: tokens, fault: { kind: "error", status }, times: 1, ends: "well" },
      { job: pullManifest, on: exchange, fault: { kind: "error", status }, times: 1, ends: "well" },
      { job: pushManifest, on: on("putManifest"), fault: { kind: "error", status }, times: 1, ends: "well" },
      { job: deleteTag, on: on("deleteTag"), fault: { kind: "error", status, when: "after" }, times: 1, ends: "well" },
      // With a pause of its own when it is told none.
      { job: uploadChunks, on: on("patchUpload"), fault: { kind: "error", status }, times: 1, ends: "well" },
      {
        job: uploadBytes,
        on: on("finishUpload"),
        fault: { kind: "error", status, retryAfter: 0, when: "after" },
        times: 1,
        ends: "well",
      },
      {
        job: listTags,
        on: on("listTags"),
        fault: { kind: "error", status },
        ends: status === 429 ? ThrottledError : RegistryError,
        ...{
          429: { code: "TOOMANYREQUESTS" },
          500: { code: "UNKNOWN" },
          503: { code: "UNAVAILABLE" },
          502: {},
          504: {},
        }[status],
      },
    ]),
    {
      job: pullManifest,
      on: on("getManifest"),
      fault: { kind: "error", status: 429, retryAfter: 1 },
      times: 1,
      ends: "well",
    },
    {
      job: pullManifest,
      on: on("getManifest"),
      fault: { kind: "error", status: 503, retryAfter: 1, retryAfterAs: "date" },
      times: 1,
      ends: "well",
    },
    // Nobody waits an hour unasked: the caller is told.
    {
      job: pullManifest,
      on: on("getManifest"),
      fault: { kind: "error", status: 429, retryAfter: 3_600 },
      times: 1,
      ends: ThrottledError,
      code: "TOOMANYREQUESTS",
    },
  ],
  "expire-token": [
    { job: pullManifest, on: on("getManifest"), fault: { kind: "expire-token" }, times: 1, skip: 1, ends: "well" },
    { job: listTags, on: on("listTags"), fault: { kind: "expire-token" }, times: 1, skip: 1, ends: "well" },
    {
      job: downloadBytes,
      on: on("getBlob"),
      fault: { kind: "expire-token" },
      ends: ClientAuthenticationError,
      code: "UNAUTHORIZED",
    },
    { job: uploadBytes, on: on("finishUpload"), fault: { kind: "expire-token" }, times: 1, ends: "well" },
    { job: uploadChunks, on: on("patchUpload"), fault: { kind: "expire-token" }, times: 1, ends: "well" },
    { job: uploadLongStream, on: on("patchUpload"), fault: { kind: "expire-token" }, times: 1, ends: "well" },
    { job: uploadLongStream, on: on("finishUpload"), fault: { kind: "expire-token" }, times: 1, ends: "well" },
    { job: uploadBytes, on: on("finishUpload"), fault: { kind: "expire-token" }, ends: ClientAuthenticationError },
    { job: uploadLarge, on: on("patchUpload"), fault: { kind: "expire-token" }, ends: ClientAuthenticationError },
    { job: pullManifest, on: exchange, fault: { kind: "expire-token" }, ends: ClientAuthenticationError },
    { job: pullManifest, on: tokens, fault: { kind: "expire-token" }, ends: ClientAuthenticationError },
  ],
  "expire-url": [
    // A new one is to be had from the registry.
    { job: downloadBytes, on: storage, fault: { kind: "expire-url" }, times: 1, ends: "well" },
    { job: downloadFile, on: storage, fault: { kind: "expire-url" }, times: 1, ends: "well" },
    { job: downloadBytes, on: storage, fault: { kind: "expire-url" }, ends: AccessDeniedError },
    { job: downloadFile, on: storage, fault: { kind: "expire-url" }, ends: AccessDeniedError },
  ],
  "corrupt-request": [
    {
      job: uploadBytes,
      on: on("finishUpload"),
      fault: { kind: "corrupt-request" },
      ends: RegistryError,
      code: "DIGEST_INVALID",
    },
    {
      job: uploadChunks,
      on: on("patchUpload"),
      fault: { kind: "corrupt-request" },
      times: 1,
      skip: 2,
      ends: RegistryError,
      code: "DIGEST_INVALID",
    },
    { job: pushManifest, on: on("putManifest"), fault: { kind: "corrupt-request" }, ends: notThisManifest },
  ],
  "corrupt-response": [
    { job: downloadBytes, on: storage, fault: { kind: "corrupt-response" }, ends: DigestMismatchError },
    { job: downloadFile, on: storage, fault: { kind: "corrupt-response", at: 299_999 }, ends: DigestMismatchError },
    { job: pullManifest, on: on("getManifest"), fault: { kind: "corrupt-response" }, ends: DigestMismatchError },
  ],
  "truncate-response": [
    { job: downloadBytes, on: storage, fault: { kind: "truncate-response", after: 100_000 }, times: 1, ends: "well" },
    {
      job: downloadFile,
      on: storage,
      fault: { kind: "truncate-response", after: 100_000, contentLength: "adjusted" },
      ends: DigestMismatchError,
    },
    {
      job: pullManifest,
      on: on("getManifest"),
      fault: { kind: "truncate-response", after: 100 },
      times: 1,
      ends: "well",
    },
    {
      job: pullManifest,
      on: on("getManifest"),
      fault: { kind: "truncate-response", after: 100, contentLength: "adjusted" },
      ends: DigestMismatchError,
    },
    {
      job: listTags,
      on: on("listTags"),
      fault: { kind: "truncate-response", after: 40, contentLength: "adjusted" },
      ends: RegistryError,
    },
  ],
  "skew-clock": [
    // A token lives as long as it lives, whatever the clocks say. With a password: a token of Entra ID, whose own clock is
    // right, is over for a registry that is a day ahead, and not valid yet for one that is behind.
    ...[-86_400_000, 86_400_000].flatMap((ms): Case[] =>
      [downloadBytes, uploadChunks, pullManifest].map((job) => ({
        job,
        on: {},
        fault: { kind: "skew-clock", ms },
        login: "password",
        ends: "well",
      })),
    ),
  ],
};

describe("the client, when things go wrong", () => {
  let registry: FaultyRegistry;
  beforeAll(async () => {
    registry = await startFaultyRegistry();
  });
  afterAll(() => registry.close());

  const named = Object.entries(CASES).flatMap(([kind, cases]) =>
    cases.map((entry, index) => ({ ...entry, name: `${kind}-${index + 1}`, title: titleOf(entry) })),
  );

  it.concurrent.for(named)(
    "$name: $title",
    async ({ name, job, ends, code, client: options, ...entry }, { expect }) => {
      const seed = Number(process.env.ACRKIT_SEED ?? 1);
      const ward = { repository: `resilience/${name}`, calm: registry.calm };
      await job.prepare?.(ward);
      const { client, faults } = registry.patient(name, seed, options, entry.login);
      // With a warm token, so that `skip` counts what the job does.
      const rule: FaultRule = {
        ...entry.on,
        fault: entry.fault,
        ...(entry.times === undefined ? {} : { times: entry.times }),
        ...(entry.skip === undefined ? {} : { skip: entry.skip }),
      };
      if (entry.fault.kind === "expire-token" && entry.skip === 1) await job.run(client, ward);
      faults.add(rule);
      const error = await job.run(client, ward).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      faults.clear();
      expect(error === undefined || ends !== "well", `${name}, seed ${seed}: ${error}`).toBe(true);
      if (ends !== "well") {
        const kinds = [ends].flat();
        expect(
          kinds.some((kind) => error instanceof kind),
          `${name}, seed ${seed}: ${error}`,
        ).toBe(true);
        if (code !== undefined) expect(error).toMatchObject({ code });
      }
      await job.check?.(ward, error === undefined);
      // The client is as good as before.
      if (ends !== "well") await job.run(client, ward);
    },
  );

  it("forgets a token that was garbled on its way: the next call fetches another", async ({ expect }) => {
    const ward = { repository: "resilience/garbled-token", calm: registry.calm };
    await pullManifest.prepare?.(ward);
    const { client, faults } = registry.patient("garbled-token", 1);
    // The seed's bit is the highest, which no header can hold: the registry never gets to refuse this token.
    faults.add({ ...tokens, times: 1, fault: { kind: "corrupt-response", at: 300 } });
    await expect(pullManifest.run(client, ward)).rejects.toThrow();
    await pullManifest.run(client, ward);
  });

  it("counts a tag that is not there as deleted, though the answer's text broke off", async ({ expect }) => {
    const ward = { repository: "resilience/broken-404", calm: registry.calm };
    await deleteTag.prepare?.(ward);
    const { client, faults } = registry.patient("broken-404", 1);
    faults.add({ ...on("deleteTag"), times: 1, fault: { kind: "cut-response", after: 9 } });
    await expect(client.deleteTag(ward.repository, "none")).resolves.toBeUndefined();
  });

  function titleOf({ on: matcher, fault, times, skip, ends }: Case): string {
    const where = matcher.operation ?? matcher.path ?? matcher.origin ?? "everything";
    const often = `${skip === undefined ? "" : `after ${skip} `}${times === undefined ? "always" : `${times} times`}`;
    const { kind: _kind, ...members } = fault;
    const end =
      ends === "well"
        ? "succeeds"
        : `fails with ${[ends]
            .flat()
            .map((kind) => kind.name)
            .join(" or ")}`;
    return `${JSON.stringify(members)} on ${[where].flat().join(", ")} ${often}: ${end}`;
  }
});
