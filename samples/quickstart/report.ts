/** Tells what happens, a line a step: what, how much, how long. */

export function heading(text: string): void {
  console.log(`\n${text}`);
}

export function line(text: string): void {
  console.log(`  ${text}`);
}

/** Runs a step and tells its outcome with the time it took. */
export async function step<T>(run: () => Promise<T>, describe: (result: T) => string): Promise<T> {
  const start = performance.now();
  const result = await run();
  line(`${describe(result)}  ${duration(performance.now() - start)}`);
  return result;
}

export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** Enough of a digest to recognise it. */
export function short(digest: string): string {
  return `${digest.slice(0, 19)}…`;
}

function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
