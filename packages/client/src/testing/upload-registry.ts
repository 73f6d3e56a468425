import { concatBytes, digestOf, formatUploadRange } from "@acrkit/oci";
import { connectionError, openRegistry, refusal, type ScriptedAnswer, type SeenRequest } from "./scripted-registry.ts";

type Override = (request: SeenRequest, nth: number) => ScriptedAnswer | Promise<ScriptedAnswer> | undefined;

interface Session {
  state: string;
  parts: Uint8Array[];
}

/** How a registry of this kind behaves where registries differ. */
export interface UploadBehaviour {
  /** Says how far an upload has come, and takes what comes next; without, it forgets one that broke off, as ACR does. */
  readonly reportsOffset?: boolean;
  readonly minChunkBytes?: number;
}

/**
 * A registry that takes uploads as ACR does (protocol, chapter 5): every answer moves on to another state, and a request
 * with any other than the latest is refused. `override` answers first; `nth` counts the requests of that method.
 */
export function uploadRegistry(override: Override = () => undefined, behaviour: UploadBehaviour = {}) {
  const sessions = new Map<string, Session>();
  const committed: Uint8Array[] = [];
  const seen = new Map<string, number>();
  let started = 0;
  const registry = openRegistry((request) => {
    const nth = seen.get(request.method) ?? 0;
    seen.set(request.method, nth + 1);
    return override(request, nth) ?? answer(request);
  });
  return { registry, sessions, committed, cutAfter, loseAnswer };

  /** Takes the first bytes of a body, then the connection breaks. */
  function cutAfter(bytes: number, { url, body }: SeenRequest): never {
    sessions.get(uuidOf(url))?.parts.push(body.subarray(0, bytes));
    throw connectionError();
  }

  /** Does what is asked for, but nobody hears of it. */
  function loseAnswer(request: SeenRequest): never {
    answer(request);
    throw connectionError();
  }

  function answer({ method, url, body, headers }: SeenRequest): ScriptedAnswer {
    if (method === "HEAD") {
      const found = committed.find((bytes) => url.pathname.endsWith(digestOf(bytes)));
      return found === undefined
        ? { status: 404 }
        : { status: 200, headers: { "content-length": String(found.byteLength) } };
    }
    if (method === "POST") {
      const uuid = `uuid-${++started}`;
      sessions.set(uuid, { state: "", parts: [] });
      return accepted(uuid);
    }
    const uuid = uuidOf(url);
    const session = sessions.get(uuid);
    if (session === undefined) return refusal(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
    // Compared as it came over the wire: nothing may be decoded and encoded anew.
    const state = behaviour.reportsOffset === true ? stateOf(uuid, 0) : stateOf(uuid, sizeOf(session));
    if (!url.search.startsWith(`?_nouploadcache=false&_state=${state}`)) {
      return refusal(404, "BLOB_UPLOAD_INVALID", "blob upload invalid");
    }
    if (method === "DELETE") {
      sessions.delete(uuid);
      return { status: 204 };
    }
    if (method === "GET") return { ...accepted(uuid), status: 204 };
    const first = /^(\d+)-/.exec(headers["content-range"] ?? "")?.[1];
    if (first !== undefined && Number(first) !== sizeOf(session)) return { status: 416 };
    session.parts.push(body);
    if (method === "PATCH") return accepted(uuid);
    const digest = url.searchParams.get("digest") ?? "";
    const bytes = concatBytes(session.parts);
    sessions.delete(uuid);
    if (digestOf(bytes) !== digest)
      return refusal(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
    committed.push(bytes);
    return { status: 201, headers: { "docker-content-digest": digest, location: `/v2/app/blobs/${digest}` } };
  }

  function accepted(uuid: string): ScriptedAnswer {
    const session = sessions.get(uuid);
    if (session === undefined) throw new Error("no such session");
    const state = stateOf(uuid, behaviour.reportsOffset === true ? 0 : sizeOf(session));
    return {
      status: 202,
      headers: {
        location: `/v2/app/blobs/uploads/${uuid}?_nouploadcache=false&_state=${state}`,
        range: formatUploadRange(sizeOf(session)),
        "docker-upload-uuid": uuid,
        ...(behaviour.minChunkBytes === undefined ? {} : { "oci-chunk-min-length": String(behaviour.minChunkBytes) }),
      },
    };
  }
}

export type UploadRegistry = ReturnType<typeof uploadRegistry>;

function sizeOf({ parts }: Session): number {
  return parts.reduce((sum, part) => sum + part.byteLength, 0);
}

/** Characters that a URL parser might be tempted to change. */
function stateOf(uuid: string, sizeInBytes: number): string {
  return `${uuid}-${sizeInBytes}_~a%2Fb%2bc+d*e(f)%3D%3D`;
}

function uuidOf(url: URL): string {
  return url.pathname.split("/").at(-1) ?? "";
}
