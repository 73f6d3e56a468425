import { format } from "node:util";
import { AzureLogger, type AzureLogLevel, getLogLevel, setLogLevel } from "@azure/logger";
import { onTestFinished } from "vitest";

/** Everything that the Azure SDKs log until the test ends, as `AZURE_LOG_LEVEL` would show it. */
export function recordLogs(level: AzureLogLevel = "info"): string[] {
  const lines: string[] = [];
  const before = { level: getLogLevel(), log: AzureLogger.log };
  AzureLogger.log = (...parameters) => void lines.push(format(...parameters));
  setLogLevel(level);
  onTestFinished(() => {
    AzureLogger.log = before.log;
    setLogLevel(before.level);
  });
  return lines;
}
