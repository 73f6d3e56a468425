import { createRequire } from "node:module";
import { join } from "node:path";
import type { ContenderName } from "./contenders/contenders.ts";
import type { Measured, ServerAccess } from "./contenders/work.ts";
import { measure } from "./measure.ts";
import { installPeers } from "./peers/install.ts";
import type { Transfer } from "./peers/peer.ts";
import { measurePeer } from "./peers/run.ts";

/** Somebody who moves blobs: ours, the floor, a library or a tool of other people. */
export interface Entrant {
  readonly name: string;
  /** Undefined for what has none. */
  readonly version: string | undefined;
  /** Does the work in a process of its own. */
  measure(access: ServerAccess, transfer: Transfer): Promise<Measured>;
}

/** Everyone who takes part in moving blobs. */
export interface Field {
  readonly entrants: readonly Entrant[];
  /** By name, why somebody takes no part. */
  readonly missing: Readonly<Record<string, string>>;
}

/** Ours once more, with the download as one stream: what parallel ranges are held against. */
export const ONE_STREAM: Entrant = library("acrkit, one stream");

/**
 * Gathers everyone, or those that are named; what is not installed yet is installed.
 *
 * @throws {TypeError} nobody here has that name
 */
export async function gatherField(wanted: readonly string[] | undefined): Promise<Field> {
  const official = "@azure/container-registry";
  const libraries = [
    library("acrkit", versionOf("@acrkit/client")),
    library("floor"),
    library(official, versionOf(official)),
  ];
  const { present, missing } = await installPeers();
  const peers = present.map((peer) => ({
    name: peer.name,
    version: peer.version,
    measure: (access: ServerAccess, transfer: Transfer) => measurePeer(peer, access, transfer),
  }));
  const all = [...libraries, ...peers];
  const names = all.map(({ name }) => name);
  const unknown = wanted?.filter((name) => !names.includes(name) && !(name in missing)) ?? [];
  if (unknown.length > 0) {
    throw new TypeError(`there is no contender ${unknown.join(" or ")}; there are: ${names.join(", ")}`);
  }
  const entrants = wanted === undefined ? all : all.filter(({ name }) => wanted.includes(name));
  return { entrants, missing };
}

function library(name: ContenderName, version?: string): Entrant {
  return { name, version, measure: (access, work) => measure({ contender: name, access, work }) };
}

function versionOf(name: string): string {
  const require = createRequire(import.meta.url);
  // Packages need not export their package.json, so it is looked for where Node looks for packages.
  for (const folder of require.resolve.paths(name) ?? []) {
    try {
      return (require(join(folder, name, "package.json")) as { version: string }).version;
    } catch {
      // It may be in one of the folders above.
    }
  }
  throw new Error(`${name} is not installed: npm ci`);
}
