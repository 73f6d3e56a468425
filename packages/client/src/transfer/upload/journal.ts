import { type Digest, digestEncoded, digestOf, InvalidInputError } from "@acrkit/oci";
import { runtime } from "#runtime";
import { RegistryError } from "../../errors/registry-error.ts";
import { logger } from "../../logger.ts";
import type { RegistryConnection } from "../../registry/connection.ts";
import type { JournalFolder } from "../../runtime/port.ts";
import { UnsupportedError } from "../../runtime/unsupported.ts";
import type { OpenableContent } from "./content.ts";
import type { SessionState } from "./session.ts";
import { METHOD } from "./upload-errors.ts";

const VERSION = 1;

/** What is kept of an upload. The address may hold the registry's signed state, so that nobody else may read it. */
interface Entry extends SessionState {
  readonly version: typeof VERSION;
  readonly owner: string;
  readonly savedAt: number;
}

/** The journal of one upload: what a process that ended in its midst has left, and what the next one would find. */
export class JournalEntry {
  /** What was left by a process that is no more. */
  readonly left: SessionState | undefined;
  readonly #folder: JournalFolder;
  readonly #name: string;

  constructor(folder: JournalFolder, name: string, left: SessionState | undefined) {
    this.#folder = folder;
    this.#name = name;
    this.left = left;
  }

  /** Never fails: an upload that comes to its end needs no journal. */
  async save({ location, confirmedBytes, minChunkBytes }: SessionState): Promise<void> {
    const entry = { ...this.#mark(), location, confirmedBytes, minChunkBytes };
    try {
      await this.#folder.write(this.#name, JSON.stringify(entry satisfies Entry));
    } catch (error) {
      logger.warning(`the journal of an upload could not be written: ${(error as Error).message}`);
    }
  }

  /** Writes to the folder for the first time. */
  async claim(): Promise<void> {
    const state = this.left ?? { location: "", confirmedBytes: 0, minChunkBytes: 0 };
    await this.#folder.write(this.#name, JSON.stringify({ ...this.#mark(), ...state } satisfies Entry));
  }

  async remove(): Promise<void> {
    await this.#folder.remove(this.#name).catch(() => {});
  }

  #mark() {
    return { version: VERSION, owner: this.#folder.owner, savedAt: Date.now() } as const;
  }
}

/**
 * Opens the journal of an upload. Undefined when another process is at the same upload right now: its entry is left alone,
 * and this one goes without.
 *
 * @throws {InvalidInputError} the content would not be known again
 * @throws {UnsupportedError} there are no files here
 * @throws {RegistryError} `JOURNAL_FAILED`: the folder cannot be written to; nothing has been sent
 */
export async function openJournalEntry(
  connection: RegistryConnection,
  repository: string,
  folder: string,
  content: OpenableContent,
  expected: Digest | undefined,
): Promise<JournalEntry | undefined> {
  const name = entryName(connection, repository, content, expected);
  try {
    const opened = await runtime.openJournal(folder);
    const found = parseEntry(await opened.read(name));
    if (found !== undefined && opened.isAlive(found.owner, found.savedAt)) return undefined;
    const entry = new JournalEntry(opened, name, found);
    await entry.claim();
    return entry;
  } catch (cause) {
    if (cause instanceof UnsupportedError) throw cause;
    throw new RegistryError(
      `${METHOD} of ${repository} failed: the journal ${folder} cannot be written to: ${(cause as Error).message}. Nothing was sent. Name a folder in which this process may write, or none.`,
      { operation: METHOD, repository, code: "JOURNAL_FAILED", cause },
    );
  }
}

/** The same for the same content, repository and registry. */
function entryName(
  { endpoint }: RegistryConnection,
  repository: string,
  { identity, inMemory }: OpenableContent,
  expected: Digest | undefined,
): string {
  const digest = expected ?? (inMemory && digestOf(inMemory));
  const known = identity ?? (digest && [digest]);
  if (known === undefined) {
    throw new InvalidInputError(
      "journal",
      "a content that another process would not know again",
      "use { path }, bytes or text, or say the content's digest",
    );
  }
  const key = JSON.stringify([endpoint.origin, repository, ...known]);
  return digestEncoded(digestOf(new TextEncoder().encode(key)));
}

/** What cannot be read, or was written by another version, is no entry. */
function parseEntry(text: string | undefined): Entry | undefined {
  if (text === undefined) return undefined;
  try {
    const entry = JSON.parse(text) as Entry;
    const isWhole =
      entry.version === VERSION &&
      typeof entry.owner === "string" &&
      typeof entry.location === "string" &&
      isCount(entry.savedAt) &&
      isCount(entry.confirmedBytes) &&
      isCount(entry.minChunkBytes);
    return isWhole ? entry : undefined;
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
