#!/usr/bin/env node
import { runCommand } from "./command.ts";

process.exitCode = await runCommand({
  args: process.argv.slice(2),
  out: (line) => process.stdout.write(`${line}\n`),
  error: (line) => process.stderr.write(`${line}\n`),
  // The first signal stops cleanly; a second one, should that hang, has its usual effect.
  stopped: new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  }),
});
