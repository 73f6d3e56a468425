import { createTracingClient } from "@azure/core-tracing";
import { VERSION } from "./version.ts";

/** Spans are made only when the application has registered an instrumenter (`@azure/opentelemetry-instrumentation-azure-sdk`). */
export const tracingClient = createTracingClient({
  namespace: "Microsoft.ContainerRegistry",
  packageName: "@acrkit/client",
  packageVersion: VERSION,
});
