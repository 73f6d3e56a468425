import type { Scope } from "@acrkit/oci";
import type { PipelineRequest } from "@azure/core-rest-pipeline";
import type { IdleTimer } from "./idle-timer.ts";

/** What a call is, in the words its errors use. */
export interface CallDescription {
  /** The client's method: `deleteTag`. */
  readonly operation: string;
  /** Host and port of the registry. */
  readonly registry: string;
  readonly repository?: string | undefined;
  /** The tag or digest the call is about. */
  readonly reference?: string | undefined;
  /** True for ACR's own `/acr/v1`, which other registries lack. */
  readonly metadataApi: boolean;
  /** What to do about a 401, where that is known beforehand: a token service refuses without saying why. */
  readonly refusalHint?: string;
}

/**
 * Where the registry has sent a transfer's requests, kept from one to the next: a signed URL is good for some minutes, and
 * asking for another would cost a round trip for each range of a blob.
 */
export interface RedirectMemory {
  /** The last target that gave what was asked for; undefined when the registry is to be asked. */
  target?: string | undefined;
}

/** What the policies need to know of the call that a request belongs to. */
export interface CallContext {
  readonly call: CallDescription;
  /** What the token must cover. */
  readonly scopes: readonly Scope[];
  /** False when sending it again after a failure could do harm: the registry may have done what it was asked for. */
  readonly repeatable: boolean;
  /**
   * False for a body that can be had once. Otherwise a request that was refused with 401 is sent again with another token,
   * repeatable or not: it was refused before anything was done.
   */
  readonly hasBodyAgain: boolean;
  /** How long the registry may take to answer, or a body to make progress, before the connection counts as dead. */
  readonly idleTimeoutInMs: number;
  /** How much of the answer's body is read into memory, and what to call it; undefined for one that flows. */
  readonly buffer?: { readonly maxBytes: number; readonly what: string } | undefined;
  /** For the requests of one transfer, which all ask for the same blob; each follows its own redirect without it. */
  readonly redirects?: RedirectMemory | undefined;
  /** Set by the idle policy while it waits: a body that is being sent says here that it moves, or waits for its source. */
  watch?: IdleTimer | undefined;
}

const contextKey = Symbol("acrkit.call");
type RequestWithContext = PipelineRequest & { [contextKey]?: CallContext };

/** Ties a request to its call. A symbol, so that neither the transport nor a log sees it. */
export function attachContext<T extends PipelineRequest>(request: T, context: CallContext): T {
  (request as RequestWithContext)[contextKey] = context;
  return request;
}

export function contextOf(request: PipelineRequest): CallContext {
  const context = (request as RequestWithContext)[contextKey];
  if (context === undefined) throw new TypeError("a request entered the pipeline without its call's context");
  return context;
}
