import type { ByteSource } from "@acrkit/oci";

/** Which server a request reached: a registry, the blob storage it redirects to, or the stand-in for Entra ID. */
export type Origin = "registry" | "storage" | "entra";

/** A request as it came over the wire. */
export interface EmulatorRequest {
  readonly origin: Origin;
  readonly method: string;
  /** The path as it was sent, escapes and all. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** By lower-case name; lines of the same name joined by a comma. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Can be read once; unread, it is thrown away. */
  readonly body: ByteSource;
}

/** One header line. */
export type HeaderLine = readonly [name: string, value: string];

/** Bytes that are lent: a part's memory is used again once the promise for it ends. */
export interface LendingSource extends ByteSource {
  lend(use: (part: Uint8Array) => Promise<void>): Promise<void>;
}

/** An answer as it goes over the wire. */
export interface EmulatorResponse {
  readonly status: number;
  /** In this order and spelling; a name may stand there several times. */
  readonly headers: readonly HeaderLine[];
  /** A stream that fails cuts the connection, as the client is to notice it. */
  readonly body?: Uint8Array | ByteSource | LendingSource | undefined;
  /** What went wrong inside, for who runs the emulator; never sent. */
  readonly failure?: unknown;
}

/** Answers requests. */
export type Handler = (request: EmulatorRequest) => Promise<EmulatorResponse>;

/** The first line of this name, or undefined. */
export function headerOf(response: EmulatorResponse, name: string): string | undefined {
  const wanted = name.toLowerCase();
  return response.headers.find(([line]) => line.toLowerCase() === wanted)?.[1];
}
