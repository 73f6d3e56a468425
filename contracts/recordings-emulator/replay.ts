import type { Emulator } from "@acrkit/emulator";
import { digestOf, formatScopes } from "@acrkit/oci";
import { bytesOf, searchParams } from "../recordings/bytes.ts";
import {
  type Exchange,
  headerText,
  RECORDED_HOST,
  type RecordedRequest,
  type Recording,
} from "../recordings/recording.ts";
import { EXTRAS } from "./extras.ts";
import { LiveTokens, scopesOf } from "./live-tokens.ts";
import { type Answer, Wire, type WireRequest } from "./wire.ts";

/** One recorded exchange beside what the emulator answered. */
export interface Replayed {
  /** Counted from 1. */
  readonly number: number;
  readonly exchange: Exchange;
  readonly answer: Answer;
}

/** Headers that belong to the recorded connection or to the bytes sent, which are sent anew. */
const CONNECTION_HEADERS = new Set(["connection", "content-length", "transfer-encoding", "host", "authorization"]);

/**
 * Sends a recording's requests to the emulator, in order. Tokens, upload states and signed URLs, which only the other
 * side can make, are replaced by those of the emulator's earlier answers.
 */
export async function replay(emulator: Emulator, recording: Recording): Promise<readonly Replayed[]> {
  using wire = new Wire(emulator.certificate);
  const session = new ReplaySession(emulator, recording, wire);
  const replayed: Replayed[] = [];
  for (const [index, exchange] of recording.exchanges.entries()) {
    const answer = await wire.send(await session.requestFor(index, exchange));
    session.learn(exchange, answer);
    replayed.push({ number: index + 1, exchange: session.standIn(exchange), answer });
  }
  return replayed;
}

class ReplaySession {
  readonly #emulator: Emulator;
  readonly #recording: Recording;
  readonly #wire: Wire;
  readonly #tokens: LiveTokens;
  /** Digests of bytes the recorder left out, and of those that stand in for them. */
  readonly #standIns = new Map<string, string>();
  #uploaded: Uint8Array[] = [];
  #uploadLocation: string | undefined;
  #storageLocation: string | undefined;

  constructor(emulator: Emulator, recording: Recording, wire: Wire) {
    this.#emulator = emulator;
    this.#recording = recording;
    this.#wire = wire;
    this.#tokens = new LiveTokens(emulator, wire);
  }

