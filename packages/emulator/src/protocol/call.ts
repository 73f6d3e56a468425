import type { Digest, OperationParameters, Scope } from "@acrkit/oci";
import type { RegistryContext } from "./context.ts";
import type { EmulatorRequest, EmulatorResponse } from "./message.ts";

/** One authorised call of an operation. */
export interface Call extends RegistryContext {
  readonly request: EmulatorRequest;
  readonly parameters: OperationParameters;
  /** HOST, as this request calls it. */
  readonly host: string;
  /** Whether the caller may do this as well. */
  reaches(scope: Scope): boolean;
}

/** Carries out one operation. Throws `RegistryFailure` for every answer that is an error. */
export type OperationHandler = (call: Call) => EmulatorResponse | Promise<EmulatorResponse>;

/** The call's repository. */
export function repositoryOf(call: Call): string {
  return parameter(call, "name");
}

/** The call's digest. */
export function digestOfCall(call: Call): Digest {
  return parameter(call, "digest") as Digest;
}

/** A parameter that the operation's path has; it follows its grammar, or the path had matched nothing. */
export function parameter(call: Call, name: keyof OperationParameters): string {
  const value = call.parameters[name];
  if (value === undefined) throw new TypeError(`the operation's path has no ${name}`);
  return value;
}
