import type { RegistryMeasured } from "../registries/measure-registry.ts";
import { medians, type Results } from "../rounds.ts";
import { type Row, toRow } from "./row.ts";

/** How much a server does in a second, and in a second of its processor's time. */
export function rateRows<Name extends string>(
  name: string,
  what: string,
  results: Results<Name | "acrkit", RegistryMeasured>,
): readonly [rate: Row, cpu: Row] {
  return [
    toRow(
      name,
      `${what}/s`,
      medians(results, ({ done, seconds }) => done / seconds),
    ),
    toRow(
      `${name}-cpu`,
      `${what} per CPU second`,
      medians(results, ({ done, cpuSeconds }) => done / cpuSeconds),
    ),
  ];
}
