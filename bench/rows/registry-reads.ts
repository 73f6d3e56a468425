import { type Digest, digestOf, MediaType } from "@acrkit/oci";
import { LoadClient } from "../load/client.ts";
import { REPOSITORY } from "../registries/emulator.ts";
import { measureRegistry, type RegistryMeasured } from "../registries/measure-registry.ts";
import { missingRegistry, READERS, withRegistries } from "../registries/registries.ts";
import { type RunningRegistry, seededTag } from "../registries/running-registry.ts";
import { interleave, type Results } from "../rounds.ts";
import { rateRows } from "./registry-rates.ts";
import { type BenchOptions, type Row, type RowGroup, toRow } from "./row.ts";

/** Long enough to be told apart from the machine's noise. */
const MEASURED_MS = 3_000;
const WARM_UP_MS = 1_000;

const TAG = "v1";
const PAGE = 100;

/** One manifest again and again, by its tag and by its digest. */
export const registryManifestRows: RowGroup = {
  names: [
    "emulator-manifest-get",
    "emulator-manifest-get-cpu",
    "emulator-manifest-get-by-digest",
    "emulator-manifest-get-by-digest-cpu",
  ],
  missing: missingRegistry,
  async run(options) {
    const path = (reference: string) => () => `/v2/${REPOSITORY}/manifests/${reference}`;
    const byTag = await getRounds(options, path(TAG));
    const byDigest = await getRounds(options, path(manifest().digest));
    return [
      ...rateRows("emulator-manifest-get", "GETs", byTag),
      ...rateRows("emulator-manifest-get-by-digest", "GETs", byDigest),
    ];
  },
};

/**
 * A page of 100 from the middle of the list of tags, and how the processor's time for it depends on the list's length; 1 is not at all.
 *
 * docker-registry 2.8 knows neither `n` nor `last`: its answer is the whole list.
 */
export const registryTagRows: RowGroup = {
  names: [
    "emulator-tags-10k",
    "emulator-tags-10k-cpu",
    "emulator-tags-100k",
    "emulator-tags-100k-cpu",
    "emulator-tags-growth",
  ],
  missing: missingRegistry,
  async run(options) {
    const page = (tags: number) => `/v2/${REPOSITORY}/tags/list?n=${PAGE}&last=${seededTag(tags / 2)}`;
    const rates = async (name: string, tags: number) =>
      rateRows(name, "pages", await getRounds(options, () => page(tags), tags));
    const [few, fewCpu] = await rates("emulator-tags-10k", 10_000);
    const [many, manyCpu] = await rates("emulator-tags-100k", 100_000);
    return [few, fewCpu, many, manyCpu, growthRow("emulator-tags-growth", fewCpu, manyCpu)];
  },
};

function growthRow(name: string, few: Row, many: Row): Row {
  const peers = Object.entries(few.peers).map(([peer, rate]) => [peer, (many.peers[peer] ?? Number.NaN) / rate]);
  return toRow(name, "CPU of a page, 10k over 100k tags", {
    acrkit: many.ours / few.ours,
    ...Object.fromEntries(peers),
  });
}

function getRounds(
  { rounds }: BenchOptions,
  path: () => string,
  tags = 0,
): Promise<Results<(typeof READERS)[number], RegistryMeasured>> {
  return withRegistries(READERS, async (running) => {
    const get = (name: (typeof READERS)[number], milliseconds: number) =>
      measureRegistry(running[name], { kind: "get", path: path(), accept: MediaType.ociManifest, milliseconds });
    for (const name of READERS) {
      await pushManifest(running[name]);
      await running[name].seedTags(REPOSITORY, manifest().digest, tags);
      await get(name, WARM_UP_MS);
    }
    return interleave(READERS, rounds, (name) => get(name, MEASURED_MS));
  });
}

async function pushManifest({ target }: RunningRegistry): Promise<void> {
  const client = new LoadClient(target);
  await client.push(REPOSITORY, CONFIG_DIGEST, CONFIG);
  await client.putManifest(REPOSITORY, TAG, MediaType.ociManifest, manifest().content);
  client.close();
}

const CONFIG = Buffer.from("{}");
const CONFIG_DIGEST = digestOf(CONFIG);

function manifest(): { readonly content: Buffer; readonly digest: Digest } {
  const config = { mediaType: MediaType.ociConfig, digest: CONFIG_DIGEST, size: CONFIG.byteLength };
  const content = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociManifest, config, layers: [] }),
  );
  return { content, digest: digestOf(content) };
}
