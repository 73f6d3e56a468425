import { createPipelineRequest, type PipelineRequest } from "@azure/core-rest-pipeline";

/**
 * A request like `request` but for `changes`. Everything that policies have added to it comes along, TLS settings and the
 * call's context among it; the request itself stays as it is for whoever sends it again.
 */
export function copyRequest(request: PipelineRequest, changes: Partial<PipelineRequest>): PipelineRequest {
  return Object.assign(createPipelineRequest({ url: request.url }), request, changes);
}
