import { REPOSITORY } from "../registries/emulator.ts";
import { measureRegistry } from "../registries/measure-registry.ts";
import { missingRegistry, READERS, WRITERS, withRegistries } from "../registries/registries.ts";
import { interleave } from "../rounds.ts";
import { rateRows } from "./registry-rates.ts";
import type { RowGroup } from "./row.ts";

const BLOBS = 1_000;

/** Blobs of 4 KiB, with 16 under way. A first round is not counted: everyone's code is warm then. */
export const registryPushRows: RowGroup = {
  names: ["emulator-small-push", "emulator-small-push-cpu"],
  missing: missingRegistry,
  run: ({ rounds }) =>
    withRegistries(WRITERS, async (running) => {
      const push = (name: (typeof WRITERS)[number], seed: string) =>
        measureRegistry(running[name], { kind: "push-blobs", repository: REPOSITORY, count: BLOBS, seed });
      for (const name of WRITERS) await push(name, "warm-up");
      return rateRows(
        "emulator-small-push",
        "blobs",
        await interleave(WRITERS, rounds, (name, round) => push(name, `${round}`)),
      );
    }),
};

/** The same blobs, fetched as a client does: the emulator redirects every download, and so takes two requests for each. */
export const registryPullRows: RowGroup = {
  names: ["emulator-small-pull", "emulator-small-pull-cpu"],
  missing: missingRegistry,
  run: ({ rounds }) =>
    withRegistries(READERS, async (running) => {
      const blobs = { repository: REPOSITORY, count: BLOBS, seed: "pulled" };
      const pull = (name: (typeof READERS)[number]) => measureRegistry(running[name], { kind: "pull-blobs", ...blobs });
      for (const name of READERS) {
        await measureRegistry(running[name], { kind: "push-blobs", ...blobs });
        await pull(name);
      }
      return rateRows("emulator-small-pull", "blobs", await interleave(READERS, rounds, pull));
    }),
};
