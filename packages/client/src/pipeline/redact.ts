import { createHttpHeaders, createPipelineRequest, type PipelineRequest } from "@azure/core-rest-pipeline";

/**
 * A copy of a request that an error may carry to wherever the application writes its errors: no `Authorization`, no body
 * (a token request's body is a credential), no query values that could be signatures or upload state.
 */
export function withoutSecrets(request: PipelineRequest): PipelineRequest {
  const headers = createHttpHeaders(request.headers.toJSON({ preserveCase: true }));
  headers.delete("authorization");
  headers.delete("proxy-authorization");
  return createPipelineRequest({
    url: urlWithoutSecrets(request.url),
    method: request.method,
    headers,
    requestId: request.requestId,
  });
}

/** Query parameters that are worth reading in a log and hold nothing secret. */
export const LOGGED_QUERY_PARAMETERS: readonly string[] = [
  "api-version",
  "n",
  "last",
  "orderby",
  "digest",
  "mount",
  "from",
  "_nouploadcache",
  "artifactType",
];

/** A URL whose query values are masked unless they are on the list. */
export function urlWithoutSecrets(text: string): string {
  const url = new URL(text);
  url.username = "";
  url.password = "";
  for (const name of [...url.searchParams.keys()]) {
    if (!LOGGED_QUERY_PARAMETERS.includes(name)) url.searchParams.set(name, "REDACTED");
  }
  return url.toString();
}
