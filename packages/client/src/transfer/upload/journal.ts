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
  /** Its own: whoever can rename files of a folder could hand one upload's session to another otherwise. */
  readonly name: string;
  readonly owner: string;
  readonly savedAt: number;
}

/** Uploads that this process is at, by folder and name: its entries tell other processes alone. */
const atWork = new Set<string>();

/** The journal of one upload: what a process that ended in its midst has left, and what the next one would find. */
export class JournalEntry {
  /** What was left by a process that is no more. */
  readonly left: SessionState | undefined;
  readonly #folder: JournalFolder;
  readonly #name: string;
  readonly #key: string;

  private constructor(folder: JournalFolder, name: string, key: string, left: SessionState | undefined) {
    this.#folder = folder;
    this.#name = name;
    this.#key = key;
    this.left = left;
  }

  /** Undefined when this process, or another that lives, is at that upload already. To be removed in the end. */
  static async open(folder: JournalFolder, path: string, name: string): Promise<JournalEntry | undefined> {
    const key = `${path}\n${name}`;
    if (atWork.has(key)) return undefined;
    atWork.add(key);
    try {
      const found = parseEntry(await folder.read(name), name);
      if (found === undefined || !folder.isAlive(found.owner, found.savedAt)) {
        const entry = new JournalEntry(folder, name, key, found);
        await entry.#claim();
        return entry;
      }
    } catch (error) {
      atWork.delete(key);
      throw error;
    }
    atWork.delete(key);
    return undefined;
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
  async #claim(): Promise<void> {
    const state = this.left ?? { location: "", confirmedBytes: 0, minChunkBytes: 0 };
    await this.#folder.write(this.#name, JSON.stringify({ ...this.#mark(), ...state } satisfies Entry));
  }

  async remove(): Promise<void> {
    await this.#folder.remove(this.#name).catch(() => {});
    atWork.delete(this.#key);
  }

  #mark() {
    return { version: VERSION, name: this.#name, owner: this.#folder.owner, savedAt: Date.now() } as const;
  }
}

/**
 * Opens the journal of an upload. Undefined when somebody is at the same upload right now: that entry is left alone, and
 * this upload goes without.
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
    return await JournalEntry.open(await runtime.openJournal(folder), folder, name);
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
  const digest = () => expected ?? (inMemory && digestOf(inMemory));
  const known = identity ?? [digest()].filter((found) => found !== undefined);
  if (known.length === 0) {
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
function parseEntry(text: string | undefined, name: string): Entry | undefined {
  if (text === undefined) return undefined;
  try {
    const entry = JSON.parse(text) as Entry;
    const isWhole =
      entry.version === VERSION &&
      entry.name === name &&
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
