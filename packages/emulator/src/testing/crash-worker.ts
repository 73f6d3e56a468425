import { type Digest, digestOf, isDigest, MediaType } from "@acrkit/oci";
import type { Spawned } from "./spawned.ts";

/** What a client knows of one repository: what has been acknowledged, and nothing else. */
export interface Known {
  /** By number; see `CONTENTS`. */
  readonly blobs: ReadonlySet<number>;
  /** With the numbers of its blobs. */
  readonly manifests: ReadonlyMap<Digest, readonly number[]>;
  readonly tags: ReadonlyMap<string, { readonly digest: Digest; readonly isLocked: boolean }>;
}

export const NOTHING: Known = { blobs: new Set(), manifests: new Map(), tags: new Map() };

/** Random choices, below `limit`. */
export type Choose = (limit: number) => number;

/** What can be pushed: empty, tiny, small, and some of several MiB, so that kills come in the middle of them. */
export const CONTENTS = [0, 1, 900, 10_000, 64 * 1024, 300_000, 1_500_000, 3_000_000, 6_000_000].map(
  (length, number) => {
    const bytes = Buffer.alloc(length, `content ${number} `);
    return { bytes, digest: digestOf(bytes) };
  },
);

/** One act of a client, and what the repository is like once it is acknowledged. */
interface Act {
  readonly name: string;
  readonly after: Known;
  run(): Promise<unknown>;
}

/**
 * A client that works on a repository of its own, one act after the other, until its emulator is gone. `state` is what has
 * been acknowledged; `pending`, what the repository may be like as well since an act was under way.
 */
export class CrashWorker {
  readonly repository: string;
  readonly #others: readonly string[];
  readonly #choose: Choose;
  state: Known = NOTHING;
  pending: Known | undefined;
  /** Names of acknowledged acts, with how often. */
  readonly acknowledged = new Map<string, number>();
  #serial = 0;

  constructor(repository: string, others: readonly string[], choose: Choose) {
    this.repository = repository;
    this.#others = others;
    this.#choose = choose;
  }

  /** Resolves when the emulator does not answer any more; rejects when it answers what it should not. */
  async work(emulator: Spawned): Promise<void> {
    const send: Spawned["send"] = async (...request) => {
      try {
        const answer = await emulator.send(...request);
        await answer.arrayBuffer();
        return answer;
      } catch (error) {
        throw new Gone("the emulator is gone", { cause: error });
      }
    };
    for (;;) {
      const act = this.#next(send);
      if (act === undefined) continue;
      this.pending = act.after;
      try {
        if ((await act.run()) !== false) this.state = act.after;
      } catch (error) {
        if (error instanceof Gone) return;
        throw error;
      }
      this.pending = undefined;
      this.acknowledged.set(act.name, (this.acknowledged.get(act.name) ?? 0) + 1);
    }
  }

  #next(send: Spawned["send"]): Act | undefined {
    const acts = [
      this.#pushBlob,
      this.#pushBlob,
      this.#pushBlob,
      this.#pushManifest,
      this.#pushManifest,
      this.#pushManifest,
      this.#pushManifest,
      this.#pushManifest,
      this.#mount,
      this.#leaveUpload,
      this.#lock,
      this.#lock,
      this.#deleteTag,
      this.#deleteManifest,
      this.#deleteBlob,
      this.#choose(4) === 0 ? this.#deleteRepository : this.#lock,
    ];
    return acts[this.#choose(acts.length)]?.call(this, send);
  }

