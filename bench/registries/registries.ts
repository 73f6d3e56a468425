import { distribution } from "./distribution.ts";
import { emulatorKind } from "./emulator.ts";
import type { RegistryKind, RunningRegistry } from "./running-registry.ts";

/** Everyone who takes part, by the name under which the results stand. */
export const REGISTRIES = {
  /** The two that promise the same: what was answered for is on the disk. */
  acrkit: emulatorKind({ durable: true }),
  "docker-registry": distribution,
  /** The emulator as tests start it, with a folder that goes away with it: it waits for no disk. */
  "acrkit, temporary": emulatorKind({ durable: false }),
} satisfies Record<string, RegistryKind>;

export type RegistryName = keyof typeof REGISTRIES;

/** Who takes part where nothing is written: there, the two ways to keep things are the same. */
export const READERS = ["acrkit", "docker-registry"] as const satisfies readonly RegistryName[];
export const WRITERS = [...READERS, "acrkit, temporary"] as const satisfies readonly RegistryName[];

/** Why there is nobody to compare with here; undefined when there is. */
export const missingRegistry = REGISTRIES["docker-registry"].missing;

/** Starts some of them for as long as they are used. */
export async function withRegistries<Name extends RegistryName, T>(
  names: readonly Name[],
  use: (registries: Readonly<Record<Name, RunningRegistry>>) => Promise<T>,
): Promise<T> {
  const running = new Map<Name, RunningRegistry>();
  try {
    for (const name of names) running.set(name, await REGISTRIES[name].start());
    return await use(Object.fromEntries(running) as Record<Name, RunningRegistry>);
  } finally {
    for (const registry of running.values()) await registry.stop();
  }
}
