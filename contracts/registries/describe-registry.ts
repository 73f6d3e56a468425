import type { ContainerRegistryClient } from "@acrkit/client";
import { afterAll, beforeAll, describe } from "vitest";
import type { RegistryHarness, RegistryUnderTest } from "./registry.ts";

/** Runs a suite against a registry that is started for it; says so plainly when it cannot be. */
export function describeRegistry(
  suite: string,
  harness: RegistryHarness,
  define: (client: () => ContainerRegistryClient) => void,
): void {
  const { name, missing } = harness;
  if (missing !== undefined) console.log(`SKIPPED: ${suite} against ${name}: ${missing}`);
  describe.skipIf(missing !== undefined)(`${suite} against ${name}`, () => {
    let registry: RegistryUnderTest | undefined;
    beforeAll(async () => {
      registry = await harness.start();
    });
    afterAll(() => registry?.close());
    define(() => {
      if (registry === undefined) throw new Error("the registry has not been started");
      return registry.client;
    });
  });
}
