import { acrkit, acrkitOneStream } from "./acrkit.ts";
import type { ContenderFactory } from "./contender.ts";
import { floor } from "./floor.ts";
import { official } from "./official.ts";

/** The libraries for JavaScript, by the name under which the results stand. */
export const CONTENDERS = {
  acrkit,
  "acrkit, one stream": acrkitOneStream,
  floor,
  "@azure/container-registry": official,
} satisfies Record<string, ContenderFactory>;

export type ContenderName = keyof typeof CONTENDERS;
