import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ContainerRegistryClient } from "@acrkit/client";
import { createDigester, type Digest } from "@acrkit/oci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestOfFile } from "../content/file.ts";
import { seededStream } from "../content/seeded.ts";
import { distributionHarness } from "../registries/distribution.ts";
import { zotHarness } from "../registries/zot.ts";
import { createChance } from "../resilience/chance.ts";
import { type CutRegistry, emulated, served } from "./cut-registries.ts";

const MIB = 1024 * 1024;
const SIZE = 200 * MIB;

/** What may be on its way when a connection is cut, over all requests of a transfer. */
const IN_FLIGHT = 16 * MIB;

/** Heads, answers and tokens. */
const TALK = MIB;

const SEED = Number(process.env.ACRKIT_SEED ?? Math.floor(Math.random() * 1_000_000));
const chance = createChance(SEED);
const AGAIN = `again: ACRKIT_SEED=${SEED} npx vitest run contracts/transfers/cuts.test.ts`;

/** Three points, each some way behind the one before and before the end, whether the transfer goes on or starts again. */
const threePoints = () => Array.from({ length: 3 }, () => MIB + chance.below(60 * MIB));
const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

const REGISTRIES = [
  emulated("the emulator", {}),
  emulated("the emulator with resumable uploads", { resumableUploads: true }),
  served(distributionHarness, false),
  served(zotHarness, true),
];

const FORMS = [
  ["a file in parallel ranges", { parallel: 4 }],
  ["a file in one stream", { parallel: 1 }],
  ["a stream", undefined],
] as const;

describe(`200 MiB, cut at three random points (${AGAIN})`, () => {
  let folder: string;
  let path: string;
  let digest: Digest;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "acrkit-cuts-"));
    path = join(folder, "content");
    await writeFile(path, seededStream("cuts", SIZE));
    digest = await digestOfFile(path);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  for (const registry of REGISTRIES) {
    const { name, missing, resumes } = registry;
    if (missing !== undefined) console.log(`SKIPPED: cuts against ${name}: ${missing}`);
    describe.skipIf(missing !== undefined)(`with ${name}`, () => {
      let running: CutRegistry;
      beforeAll(async () => {
        running = await registry.start();
      });
      afterAll(() => running?.close());

      it("an upload gets through", async () => {
        const points = threePoints();
        const { client, proxy } = await running.through("up", points);
        try {
          expect(await client.uploadBlob("cut/up", { path })).toEqual({ digest, sizeInBytes: SIZE });
          expect(proxy.cuts).toBe(3);
          expect(await digestRead(running.calm, "cut/up", digest)).toBe(digest);
          const again = proxy.bytes.up - SIZE;
          console.log(`upload to ${name}: ${(again / MIB).toFixed(1)} MiB sent again after cuts at ${shown(points)}`);
          // Where nothing can go on, each cut costs what was sent before it, and no more.
          expect(again, AGAIN).toBeLessThan((resumes ? 0 : sum(points)) + 3 * IN_FLIGHT + TALK);
        } finally {
          await proxy.close();
        }
      }, 120_000);

      it("downloads get through, whatever their form", async () => {
        await running.calm.uploadBlob("cut/down", { path });
        for (const [form, options] of FORMS) {
          const points = threePoints();
          const { client, proxy } = await running.through("down", points);
          try {
            const read =
              options === undefined
                ? await digestRead(client, "cut/down", digest)
                : await digestWritten(client, "cut/down", digest, folder, options);
            expect(read).toBe(digest);
            expect(proxy.cuts).toBe(3);
            const again = proxy.bytes.down - SIZE;
            console.log(`${form} from ${name}: ${(again / MIB).toFixed(1)} MiB again after cuts at ${shown(points)}`);
            expect(again, AGAIN).toBeLessThan(3 * IN_FLIGHT + TALK);
          } finally {
            await proxy.close();
          }
        }
      }, 120_000);
    });
  }
});

const shown = (points: readonly number[]) => `${points.map((point) => Math.round(point / MIB)).join(", ")} MiB`;

/** Reads it to its end without holding it, and trusts nobody: the bytes are hashed here. */
async function digestRead(client: ContainerRegistryClient, repository: string, digest: string): Promise<string> {
  const digester = createDigester();
  for await (const part of await client.downloadBlob(repository, digest)) digester.update(part);
  return digester.digest();
}

async function digestWritten(
  client: ContainerRegistryClient,
  repository: string,
  digest: string,
  folder: string,
  options: { readonly parallel: number },
): Promise<string> {
  const into = await mkdtemp(join(folder, "into-"));
  await (await client.downloadBlob(repository, digest)).toFile(join(into, "blob"), options);
  expect(await readdir(into)).toEqual(["blob"]);
  const written = await digestOfFile(join(into, "blob"));
  await rm(into, { recursive: true });
  return written;
}
