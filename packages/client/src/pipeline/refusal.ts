import type { PipelineResponse } from "@azure/core-rest-pipeline";

const explanationKey = Symbol("acrkit.refusal");
type ExplainedResponse = PipelineResponse & { [explanationKey]?: string };

/** Says on a 401 that ends a call why it does, and what to do. A symbol, so that neither a log nor an error's copy sees it. */
export function explainRefusal(response: PipelineResponse, explanation: string): void {
  (response as ExplainedResponse)[explanationKey] = explanation;
}

export function explanationOf(response: PipelineResponse): string | undefined {
  return (response as ExplainedResponse)[explanationKey];
}
