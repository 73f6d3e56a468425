import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, readdir, rm, stat } from "node:fs/promises";
import { type ByteSource, createDigester, type Digest, type Digester, digestAlgorithm } from "@acrkit/oci";
import { asDiskFull, DiskFullError, QuotaExceededError } from "../errors.ts";
import type { Quota } from "../quota.ts";
import type { UploadSession, UploadStore } from "../store.ts";
import { appendTo } from "./append.ts";
import type { FolderLayout } from "./layout.ts";

/** Makes an upload's file a blob of the repository. */
export type PlaceBlob = (file: string, repository: string, digest: Digest, sizeInBytes: number) => Promise<void>;

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Abandoned uploads stay in memory as long as there are fewer; later ones are hashed again from their file. */
const MAX_RUNNING_DIGESTS = 1000;

/** The algorithm almost every upload ends with; another one costs a second reading of the file. */
const USUAL_ALGORITHM = "sha256";

/** The system stamps files with the machine's time, which does for ages as long as the emulator's clock is no further off. */
const SAME_TIME_MS = 1000;

/**
 * Uploads as files: an upload is as long as its file and as old as its last write, so nothing else needs to survive a
 * crash. Nothing is synced to the disk before the upload is a blob: no answer promises more.
 *
 * The digest of an upload runs along in memory; after a restart it is taken again from the file.
 */
export class FileUploads implements UploadStore {
  readonly #layout: FolderLayout;
  readonly #quota: Quota;
  readonly #now: () => number;
  readonly #placeBlob: PlaceBlob;
  readonly #digests = new Map<string, Digester>();
  readonly #busy: Set<string>;

  /** `busy` has the ids of uploads that are held, by whomever: nobody else touches their files. */
  constructor(layout: FolderLayout, quota: Quota, now: () => number, busy: Set<string>, placeBlob: PlaceBlob) {
    this.#layout = layout;
    this.#quota = quota;
    this.#now = now;
    this.#busy = busy;
    this.#placeBlob = placeBlob;
  }

