#!/usr/bin/env node

// Loaded only then: an older Node.js fails on what it imports, with a message that helps nobody.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 13)) {
  process.stderr.write(`acrkit-emulator needs Node.js 22.13 or later; this is ${process.versions.node}\n`);
  process.exit(1);
}
const { runCommand } = await import("./command.ts");

/** `npm run` and `npx` pass on a Ctrl-C that the terminal has sent to everyone already: within this, two are one. */
const SAME_SIGNAL_MS = 500;

/** 128 and the signal's number, as shells have it. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

const stopped = new Promise<void>((resolve) => {
  let firstAt: number | undefined;
  for (const [signal, exitCode] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      firstAt ??= performance.now();
      resolve();
      if (performance.now() - firstAt > SAME_SIGNAL_MS) process.exit(exitCode);
    });
  }
});

// Whoever reads along may stop reading, as in `acrkit-emulator | head`.
process.stdout.on("error", () => {});

process.exitCode = await runCommand({
  args: process.argv.slice(2),
  env: process.env,
  out: (line) => process.stdout.write(`${line}\n`),
  error: (line) => process.stderr.write(`${line}\n`),
  // Asks NO_COLOR and the like as well.
  isColored: process.stdout.isTTY === true && process.stdout.hasColors(),
  stopped,
});
