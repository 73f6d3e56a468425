import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rm, stat } from "node:fs/promises";
import { type ByteSource, createDigester, type Digest, type Digester, digestAlgorithm } from "@acrkit/oci";
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

/**
 * Uploads as files: an upload is as long as its file, so nothing else needs to survive a crash.
 *
 * The digest of an upload runs along in memory; after a restart it is taken again from the file.
 */
export class FileUploads implements UploadStore {
  readonly #layout: FolderLayout;
  readonly #placeBlob: PlaceBlob;
  readonly #digests = new Map<string, Digester>();
  readonly #busy = new Set<string>();

  constructor(layout: FolderLayout, placeBlob: PlaceBlob) {
    this.#layout = layout;
    this.#placeBlob = placeBlob;
  }

  async create(): Promise<string> {
    const uuid = randomUUID();
    await (await open(this.#layout.upload(uuid), "wx")).close();
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

  #session(uuid: string, size: number): UploadSession {
    let sizeInBytes = size;
    const file = this.#layout.upload(uuid);
    return {
      get sizeInBytes() {
        return sizeInBytes;
      },
      append: async (source) => {
        sizeInBytes = await this.#append(uuid, sizeInBytes, source);
      },
      commit: async (repository, digest) => {
        const actual = await this.#digest(uuid, sizeInBytes, digestAlgorithm(digest));
        if (actual !== digest) return false;
        await this.#placeBlob(file, repository, digest, sizeInBytes);
        return true;
      },
      discard: async () => {
        this.#digests.delete(uuid);
        await rm(file, { force: true });
      },
      release: () => {
        this.#busy.delete(uuid);
      },
    };
  }

  async #append(uuid: string, size: number, source: ByteSource): Promise<number> {
    const digester = await this.#running(uuid, size);
    // Taken out while it runs ahead of the file: if writing fails, the digest is of bytes that are not there.
    this.#digests.delete(uuid);
    const file = await open(this.#layout.upload(uuid), "r+");
    try {
      await appendTo(file, size, source, (part) => digester.update(part));
    } finally {
      await file.close();
      const written = (await stat(this.#layout.upload(uuid))).size;
      if (written === digester.sizeInBytes) this.#remember(uuid, digester);
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
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}