  async create(): Promise<string> {
    const uuid = randomUUID();
    // Until it is stamped it may look old.
    this.#busy.add(uuid);
    try {
      const file = await open(this.#layout.upload(uuid), "wx");
      await this.#stamp(file).finally(() => file.close());
    } catch (error) {
      throw asDiskFull(error, this.#layout.folder);
    } finally {
      this.#busy.delete(uuid);
    }
    this.#remember(uuid, createDigester(USUAL_ALGORITHM));
    return uuid;
  }

  async open(uuid: string): Promise<UploadSession | "busy" | "unknown"> {
    if (!UUID.test(uuid)) return "unknown";
    if (this.#busy.has(uuid)) return "busy";
    this.#busy.add(uuid);
    try {
      const { size } = await stat(this.#layout.upload(uuid));
      return this.#session(uuid, size);
    } catch (error) {
      this.#busy.delete(uuid);
      if (isMissing(error)) return "unknown";
      throw error;
    }
  }

  async size(uuid: string): Promise<number | undefined> {
    if (!UUID.test(uuid)) return undefined;
    try {
      return (await stat(this.#layout.upload(uuid))).size;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** Throws away what nobody has touched for so long; gives how many uploads, and their bytes. */
  async removeOlderThan(ageMs: number): Promise<{ readonly count: number; readonly sizeInBytes: number }> {
    let [count, sizeInBytes] = [0, 0];
    for (const uuid of await readdir(this.#layout.uploads)) {
      // Looked at first, and held only then: whoever goes on with it meanwhile must not find it held.
      if (!(await this.#isOlder(uuid, ageMs))) continue;
      const session = await this.open(uuid);
      if (typeof session === "string") continue;
      try {
        if (!(await this.#isOlder(uuid, ageMs))) continue;
        await session.discard();
        [count, sizeInBytes] = [count + 1, sizeInBytes + session.sizeInBytes];
      } finally {
        session.release();
      }
    }
    return { count, sizeInBytes };
  }

  async #isOlder(uuid: string, ageMs: number): Promise<boolean> {
    try {
      return this.#now() - (await stat(this.#layout.upload(uuid))).mtimeMs > ageMs;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  /** Forgets all digests: the files have been removed. */
  clear(): void {
    this.#digests.clear();
  }

  #session(uuid: string, size: number): UploadSession {
    let sizeInBytes = size;
    const file = this.#layout.upload(uuid);
    const discard = async () => {
      this.#digests.delete(uuid);
      await rm(file, { force: true });
    };
    return {
      get sizeInBytes() {
        return sizeInBytes;
      },
      append: async (source) => {
        try {
          sizeInBytes = await this.#append(uuid, sizeInBytes, source);
        } catch (error) {
          // There is no room to go on with it, and what it holds is room for others.
          if (error instanceof DiskFullError || error instanceof QuotaExceededError) await discard();
          throw error;
        }
      },
      commit: async (repository, digest) => {
        const actual = await this.#digest(uuid, sizeInBytes, digestAlgorithm(digest));
        if (actual !== digest) return false;
        try {
          await this.#placeBlob(file, repository, digest, sizeInBytes);
        } catch (error) {
          await discard();
          throw error;
        }
        return true;
      },
      discard,
      release: () => {
        this.#busy.delete(uuid);
      },
    };
  }

  async #append(uuid: string, size: number, source: ByteSource): Promise<number> {
    const digester = await this.#running(uuid, size);
    // Taken out while it runs ahead of the file: if writing fails, the digest is of bytes that are not there.
    this.#digests.delete(uuid);
    const path = this.#layout.upload(uuid);
    const file = await open(path, "r+");
    try {
      await appendTo(file, size, source, (part) => {
        // Only an upload's first byte over the limit is noticed late, by as much as others add meanwhile.
        if (this.#quota.isLimited) this.#quota.assertRoom(digester.sizeInBytes + part.byteLength);
        digester.update(part);
      });
    } catch (error) {
      throw asDiskFull(error, this.#layout.folder);
    } finally {
      try {
        const { size: written } = await file.stat();
        if (written === digester.sizeInBytes) this.#remember(uuid, digester);
        await this.#stamp(file);
      } finally {
        await file.close();
      }
    }
    return digester.sizeInBytes;
  }

  async #digest(uuid: string, size: number, algorithm: string): Promise<Digest> {
    if (algorithm !== USUAL_ALGORITHM) return (await this.#rehash(uuid, algorithm)).digest();
    const digester = await this.#running(uuid, size);
    // A digester gives its digest once; should the upload go on, it is taken again from the file.
    this.#digests.delete(uuid);
    return digester.digest();
  }

  async #running(uuid: string, size: number): Promise<Digester> {
    const running = this.#digests.get(uuid);
    return running?.sizeInBytes === size ? running : await this.#rehash(uuid, USUAL_ALGORITHM);
  }

  async #rehash(uuid: string, algorithm: string): Promise<Digester> {
    const digester = createDigester(algorithm);
    for await (const part of createReadStream(this.#layout.upload(uuid), { highWaterMark: 1024 * 1024 })) {
      digester.update(part);
    }
    return digester;
  }

  #remember(uuid: string, digester: Digester): void {
    this.#digests.set(uuid, digester);
    if (this.#digests.size <= MAX_RUNNING_DIGESTS) return;
    const [oldest] = this.#digests.keys();
    if (oldest !== undefined) this.#digests.delete(oldest);
  }

  /** Dates a file that was just written by the emulator's clock, where that is not the machine's time. */
  async #stamp(file: FileHandle): Promise<void> {
    const now = this.#now();
    if (Math.abs(now - Date.now()) > SAME_TIME_MS) await file.utimes(now / 1000, now / 1000);
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}