  #pushBlob(send: Spawned["send"]): Act {
    const number = this.#choose(CONTENTS.length);
    const { bytes, digest } = contentOf(number);
    const way = this.#choose(3);
    return {
      name: ["one PUT", "one stream", "chunks"][way] ?? "",
      after: withBlob(this.state, number),
      run: async () => {
        const started = await send("POST", `/v2/${this.repository}/blobs/uploads/`);
        let location = expectStatus(started, 202).headers.get("location") ?? "";
        const pieces =
          way === 0
            ? []
            : way === 1
              ? [bytes]
              : [bytes.subarray(0, bytes.length / 3), bytes.subarray(bytes.length / 3)];
        for (const piece of pieces) {
          const body = way === 1 ? new Blob([piece]).stream() : piece;
          location = expectStatus(await send("PATCH", location, { body }), 202).headers.get("location") ?? "";
        }
        const put = await send("PUT", `${location}&digest=${digest}`, way === 0 ? { body: bytes } : {});
        expectStatus(put, 201);
      },
    };
  }

  #pushManifest(send: Spawned["send"]): Act | undefined {
    const blobs = [...this.state.blobs].filter(() => this.#choose(2) === 0);
    const [config] = blobs;
    if (config === undefined) return undefined;
    const tag = `t${this.#choose(4)}`;
    if (this.state.tags.get(tag)?.isLocked) return undefined;
    const descriptor = (number: number) => {
      const { bytes, digest } = contentOf(number);
      return { mediaType: MediaType.ociLayer, digest, size: bytes.byteLength };
    };
    const text = JSON.stringify({
      schemaVersion: 2,
      mediaType: MediaType.ociManifest,
      config: descriptor(config),
      layers: blobs.slice(1).map(descriptor),
      annotations: { serial: `${this.repository} ${this.#serial++}` },
    });
    const digest = digestOf(Buffer.from(text));
    const isMoved = this.state.tags.has(tag);
    const isTagged = this.#choose(4) > 0;
    const { manifests, tags } = this.state;
    return {
      name: isTagged ? (isMoved ? "tag moved" : "tag pushed") : "manifest pushed by digest",
      after: {
        ...this.state,
        manifests: new Map([...manifests, [digest, blobs]]),
        tags: isTagged ? new Map([...tags, [tag, { digest, isLocked: false }]]) : tags,
      },
      run: async () => {
        const target = `/v2/${this.repository}/manifests/${isTagged ? tag : digest}`;
        const headers = { "content-type": MediaType.ociManifest };
        expectStatus(await send("PUT", target, { body: text, headers }), 201);
      },
    };
  }

  #mount(send: Spawned["send"]): Act {
    const number = this.#choose(CONTENTS.length);
    const from = this.#others[this.#choose(this.#others.length)];
    return {
      name: "mount",
      after: withBlob(this.state, number),
      run: async () => {
        const query = `mount=${contentOf(number).digest}&from=${from}`;
        // 202 when the other repository does not have it: then an upload was begun, and nobody goes on with it.
        return (
          expectStatus(await send("POST", `/v2/${this.repository}/blobs/uploads/?${query}`), 201, 202).status === 201
        );
      },
    };
  }

  #leaveUpload(send: Spawned["send"]): Act {
    return {
      name: "upload left",
      after: this.state,
      run: async () => {
        const started = expectStatus(await send("POST", `/v2/${this.repository}/blobs/uploads/`), 202);
        const body = contentOf(5).bytes;
        expectStatus(await send("PATCH", started.headers.get("location") ?? "", { body }), 202);
      },
    };
  }

  #lock(send: Spawned["send"]): Act | undefined {
    const [name, tag] = this.#pick([...this.state.tags]) ?? [];
    if (name === undefined || tag === undefined) return undefined;
    const isLocked = !tag.isLocked;
    return {
      name: isLocked ? "locked" : "unlocked",
      after: { ...this.state, tags: new Map([...this.state.tags, [name, { ...tag, isLocked }]]) },
      run: async () => {
        const body = JSON.stringify({ deleteEnabled: !isLocked, writeEnabled: !isLocked });
        expectStatus(await send("PATCH", `/acr/v1/${this.repository}/_tags/${name}`, { body }), 200);
      },
    };
  }

  #deleteTag(send: Spawned["send"]): Act | undefined {
    const name = this.#pick([...this.state.tags].filter(([, { isLocked }]) => !isLocked).map(([key]) => key));
    if (name === undefined) return undefined;
    return {
      name: "tag deleted",
      after: { ...this.state, tags: new Map([...this.state.tags].filter(([key]) => key !== name)) },
      run: async () =>
        expectStatus(await send("DELETE", `/acr/v1/${this.repository}/_tags/${name}`), 202) !== undefined,
    };
  }

  #deleteManifest(send: Spawned["send"]): Act | undefined {
    const { manifests, tags } = this.state;
    const isLocked = (digest: Digest) => [...tags.values()].some((tag) => tag.digest === digest && tag.isLocked);
    const digest = this.#pick([...manifests.keys()].filter((one) => !isLocked(one)));
    if (digest === undefined) return undefined;
    return {
      name: "manifest deleted",
      after: {
        ...this.state,
        manifests: new Map([...manifests].filter(([one]) => one !== digest)),
        tags: new Map([...tags].filter(([, tag]) => tag.digest !== digest)),
      },
      run: async () =>
        expectStatus(await send("DELETE", `/v2/${this.repository}/manifests/${digest}`), 202) !== undefined,
    };
  }

  #deleteBlob(send: Spawned["send"]): Act | undefined {
    const used = new Set([...this.state.manifests.values()].flat());
    const number = this.#pick([...this.state.blobs].filter((one) => !used.has(one)));
    if (number === undefined) return undefined;
    return {
      name: "blob deleted",
      after: { ...this.state, blobs: new Set([...this.state.blobs].filter((one) => one !== number)) },
      run: async () => {
        expectStatus(await send("DELETE", `/v2/${this.repository}/blobs/${contentOf(number).digest}`), 202);
      },
    };
  }

  #deleteRepository(send: Spawned["send"]): Act | undefined {
    const { manifests, tags } = this.state;
    if (manifests.size === 0 || [...tags.values()].some(({ isLocked }) => isLocked)) return undefined;
    return {
      name: "repository deleted",
      after: NOTHING,
      run: async () => expectStatus(await send("DELETE", `/acr/v1/${this.repository}`), 202) !== undefined,
    };
  }

  #pick<T>(values: readonly T[]): T | undefined {
    return values[this.#choose(Math.max(values.length, 1))];
  }
}

