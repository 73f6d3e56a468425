import { ERROR_CODES, type ErrorCode } from "@acrkit/oci";
import { jsonAnswer } from "./answers.ts";
import type { EmulatorResponse, HeaderLine } from "./message.ts";

/** One entry of the error envelope. `detail` may be `null`, which is not the same as none (1.3). */
export interface ErrorEntry {
  readonly code: ErrorCode;
  readonly message?: string;
  readonly detail?: unknown;
}

/** Ends a request with an error answer; status and message are the code's usual ones unless given. */
export class RegistryFailure extends Error {
  override readonly name = "RegistryFailure";
  readonly entries: readonly ErrorEntry[];
  readonly status: number;
  readonly headers: readonly HeaderLine[];

  constructor(entries: readonly ErrorEntry[], status: number, headers: readonly HeaderLine[]) {
    super(entries.map(({ code }) => code).join(", "));
    this.entries = entries;
    this.status = status;
    this.headers = headers;
  }
}

/** The failure of one code. */
export function failure(
  code: ErrorCode,
  options: Omit<ErrorEntry, "code"> & { readonly status?: number; readonly headers?: readonly HeaderLine[] } = {},
): RegistryFailure {
  const { status = ERROR_CODES[code].status, headers = [], ...entry } = options;
  return new RegistryFailure([{ code, ...entry }], status, headers);
}

/** The failure of several entries, as for every blob that is missing. */
export function failures(entries: readonly [ErrorEntry, ...ErrorEntry[]]): RegistryFailure {
  return new RegistryFailure(entries, ERROR_CODES[entries[0].code].status, []);
}

/** `{"errors":[{"code","message","detail"?}]}` (1.3). */
export function errorBody(entries: readonly ErrorEntry[]): unknown {
  return {
    errors: entries.map(({ code, message = ERROR_CODES[code].message, detail }) => ({ code, message, detail })),
  };
}

export function failureAnswer(failed: RegistryFailure): EmulatorResponse {
  return jsonAnswer(failed.status, errorBody(failed.entries), failed.headers);
}
