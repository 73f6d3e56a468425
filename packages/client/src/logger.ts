import { createClientLogger } from "@azure/logger";

/** `AZURE_LOG_LEVEL=info` (or `setLogLevel`) shows what it writes, as for every Azure SDK. */
export const logger = createClientLogger("acrkit");
