/** The names behind `--only`, handed from `run.ts` to Vitest; undefined for all. */
export function selectedNames(): readonly string[] | undefined {
  return process.env.INTEROP_ONLY?.split(",").filter((name) => name !== "");
}

/** A client goes by its name or any word of it: `azure` is all the SDKs, `java` one of them. */
export function isSelected(name: string, only = selectedNames()): boolean {
  const words = name.toLowerCase().split(" ");
  return only?.some((wanted) => wanted === name || words.includes(wanted.toLowerCase())) ?? true;
}
