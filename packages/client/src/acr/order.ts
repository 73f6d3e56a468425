import { InvalidInputError } from "@acrkit/oci";

/** In which order a list comes; by name or digest when left out. */
export type ArtifactOrder = "LastUpdatedOnDescending" | "LastUpdatedOnAscending";

const WIRE_ORDERS: Readonly<Record<ArtifactOrder, string>> = {
  LastUpdatedOnDescending: "timedesc",
  LastUpdatedOnAscending: "timeasc",
};

export function toOrderBy(order: ArtifactOrder | undefined): string | undefined {
  if (order === undefined) return undefined;
  if (Object.hasOwn(WIRE_ORDERS, order)) return WIRE_ORDERS[order];
  throw new InvalidInputError("order", order, `expected ${Object.keys(WIRE_ORDERS).join(" or ")}`);
}