/** What the repository really is like, with every byte read and every reference followed. */
export async function observe(emulator: Spawned, repository: string): Promise<Known> {
  const get = async (target: string, headers = {}) => emulator.send("GET", target, { headers });
  const blobs = new Set<number>();
  for (const [number, { bytes, digest }] of CONTENTS.entries()) {
    const answer = await get(`/v2/${repository}/blobs/${digest}`);
    const content = Buffer.from(await answer.arrayBuffer());
    if (answer.status === 404) continue;
    expectStatus(answer, 200);
    if (!content.equals(bytes)) throw new Error(`${repository}: blob ${number} has other bytes`);
    blobs.add(number);
  }
  const manifests = new Map<Digest, readonly number[]>();
  const tags = new Map<string, { digest: Digest; isLocked: boolean }>();
  const listed = await get(`/acr/v1/${repository}/_manifests?n=1000`);
  const list = (await listed.json()) as { manifests?: { digest: string }[] };
  if (listed.status === 404) return { blobs, manifests, tags };
  for (const { digest } of list.manifests ?? []) {
    const answer = expectStatus(
      await get(`/v2/${repository}/manifests/${digest}`, { accept: MediaType.ociManifest }),
      200,
    );
    const content = new Uint8Array(await answer.arrayBuffer());
    if (!isDigest(digest) || digestOf(content) !== digest) throw new Error(`${repository}: manifest ${digest} is torn`);
    const { config, layers } = JSON.parse(Buffer.from(content).toString()) as {
      config: { digest: string };
      layers: { digest: string }[];
    };
    const used = [config, ...layers].map((part) => CONTENTS.findIndex((one) => one.digest === part.digest));
    const missing = used.filter((number) => !blobs.has(number));
    if (missing.length > 0) throw new Error(`${repository}: blobs ${missing} of manifest ${digest} are missing`);
    manifests.set(digest, used);
  }
  type Tag = { name: string; digest: Digest; changeableAttributes: { deleteEnabled: boolean; writeEnabled: boolean } };
  const tagList = (await (await get(`/acr/v1/${repository}/_tags?n=1000`)).json()) as { tags: Tag[] };
  for (const { name, digest, changeableAttributes } of tagList.tags) {
    if (!manifests.has(digest)) throw new Error(`${repository}: tag ${name} leads to a manifest that is not there`);
    if (changeableAttributes.deleteEnabled !== changeableAttributes.writeEnabled) {
      throw new Error(`${repository}: half of tag ${name}'s lock is there`);
    }
    tags.set(name, { digest, isLocked: !changeableAttributes.writeEnabled });
  }
  return { blobs, manifests, tags };
}

/** As a text in which equal states are equal. */
export function shown({ blobs, manifests, tags }: Known): string {
  return JSON.stringify({
    blobs: [...blobs].sort((a, b) => a - b),
    manifests: [...manifests].map(([digest, used]) => `${digest}: ${used}`).sort(),
    tags: [...tags].map(([name, { digest, isLocked }]) => `${name} ${digest}${isLocked ? " locked" : ""}`).sort(),
  });
}

class Gone extends Error {}

function contentOf(number: number) {
  const content = CONTENTS[number];
  if (content === undefined) throw new Error(`there is no content ${number}`);
  return content;
}

function withBlob(state: Known, number: number): Known {
  return { ...state, blobs: new Set([...state.blobs, number]) };
}

function expectStatus(answer: Response, ...expected: readonly number[]): Response {
  if (expected.includes(answer.status)) return answer;
  throw new Error(`${answer.url} answered ${answer.status}, not ${expected.join(" or ")}`);
}
