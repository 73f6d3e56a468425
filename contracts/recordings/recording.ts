import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** A recorded body: see the recordings' README, "Format". */
export type RecordedBody =
  | { readonly json: unknown }
  | { readonly form: readonly (readonly [string, string])[] }
  | { readonly text: string }
  | { readonly base64: string }
  | { readonly omitted: string; readonly bytes: number };

export type RecordedHeaders = Readonly<Record<string, string | readonly string[]>>;

export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: readonly (readonly [string, string])[];
  readonly headers: RecordedHeaders;
  readonly body: RecordedBody | null;
  /** Only on requests that went to blob storage. */
  readonly host?: string;
}

export interface RecordedResponse {
  readonly status: number;
  readonly headers: RecordedHeaders;
  readonly body: RecordedBody | null;
}

export interface Exchange {
  readonly request: RecordedRequest;
  readonly response: RecordedResponse;
}

export interface Recording {
  readonly id: string;
  readonly title: string;
  readonly recorder: "test-proxy" | "vcrpy" | "java";
  readonly exchanges: readonly Exchange[];
  readonly jwts?: Readonly<Record<string, { readonly payload: Readonly<Record<string, unknown>> }>>;
  readonly uploadStates?: Readonly<Record<string, { readonly payload: Readonly<Record<string, unknown>> }>>;
}

/** The name every recorded registry was given. */
export const RECORDED_HOST = "registry.example.azurecr.io";

/** Where the recordings are: `ACRKIT_RECORDINGS`, else a folder beside the repository. */
export function recordingsFolder(): string {
  return process.env.ACRKIT_RECORDINGS ?? resolve(import.meta.dirname, "../../../shared/recordings");
}

/** Every recording of the folder, or undefined when there is no such folder. */
export function loadRecordings(folder: string): readonly Recording[] | undefined {
  if (!existsSync(folder)) return undefined;
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .sort()
    .map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as Recording);
}

/** The first line of a header. */
export function headerText(headers: RecordedHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" ? value : value?.[0];
}

/** A body's JSON, or undefined when it is something else. */
export function jsonOf(body: RecordedBody | null): unknown {
  return body !== null && "json" in body ? body.json : undefined;
}
