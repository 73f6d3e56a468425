import { format } from "node:util";
import { AzureLogger, getLogLevel, setLogLevel } from "@azure/logger";
import { onTestFinished } from "vitest";

/** Everything that the Azure SDKs log at level info until the test ends, as `AZURE_LOG_LEVEL=info` would show it. */
export function recordLogs(): string[] {
  const lines: string[] = [];
  const before = { level: getLogLevel(), log: AzureLogger.log };
  AzureLogger.log = (...parameters) => void lines.push(format(...parameters));
  setLogLevel("info");
  onTestFinished(() => {
    AzureLogger.log = before.log;
    setLogLevel(before.level);
  });
  return lines;
}
