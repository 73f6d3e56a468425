#!/usr/bin/env node

// Loaded only then: an older Node.js fails on what it imports, with a message that helps nobody.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 13)) {
  process.stdout.write(`docker-credential-acrkit needs Node.js 22.13 or later; this is ${process.versions.node}\n`);
  process.exit(1);
}
const { runHelperCommand } = await import("./command.ts");

/** Whoever asks may have gone away meanwhile. */
process.stdout.on("error", () => {});

process.exitCode = await runHelperCommand({
  args: process.argv.slice(2),
  environment: process.env,
  input: process.stdin,
  out: (text) => process.stdout.write(`${text}\n`),
  error: (text) => process.stderr.write(`${text}\n`),
});
// Credentials keep connections open for a next time that does not come.
process.stdout.write("", () => process.exit());
