import { acrkit } from "./acrkit.ts";
import type { ContenderFactory } from "./contender.ts";
import { floor } from "./floor.ts";
import { official } from "./official.ts";

/** Everyone who takes part, by the name under which the results stand. */
export const CONTENDERS = { acrkit, floor, "@azure/container-registry": official } satisfies Record<
  string,
  ContenderFactory
>;

export type ContenderName = keyof typeof CONTENDERS;