  async requestFor(index: number, exchange: Exchange): Promise<WireRequest> {
    const { request, response } = exchange;
    const extras = EXTRAS[this.#recording.id] ?? {};
    const headers: Record<string, string> = { ...extras.headers?.[index + 1] };
    for (const name of Object.keys(request.headers)) {
      if (!CONNECTION_HEADERS.has(name)) headers[name] = headerText(request.headers, name) ?? "";
    }
    const body = await this.#body(index, exchange);
    // Clients send a length with everything that could have a body; fetch and Node leave it out of a bare DELETE.
    if (body.byteLength > 0 || ["POST", "PUT", "PATCH"].includes(request.method)) {
      headers["content-length"] = String(body.byteLength);
    }
    const { origin, target } = await this.#target(request, body);
    if (request.host === undefined && this.#sentToken(exchange)) {
      const refused = response.status === 401;
      headers.authorization = `Bearer ${await this.#tokens.access(request.method, request.path, { refused })}`;
    }
    return { origin, method: request.method, target, headers, body };
  }

  learn({ request }: Exchange, answer: Answer): void {
    if (request.path.startsWith("/oauth2/") && answer.status === 200) this.#tokens.learn(answer);
    const [location = ""] = answer.headers.location ?? [];
    if (location.includes("/blobs/uploads/")) this.#uploadLocation = location;
    if (answer.status === 307) this.#storageLocation = location;
    // A new upload begins with the next POST.
    if (answer.status === 201) this.#uploaded = [];
  }

  /** The exchange with the digests of what was really sent in the place of recorded ones. */
  standIn(exchange: Exchange): Exchange {
    let text = JSON.stringify(exchange);
    for (const [recorded, live] of this.#standIns) text = text.replaceAll(recorded, live);
    return JSON.parse(text) as Exchange;
  }

  /** Two recorders drop the header: there, whatever was not challenged had a token. */
  #sentToken({ request, response }: Exchange): boolean {
    if (request.path.startsWith("/oauth2/")) return false;
    if (request.headers.authorization !== undefined) return true;
    return (
      this.#recording.recorder !== "test-proxy" &&
      response.status !== 401 &&
      scopesOf(request.method, request.path).length > 0
    );
  }

  async #body(index: number, { request, response }: Exchange): Promise<Uint8Array> {
    if (request.path.startsWith("/oauth2/")) return this.#form(index, request, response.status);
    const body = EXTRAS[this.#recording.id]?.bodies?.[index + 1] ?? request.body;
    const length = Number(headerText(request.headers, "content-length"));
    const bytes = bytesOf(body, { digest: headerText(response.headers, "docker-content-digest"), length });
    if (response.status < 300 && request.path.includes("/blobs/uploads/")) this.#uploaded.push(bytes);
    return bytes;
  }

  /** Placeholders become live tokens; one recorder keeps no bodies, so there the request that follows tells the scope. */
  async #form(index: number, { path, body }: RecordedRequest, status: number): Promise<Uint8Array> {
    const recorded =
      body !== null && "form" in body
        ? body.form
        : path.endsWith("/exchange")
          ? [
              ["grant_type", "access_token"],
              ["service", RECORDED_HOST],
              ["access_token", "<aad-token>"],
            ]
          : [
              ["grant_type", "refresh_token"],
              ["service", RECORDED_HOST],
              ["scope", this.#nextScope(index)],
              ["refresh_token", "<refresh-token>"],
            ];
    const form = new URLSearchParams();
    for (const [name = "", value = ""] of recorded) {
      const isPlaceholder = /^<.*>$/.test(value);
      if (isPlaceholder && name === "access_token")
        form.append(name, await this.#tokens.aad({ refused: status === 401 }));
      else if (isPlaceholder && name === "refresh_token") form.append(name, await this.#tokens.refresh());
      else form.append(name, value);
    }
    return Buffer.from(form.toString());
  }

  #nextScope(index: number): string {
    const next = this.#recording.exchanges.slice(index + 1).find(({ request }) => !request.path.startsWith("/oauth2/"));
    return next === undefined ? "" : formatScopes(scopesOf(next.request.method, next.request.path));
  }

  async #target(request: RecordedRequest, body: Uint8Array): Promise<{ origin: string; target: string }> {
    if (request.host !== undefined) {
      const url = new URL(this.#storageLocation ?? "");
      return { origin: url.origin, target: url.pathname + url.search };
    }
    const origin = this.#emulator.endpoint;
    if (/\/blobs\/uploads\/./.test(request.path)) return { origin, target: await this.#uploadTarget(request, body) };
    const query = String(searchParams(request.query));
    return { origin, target: query === "" ? request.path : `${request.path}?${query}` };
  }

  async #uploadTarget(request: RecordedRequest, body: Uint8Array): Promise<string> {
    this.#uploadLocation ??= await this.#earlierUpload(request);
    const digest = request.query.find(([name]) => name === "digest")?.[1];
    if (digest === undefined) return this.#uploadLocation;
    return `${this.#uploadLocation}&digest=${encodeURIComponent(this.#digestOf(digest, request, body))}`;
  }

  /** Where the recorder left bytes out, the digest is that of the bytes in their place. */
  #digestOf(recorded: string, { path }: RecordedRequest, body: Uint8Array): string {
    const leftOut = this.#recording.exchanges.some(
      ({ request }) => request.path === path && request.body !== null && "omitted" in request.body,
    );
    if (!leftOut) return recorded;
    const sent = this.#uploaded.includes(body) ? this.#uploaded : [...this.#uploaded, body];
    const live = digestOf(Buffer.concat(sent));
    if (live !== recorded) this.#standIns.set(recorded, live);
    return live;
  }

  /** An excerpt that begins in the middle of an upload: what came before is made up for. */
  async #earlierUpload({ path }: RecordedRequest): Promise<string> {
    const origin = this.#emulator.endpoint;
    const start = path.slice(0, path.lastIndexOf("/") + 1);
    const headers = { authorization: `Bearer ${await this.#tokens.access("POST", start, { refused: false })}` };
    const started = await this.#wire.send({ origin, method: "POST", target: start, headers, body: new Uint8Array() });
    const body = new Uint8Array(EXTRAS[this.#recording.id]?.uploadedBytes ?? 0);
    const target = started.headers.location?.[0] ?? "";
    const sent = await this.#wire.send({ origin, method: "PATCH", target, headers, body });
    return sent.headers.location?.[0] ?? "";
  }
}
