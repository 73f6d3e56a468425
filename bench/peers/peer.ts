import type { ServerAccess, Work } from "../contenders/work.ts";

/** What a peer is given to do: everything that is not a library's affair alone. */
export type Transfer = Extract<Work, { kind: "upload" | "download" }>;

/** Somebody else's program, which moves blobs. */
export interface Peer {
  readonly name: string;
  readonly version: string;
  /** Prepares a transfer, so that what is measured is only the program. */
  prepare(access: ServerAccess, transfer: Transfer, home: string): Promise<Invocation>;
}

/** How a program is run. */
export interface Invocation {
  readonly command: readonly [string, ...string[]];
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Files for standard input and output; nothing, and thrown away, when left out. */
  readonly stdin?: string;
  readonly stdout?: string;
  /** Whether it says itself what it took, as JSON in its last line: a library's program, measured after its imports. */
  readonly measuresItself?: boolean;
}
