/** What everyone measured, one entry a round. */
export type Results<Name extends string, T> = Readonly<Record<Name, readonly T[]>>;

/**
 * Measures everyone once a round. Everyone goes first in turn, so that a machine that warms up or slows down favours
 * nobody.
 */
export async function interleave<Name extends string, T>(
  names: readonly Name[],
  rounds: number,
  measure: (name: Name, round: number) => Promise<T>,
): Promise<Results<Name, T>> {
  const results = Object.fromEntries(names.map((name) => [name, [] as T[]])) as Record<Name, T[]>;
  for (let round = 0; round < rounds; round++) {
    const first = round % names.length;
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      results[name].push(await measure(name, round));
    }
  }
  return results;
}

/** The same, where somebody may be unable to: that is said once, and the others go on without. */
export async function interleaveThoseWhoCan<T>(
  names: readonly string[],
  rounds: number,
  measure: (name: string, round: number) => Promise<T>,
): Promise<Results<string, T>> {
  const failed = new Set<string>();
  const results = await interleave(names, rounds, async (name, round) => {
    if (failed.has(name)) return undefined;
    try {
      return await measure(name, round);
    } catch (error) {
      failed.add(name);
      console.error(`Left out, since it failed: ${name}: ${error instanceof Error ? error.message : error}`);
      return undefined;
    }
  });
  const complete = Object.entries(results).filter(([name]) => !failed.has(name));
  return Object.fromEntries(complete.map(([name, runs]) => [name, runs.filter((run) => run !== undefined)]));
}

/** The middle of everyone's rates. */
export function medians<Name extends string, T>(
  results: Results<Name, T>,
  rate: (measured: T) => number,
): Record<Name, number> {
  const entries = Object.entries<readonly T[]>(results);
  return Object.fromEntries(entries.map(([name, all]) => [name, median(all.map(rate))])) as Record<Name, number>;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] as number)) / 2;
}
