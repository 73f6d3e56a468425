import type { Digest } from "@acrkit/oci";

/** The four booleans of ACR's `changeableAttributes`. */
export interface Attributes {
  readonly deleteEnabled: boolean;
  readonly writeEnabled: boolean;
  readonly readEnabled: boolean;
  readonly listEnabled: boolean;
}

/** What everything starts with. */
export const OPEN: Attributes = { deleteEnabled: true, writeEnabled: true, readEnabled: true, listEnabled: true };

/** Times are RFC 3339 in UTC; fractions are stored with seven digits, so that they sort as texts. */
export type Timestamp = string;

export interface RepositoryRecord {
  readonly name: string;
  readonly createdTime: Timestamp;
  readonly lastUpdateTime: Timestamp;
  readonly attributes: Attributes;
}

/** A repository together with how much is in it. */
export interface RepositorySummary extends RepositoryRecord {
  readonly manifestCount: number;
  readonly tagCount: number;
}

export interface TagRecord {
  readonly name: string;
  readonly digest: Digest;
  readonly createdTime: Timestamp;
  readonly lastUpdateTime: Timestamp;
  readonly attributes: Attributes;
}

export interface ManifestRecord {
  readonly digest: Digest;
  readonly mediaType: string;
  /** Bytes of the manifest itself. */
  readonly size: number;
  /** Bytes of what it refers to, as ACR reports them. */
  readonly imageSize: number;
  readonly createdTime: Timestamp;
  readonly lastUpdateTime: Timestamp;
  readonly attributes: Attributes;
  readonly architecture?: string | undefined;
  readonly os?: string | undefined;
  readonly configMediaType?: string | undefined;
  /** The manifest this one is attached to. */
  readonly subject?: Digest | undefined;
  readonly artifactType?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly quarantineState?: string | undefined;
  /** JSON, kept as the text it came as. */
  readonly quarantineDetails?: string | undefined;
}

/** By name (or digest), or by `lastUpdateTime`; equal times are ordered by name. */
export type Order = "name" | "timeasc" | "timedesc";

/** A `limit` that is none, as SQLite writes it. */
export const EVERY = -1;

/** One page out of a list. */
export interface ListQuery {
  readonly order?: Order;
  /** Start behind this entry; it need not exist when the order is by name. */
  readonly after?: string | undefined;
  readonly limit: number;
  /** Leave out what has `listEnabled: false`. */
  readonly listedOnly?: boolean;
}
